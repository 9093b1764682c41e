"""Images of a tiny checkpoint, and what its denoiser is recorded to hold on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prompts.structure import Prompt
from t2i_audit.activations.denoiser import DenoiserLayout, DenoiserRecorder
from t2i_audit.generation import Sampled, cut_batches, sample_batch
from t2i_audit.generation.dry_run import prompts_to_try, try_sampling
from t2i_audit.generation.sampling import Sampling
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.run.features import FeaturePart
from t2i_audit.settings import ImageOptions
from tests.families.checkpoints import FAMILIES

TOGETHER = 2
_LAYOUTS: dict[Any, tuple[Any, DenoiserLayout]] = {}


def layout_of(
    model: LoadedModel,
    name: str,
    prompts: Sequence[Prompt],
    guidance: float | None,
    *,
    batch_size: int = TOGETHER,
    negative_prompt: str | None = None,
) -> DenoiserLayout:
    """The layout of a family's denoiser, as an audit finds it before the first image.

    Looked for once for each pipeline.
    """
    perturbed = str(getattr(model.pipeline, "pag_applied_layers", None))
    key = (id(model.pipeline), name, guidance, batch_size, negative_prompt, perturbed)
    if key not in _LAYOUTS:
        found = find_layout_of(model, name, prompts, guidance, batch_size, negative_prompt)
        _LAYOUTS[key] = model.pipeline, found  # the pipeline, so that no other gets its id
    return _LAYOUTS[key][1]


def find_layout_of(
    model: LoadedModel,
    name: str,
    prompts: Sequence[Prompt],
    guidance: float | None,
    batch_size: int,
    negative_prompt: str | None,
) -> DenoiserLayout:
    side = FAMILIES[name].side
    sampling = Sampling(
        steps=2,
        guidance_scale=guidance,
        seeds=1,
        batch_size=batch_size,
        record_denoiser=True,
        options=ImageOptions(height=side, width=side, negative_prompt=negative_prompt),
    )
    tried = prompts_to_try(prompts)
    if FAMILIES[name].attributes:  # whose code makes images of another size than is asked for
        recorder = DenoiserRecorder(model.pipeline, steps=(0,))
        (batch, *_) = cut_batches(tried, seeds=1, batch_size=batch_size)
        sample_batch(
            model, batch, steps=2, guidance_scale=guidance, recorder=recorder,
            options=sampling.options,
        )  # fmt: skip
        return recorder.find_layout()
    layout = try_sampling(model, tried, sampling).layout
    assert layout is not None
    return layout


def sampling_of(name: str, guidance: float | None, *, batch_size: int = TOGETHER) -> Sampling:
    """Two steps of a family at its own size, without recording."""
    side = FAMILIES[name].side
    return Sampling(
        steps=2,
        guidance_scale=guidance,
        seeds=1,
        batch_size=batch_size,
        record_denoiser=False,
        options=ImageOptions(height=side, width=side),
    )


def sample_recorded(
    model: LoadedModel,
    name: str,
    prompts: Sequence[Prompt],
    guidance: float | None,
    *,
    batch_size: int,
    steps: tuple[int, ...],
    negative_prompt: str | None = None,
    layout: DenoiserLayout | None = None,
) -> tuple[list[Sampled], list[FeaturePart]]:
    """The images of all `prompts` in two steps, and what is recorded at `steps`, by batch."""
    side = FAMILIES[name].side
    options = ImageOptions(height=side, width=side, negative_prompt=negative_prompt)
    batches = cut_batches(prompts, seeds=1, batch_size=batch_size)
    if layout is None:
        asked = {"negative_prompt": negative_prompt, "batch_size": min(batch_size, TOGETHER)}
        layout = layout_of(model, name, prompts, guidance, **asked)  # type: ignore[arg-type]
    recorder = DenoiserRecorder(model.pipeline, steps=steps, layout=layout)
    sampled, parts = [], []
    for batch in batches:
        sampled.append(
            sample_batch(
                model, batch, steps=2, guidance_scale=guidance, recorder=recorder, options=options
            )
        )
        parts.append(recorder.take())
    return sampled, parts
