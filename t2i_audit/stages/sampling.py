"""How the images of an audit will be sampled: decided and tried before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from t2i_audit.generation.defaults import SamplingDefaults, sampling_defaults
from t2i_audit.generation.dry_run import (
    Preflight,
    prompts_to_try,
    require_recordable,
    try_sampling,
)
from t2i_audit.generation.sampling import Sampling
from t2i_audit.pipelines.arguments import (
    check_options,
    check_steps,
    sampler_options,
    switched_off_notes,
)
from t2i_audit.printable import counted
from t2i_audit.run.manifest import remembered_batch_size
from t2i_audit.settings import LARGEST_AUTO_BATCH
from t2i_audit.stages.images import fitting_batch
from t2i_audit.stages.text import read_prompts

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.models.loaded import LoadedModel
    from t2i_audit.run.manifest import Manifest
    from t2i_audit.settings import AuditSettings

STEPS_FROM, GUIDANCE_FROM = "steps_from", "guidance_from"
EXPECTED = "expected_size"
LAYOUT = "denoiser_layout"
READ_AT_ONCE = 8  # prompts, few enough for any encoder


@dataclass(frozen=True)
class SamplingPlan:
    """How the images of a run are made."""

    sampling: Sampling
    sampler: Mapping[str, Any]
    """For the manifest."""
    notes: tuple[str, ...]
    """What a reader of the results must know."""
    lines: tuple[str, ...]
    """Sentences for the user, before the run begins."""
    layout: Mapping[str, Any] | None
    """The denoiser's, for the manifest."""
    recorded: int = 0
    """Numbers that are recorded of the denoiser for each prompt; 0 where that is not known."""

    @property
    def identity(self) -> dict[str, Any]:
        """What of the plan the results depend on, for the manifest."""
        layout = {} if self.layout is None else {LAYOUT: self.layout}
        return {"batch_size": self.sampling.batch_size, "sampler": self.sampler, **layout}


