"""Pictures of a tiny checkpoint, and what its denoiser is recorded to hold on the way."""

from __future__ import annotations

from collections.abc import Sequence

from prompts.structure import Prompt
from t2i_audit.activations.denoiser import DenoiserRecorder
from t2i_audit.activations.features import FeaturePart
from t2i_audit.generation import Sampled, cut_batches, sample_batch
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.settings import ImageOptions
from tests.families.checkpoints import FAMILIES


def sample_recorded(
    model: LoadedModel,
    name: str,
    prompts: Sequence[Prompt],
    guidance: float | None,
    *,
    batch_size: int,
    steps: tuple[int, ...],
    negative_prompt: str | None = None,
) -> tuple[list[Sampled], list[FeaturePart]]:
    """The pictures of all `prompts` in two steps, and what is recorded at `steps`, by batch."""
    side = FAMILIES[name].side
    options = ImageOptions(height=side, width=side, negative_prompt=negative_prompt)
    recorder = DenoiserRecorder(model.pipeline, steps=steps)
    sampled, parts = [], []
    for batch in cut_batches(prompts, seeds=1, batch_size=batch_size):
        sampled.append(
            sample_batch(
                model, batch, steps=2, guidance_scale=guidance, recorder=recorder, options=options
            )
        )
        parts.append(recorder.take())
    return sampled, parts
