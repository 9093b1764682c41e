"""How the images of an audit will be sampled, settled and tried before anything is written."""

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
from t2i_audit.generation.options import (
    check_options,
    check_steps,
    sampler_options,
    switched_off_notes,
)
from t2i_audit.generation.safety import checker_name, watermarker_name
from t2i_audit.generation.sampling import Sampling
from t2i_audit.printable import counted
from t2i_audit.run.directory import read_manifest_if_any
from t2i_audit.run.manifest import remembered_batch_size
from t2i_audit.settings import LARGEST_AUTO_BATCH
from t2i_audit.stages.pictures import fitting_batch
from t2i_audit.stages.text import read_prompts

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.models.load import LoadedModel
    from t2i_audit.run.manifest import Manifest
    from t2i_audit.settings import AuditSettings

STEPS_FROM, GUIDANCE_FROM = "steps_from", "guidance_from"
EXPECTED = "expected_size"
LAYOUT = "denoiser_layout"
READ_AT_ONCE = 8  # prompts, few enough for any encoder


@dataclass(frozen=True)
class Plan:
    """What the images of a run are made with."""

    sampling: Sampling
    sampler: Mapping[str, Any]
    """For the manifest."""
    notes: tuple[str, ...]
    """What a reader of the results must know of it."""
    lines: tuple[str, ...]
    """What the user is told before the run begins."""
    layout: Mapping[str, Any] | None
    """The denoiser's, for the manifest."""

    @property
    def identity(self) -> dict[str, Any]:
        """What of the plan the results depend on, for the manifest."""
        layout = {} if self.layout is None else {LAYOUT: self.layout}
        return {"batch_size": self.sampling.batch_size, "sampler": self.sampler, **layout}


def plan_sampling(loaded: LoadedModel, prompts: Sequence[Prompt], settings: AuditSettings) -> Plan:
    """Settle what `settings` leave open, and try it in a dry call unless the run is complete.

    Args:
        loaded: the model.
        prompts: the suite's, one first whose words the text encoders get.
        settings: the user's.

    Raises:
        ModelError: it cannot be sampled like that; one sentence with the reason and the mend.
    """
    pipeline = loaded.pipeline
    loras = [path for path, _ in settings.model_options.loras()]
    chosen = sampling_defaults(loaded, loras).given(settings.steps, settings.guidance_scale)
    sampling = Sampling(
        steps=chosen.steps,
        guidance_scale=chosen.guidance_scale,
        seeds=settings.seeds,
        batch_size=settings.batch_size or LARGEST_AUTO_BATCH,
        record_denoiser=settings.denoiser_station,
        shrinks=settings.batch_size is None,
        options=settings.picture_options,
    )
    check_options(pipeline, settings.picture_options)
    check_steps(pipeline, sampling.steps, sampling.guidance_scale)
    before = read_manifest_if_any(settings.out)
    made = None
    if before is None or not before.complete:
        found = preflight(loaded, prompts, sampling)
        if found.layout is not None:
            require_recordable(loaded, found.layout)
        made, sampling = found.size, replace(sampling, layout=found.layout)
    if settings.batch_size is None:
        size = remembered_batch_size(before)
        if size is None:
            first = prompts[: -(-sampling.batch_size // sampling.seeds)]
            size = fitting_batch(loaded, first, _located(loaded, first, sampling))
        sampling = replace(sampling, batch_size=size)
    sampler = {
        "scheduler": type(pipeline.scheduler).__name__,
        "steps": sampling.steps,
        "guidance_scale": sampling.guidance_scale,
        **_sources(before, chosen),
        **sampler_options(pipeline, settings.picture_options, sampling.guidance_scale),
        "watermarker": watermarker_name(pipeline),
        "safety_checker": checker_name(pipeline),
    }
    sampler |= _size(before, sampler, made)
    not_located = () if sampling.layout is None else sampling.layout.not_located
    notes = (*_notes(chosen), *switched_off_notes(pipeline), *not_located)
    line = _line(loaded, len(prompts), sampling, chosen, sampler)
    return Plan(sampling, sampler, notes, (line, *not_located), _layout_of(before, sampling))


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
        ModelError: it cannot be sampled like that; one sentence with the reason and the mend.
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
    """`sampling` that records those of `prompts` whose words are found, as the run itself will."""
    if not sampling.record_denoiser:
        return sampling
    readings = read_prompts(loaded, prompts, READ_AT_ONCE)
    return replace(sampling, located=readings.encoders_of(prompts))


def _sources(before: Manifest | None, chosen: SamplingDefaults) -> dict[str, str]:
    """Where steps and guidance come from, or came from when the run began.

    The same numbers from elsewhere make the same run.
    """
    own = {STEPS_FROM: chosen.steps_from, GUIDANCE_FROM: chosen.guidance_from}
    if before is None:
        return own
    there = _recorded(before)
    return {name: str(there[name]) for name in own if name in there}


def _size(
    before: Manifest | None, sampler: Mapping[str, Any], made: tuple[int, int] | None
) -> dict[str, Any]:
    """Height and width of the images, and those that were expected if these are others.

    Of a complete run nothing is made: there the manifest knows what became of what was expected.
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