def plan_sampling(
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    settings: AuditSettings,
    before: Manifest | None,
) -> SamplingPlan:
    """Decide what `settings` leave open, and try it in a dry call unless the run is complete.

    Args:
        loaded: the model.
        prompts: the suite's, beginning with one whose words the text encoders read.
        settings: the user's.
        before: the manifest of a run that is resumed, or whose images are used; None for a new run.

    Raises:
        ModelError: it cannot be sampled like that; one sentence with the reason and the remedy.
    """
    adapter, call = loaded.adapter, loaded.adapter.call
    loras = [path for path, _ in settings.model_options.loras()]
    chosen = sampling_defaults(loaded, loras).given(settings.steps, settings.guidance_scale)
    sampling = Sampling(
        steps=chosen.steps,
        guidance_scale=chosen.guidance_scale,
        seeds=settings.seeds,
        base_seed=settings.seed,
        batch_size=settings.batch_size or LARGEST_AUTO_BATCH,
        record_denoiser=settings.denoiser_station,
        shrinks=settings.batch_size is None,
        options=settings.image_options,
    )
    check_options(call, settings.image_options)
    check_steps(call, sampling.steps, sampling.guidance_scale)
    made, recorded = None, 0
    if before is None or not before.complete:
        found = preflight(loaded, prompts, sampling)
        if found.layout is not None:
            require_recordable(loaded, found.layout)
        made, recorded = found.size, found.recorded
        sampling = replace(sampling, layout=found.layout)
    if settings.batch_size is None:
        size = remembered_batch_size(before)
        if size is None:
            first = prompts[: -(-sampling.batch_size // sampling.seeds)]
            size = fitting_batch(loaded, first, _located(loaded, first, sampling))
        sampling = replace(sampling, batch_size=size)
    sampler = {
        "scheduler": adapter.scheduler,
        "steps": sampling.steps,
        "guidance_scale": sampling.guidance_scale,
        **_sources(before, chosen),
        **sampler_options(call, settings.image_options, sampling.guidance_scale),
        "watermarker": adapter.watermarker,
        "safety_checker": adapter.safety_checker,
    }
    sampler |= _size(before, sampler, made)
    not_located = () if sampling.layout is None else sampling.layout.not_located
    notes = (*_notes(chosen), *switched_off_notes(call), *not_located)
    lines = (_line(loaded, len(prompts), sampling, chosen, sampler), *not_located)
    layout = _layout_of(before, sampling)
    return SamplingPlan(sampling, sampler, notes, lines, layout, recorded)


def with_layout(loaded: LoadedModel, prompts: Sequence[Prompt], sampling: Sampling) -> Sampling:
    """`sampling` with the layout of the denoiser, for a complete run some of which is made again.

    Raises:
        ModelError: as `plan_sampling`.
    """
    if sampling.layout is not None or not sampling.record_denoiser:
        return sampling
    return replace(sampling, layout=preflight(loaded, prompts, sampling).layout)


def preflight(loaded: LoadedModel, prompts: Sequence[Prompt], sampling: Sampling) -> Preflight:
    """Try `sampling` with one or two of `prompts`, and find the layout of the denoiser.

    Raises:
        ModelError: it cannot be sampled like that; one sentence with the reason and the remedy.
    """
    tried = prompts_to_try(prompts)
    return try_sampling(loaded, tried, _located(loaded, tried, sampling))


def _layout_of(before: Manifest | None, sampling: Sampling) -> Mapping[str, Any] | None:
    """The denoiser's layout for the manifest; of a complete run, which is not traced, its own."""
    if sampling.layout is not None:
        return sampling.layout.to_json()
    there = None if before is None else before.settings.get(LAYOUT)
    return there if isinstance(there, Mapping) else None


def _located(loaded: LoadedModel, prompts: Sequence[Prompt], sampling: Sampling) -> Sampling:
    """`sampling` that records the prompts whose words are found, as the run itself will."""
    if not sampling.record_denoiser:
        return sampling
    readings = read_prompts(loaded, prompts, READ_AT_ONCE)
    return replace(sampling, located=readings.encoders_of(prompts))


def _sources(before: Manifest | None, chosen: SamplingDefaults) -> dict[str, str]:
    """Where steps and guidance come from, or came from when the run began.

    The same numbers from another source make the same run.
    """
    own = {STEPS_FROM: chosen.steps_from, GUIDANCE_FROM: chosen.guidance_from}
    if before is None:
        return own
    there = _recorded(before)
    return {name: str(there[name]) for name in own if name in there}


def _size(
    before: Manifest | None, sampler: Mapping[str, Any], made: tuple[int, int] | None
) -> dict[str, Any]:
    """Height and width of the images, and the expected ones if these differ.

    For a complete run no image was tried, so its manifest says which size the images came to have.
    """
    expected = [sampler["height"], sampler["width"]]
    there = {} if before is None else _recorded(before)
    if made is None and there.get(EXPECTED) == expected:
        made = there.get("height"), there.get("width")  # type: ignore[assignment]
    if made is None or list(made) == expected:
        return {}
    return {"height": made[0], "width": made[1], EXPECTED: expected}


def _recorded(before: Manifest) -> Mapping[str, Any]:
    recorded = before.settings.get("sampler", {})
    return recorded if isinstance(recorded, Mapping) else {}


def _notes(chosen: SamplingDefaults) -> list[str]:
    notes = [] if chosen.is_given else [f"Images were sampled in {_described(chosen)}."]
    return [*notes, *([chosen.note] if chosen.note else [])]


def _described(chosen: SamplingDefaults) -> str:
    guidance = ""
    if chosen.guidance_scale is not None:
        guidance = f" with guidance {chosen.guidance_scale:g}"
    steps = "step" if chosen.steps == 1 else "steps"
    return f"{chosen.steps} {steps}{guidance} ({chosen.source})"


def _line(
    loaded: LoadedModel,
    prompts: int,
    sampling: Sampling,
    chosen: SamplingDefaults,
    sampler: Mapping[str, Any],
) -> str:
    return (
        f"{counted(prompts * sampling.seeds, 'image')} ({counted(prompts, 'prompt')} x "
        f"{counted(sampling.seeds, 'seed')}) of "
        f"{sampler['height']} x {sampler['width']} pixels in {_described(chosen)}, "
        f"{sampler['scheduler']}, {loaded.dtype_name} on {loaded.device.type}"
    )
