"""One dry call of the pipeline, which refuses what cannot be sampled before anything is written.

The call goes through the very code that will sample, recorder included, with as few steps as the
pipeline takes and one or two prompts. Where it fails, a few more calls find out why: two prompts at
once, the recorder, the size, or the pipeline itself. No later image depends on it.

The recorder traces the denoiser in this call, and its layout is decided from the trace. Where the
denoiser is not given the text encoders' states, a second call with other prompts and the same noise
shows which part of a guided batch depends on the prompts.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.generation.batches import Batch, cut_batches
from t2i_audit.generation.faults import (
    NoImagesError,
    PipelineFault,
    RecordingFault,
    is_pipelines_own,
    reason_of,
)
from t2i_audit.generation.memory import largest_batch, with_room
from t2i_audit.generation.nonfinite import damaged_component, not_finite_error, watching_for_nan
from t2i_audit.generation.sampling import Sampling, recorder_of, sampler_of
from t2i_audit.generation.sizes import as_options, in_pixels, is_as_asked, nearby_sizes
from t2i_audit.pipelines.components import stage_argument

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.activations.denoiser import DenoiserLayout, DenoiserRecorder
    from t2i_audit.generation.sampler import Sampled
    from t2i_audit.models.loaded import LoadedModel

TOGETHER = 2  # images at once, enough to tell whether a pipeline takes several
FEW_STEPS = (1, 2)  # some schedules make nothing of a single step
ENOUGH_STEPS = 10  # for every schedule
# Arguments by which pipelines take images and videos beside a prompt. Some have a default of None
# and fail without a value all the same.
SHOWN = (
    "image", "images", "input_images", "image_latents", "control_image", "mask_image", "mask",
    "control_mask", "image_reference", "video", "control_video", "conditioning_frames",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Tried:
    """What a dry call made."""

    sampled: Sampled
    recorder: DenoiserRecorder | None
    steps: int
    """In which it was made."""


Outcome = Tried | ModelError


@dataclass(frozen=True)
class Preflight:
    """What is known after a dry call."""

    size: tuple[int, int]
    """Height and width of the images."""
    layout: DenoiserLayout | None
    """None where the denoiser is not recorded, or at none of the prompts that were tried."""


def try_sampling(loaded: LoadedModel, prompts: Sequence[Prompt], sampling: Sampling) -> Preflight:
    """Make one or two images of `prompts` in a step or two.

    Args:
        loaded: the model.
        prompts: one or two of the suite, from `prompts_to_try`.
        sampling: as it will be done.

    Raises:
        ModelError: what is asked for cannot be sampled; one sentence with the reason and the mend.
    """
    count = min(TOGETHER, sampling.batch_size, len(prompts) * sampling.seeds)

    def batch_of(size: int) -> Batch:
        return cut_batches(prompts, seeds=min(TOGETHER, sampling.seeds), batch_size=size)[0]

    with _untouched_randomness(loaded):
        outcome: list[Outcome] = []
        attempt = partial(_keep, outcome, loaded, sampling)
        if sampling.shrinks:
            count = largest_batch(loaded, lambda size: attempt(batch_of(size)), start=count)
        else:
            with_room(loaded, lambda: attempt(batch_of(count)), size=count)
        made = outcome[-1]
        if isinstance(made, ModelError):
            raise _explained(loaded, sampling, batch_of(count), made)
        if not made.sampled.finite.any():
            raise _not_finite(loaded, sampling, batch_of(count))
        height, width = (int(side) for side in made.sampled.images.shape[1:3])
        if not is_as_asked((height, width), sampling.options):
            raise _resized(loaded, sampling, batch_of(count), (height, width))
        layout = _layout(loaded, sampling, batch_of(count), made)
        _check_schedule(loaded.pipeline, sampling.steps)
    return Preflight((height, width), layout)


def require_recordable(loaded: LoadedModel, layout: DenoiserLayout) -> None:
    """Refuse a denoiser of which nothing could be recorded.

    Raises:
        ModelError: its `layout` shows nothing to record.
    """
    places = layout.places
    if layout.conditional is not None and (places.image or any(places.text.values())):
        return
    why = "" if layout.conditional else f" ({' '.join(layout.not_located).rstrip('.')})"
    raise ModelError(
        f"the denoiser of {type(loaded.pipeline).__name__} shows nothing that could be recorded"
        f"{why}, so it cannot be probed; give --no-denoiser-station"
    )


def _layout(
    loaded: LoadedModel, sampling: Sampling, batch: Batch, made: Tried
) -> DenoiserLayout | None:
    """The layout of the denoiser, decided from what was traced when `made` was made of `batch`."""
    if made.recorder is None or made.recorder.trace is None:
        return None
    layout = made.recorder.find_layout()
    if layout.conditional is not None or not made.recorder.trace.calls:
        return layout
    items = tuple(replace(item, prompt=_another(item.prompt, batch)) for item in batch.items)
    other = recorder_of(loaded, sampling, steps=made.steps)
    sample = sampler_of(loaded, sampling, other, steps=made.steps)
    with_room(loaded, lambda: sample(replace(batch, items=items)), size=len(items))
    return made.recorder.find_layout(None if other is None else other.trace)


def _another(prompt: Prompt, batch: Batch) -> Prompt:
    """`prompt` with the text of its first foil, or of another prompt of the batch.

    Its noise depends on its id, which it keeps.
    """
    texts = [foil.text for foil in prompt.foils]
    texts += [item.prompt.text for item in batch.items]
    text = next((each for each in texts if each != prompt.text), f"not {prompt.text}")
    return replace(prompt, text=text, constituents=(), foils=())


@contextmanager
def naming_encoding_faults(loaded: LoadedModel) -> Iterator[None]:
    """While prompts are encoded in the block, tell what the pipeline cannot in a sentence.

    Raises:
        ModelError: the pipeline does not encode them.
    """
    try:
        yield
    # As wide as in sampling: several libraries run in there.
    except Exception as error:
        if not is_pipelines_own(error):
            raise
        fault = PipelineFault(str(error), reason_of(error))
        raise ModelError(
            f"{type(loaded.pipeline).__name__} does not encode a prompt ({fault.reason})"
            f"{_lacking(loaded, fault)}"
        ) from error


def prompts_to_try(prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
    """The first of `prompts` and the next one of another number of words, if there is one."""
    first, *others = prompts
    words = len(first.text.split())
    unlike = (each for each in others if len(each.text.split()) != words)
    second = next(unlike, others[0] if others else None)
    return (first,) if second is None else (first, second)


@contextmanager
def _untouched_randomness(loaded: LoadedModel) -> Iterator[None]:
    """Leave torch's own random numbers as they were, from which some samplers draw."""
    import torch

    devices = [loaded.device] if loaded.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield


def _keep(kept: list[Outcome], loaded: LoadedModel, sampling: Sampling, batch: Batch) -> None:
    kept.append(_outcome(loaded, sampling, batch))


def _outcome(loaded: LoadedModel, sampling: Sampling, batch: Batch) -> Outcome:
    """What sampling `batch` makes in as few steps as work, or why it makes nothing.

    Raises:
        RuntimeError: memory runs short.
    """
    # Once more in all steps before anything is refused: some schedules have no short form.
    every = sorted({*(steps for steps in FEW_STEPS if steps < sampling.steps), sampling.steps})
    found: Outcome | None = None
    for steps in every:
        before, found = found, _in_steps(loaded, sampling, batch, steps)
        if isinstance(found, ModelError):
            if isinstance(before, ModelError) and str(before) == str(found):
                break  # it has nothing to do with the number of steps
        elif found.sampled.finite.any() or damaged_component(loaded.pipeline) is not None:
            break
    assert found is not None
    return found


def _in_steps(loaded: LoadedModel, sampling: Sampling, batch: Batch, steps: int) -> Outcome:
    try:
        recorder = recorder_of(loaded, sampling, steps=steps)
        sampled, _ = sampler_of(loaded, sampling, recorder, steps=steps)(batch)
        return Tried(sampled, recorder, steps)
    except NoImagesError:
        raise  # no other call would make any
    except ModelError as error:
        return error


def _works(loaded: LoadedModel, sampling: Sampling, batch: Batch) -> Outcome:
    return with_room(loaded, lambda: _outcome(loaded, sampling, batch), size=len(batch.items))


def _explained(
    loaded: LoadedModel, sampling: Sampling, batch: Batch, failure: ModelError
) -> ModelError:
    """The sentence for a `batch` that cannot be sampled because of `failure`."""
    kind = type(loaded.pipeline).__name__
    single = failure
    if len(batch.items) > 1:
        alone = [_works(loaded, sampling, replace(batch, items=(item,))) for item in batch.items]
        failed = [each for each in alone if isinstance(each, ModelError)]
        if not failed:
            return ModelError(
                f"{kind} makes one image at a time, and fails on {len(batch.items)} at once "
                f"({_reason(failure)}); give --batch-size 1"
            )
        if len(failed) < len(alone):
            return failed[0]  # it names the prompt
        single = failed[0]
    one = replace(batch, items=batch.items[:1])
    bare = replace(sampling, record_denoiser=False)
    if sampling.record_denoiser:
        unrecorded = _works(loaded, bare, one)
        if not isinstance(unrecorded, ModelError):
            return (
                single
                if not isinstance(single, PipelineFault)
                else RecordingFault(kind, single.reason)
            )
        single = unrecorded
    if not sampling.options.own_size:
        own = _works(loaded, _of_own_size(bare), one)
        if not isinstance(own, ModelError):
            height, width = own.sampled.images.shape[1:3]
            return ModelError(
                f"{kind} makes no images with {as_options(sampling.options)} ({_reason(single)}); "
                f"{_sizes_advice(loaded, bare, one, (height, width))}"
            )
        single = own
    if not isinstance(single, PipelineFault):
        return single
    more = replace(_of_own_size(bare), steps=ENOUGH_STEPS)
    if sampling.steps < ENOUGH_STEPS and not isinstance(_works(loaded, more, one), ModelError):
        return ModelError(
            f"{kind} with its {type(loaded.pipeline.scheduler).__name__} does not sample in "
            f"{sampling.steps} steps ({single.reason}); give more --steps or another --scheduler"
        )
    return ModelError(
        f"{kind} makes no image of a prompt alone ({single.reason}){_lacking(loaded, single)}"
    )


def _lacking(loaded: LoadedModel, fault: PipelineFault) -> str:
    """What the pipeline seems to lack, as the end of a sentence."""
    pipeline = loaded.pipeline
    optional = getattr(pipeline, "_optional_components", ())
    absent = [
        name
        for name, component in pipeline.components.items()
        if component is None and name not in optional
    ]
    taken = inspect.signature(type(pipeline).__call__).parameters
    shown = [name for name in SHOWN if name in taken and taken[name].default is None]
    if absent and "'NoneType' object" in fault.reason:
        return f"; {loaded.name!r} has no {_listed(absent)}: give a complete pipeline"
    if shown:
        return (
            f"; it also takes {_listed(shown)}, which an audit does not provide: give the "
            "text-to-image pipeline of the same checkpoint"
        )
    return f"; give a checkpoint that diffusers samples from a prompt alone, unlike {loaded.name!r}"


def _not_finite(loaded: LoadedModel, sampling: Sampling, batch: Batch) -> ModelError:
    damaged = damaged_component(loaded.pipeline)
    if damaged is not None:
        return not_finite_error(loaded, damaged=damaged)
    bare, steps = replace(sampling, record_denoiser=False), min(FEW_STEPS[-1], sampling.steps)
    with watching_for_nan(loaded.pipeline) as found:
        with_room(loaded, lambda: _in_steps(loaded, bare, batch, steps), size=len(batch.items))
    return not_finite_error(loaded, overflowing=found[0] if found else None)


def _resized(
    loaded: LoadedModel, sampling: Sampling, batch: Batch, made: tuple[int, int]
) -> ModelError:
    """The sentence for a pipeline that makes images of another size than was asked for."""
    one = replace(batch, items=batch.items[:1])
    bare = replace(sampling, record_denoiser=False)
    return ModelError(
        f"{type(loaded.pipeline).__name__} makes images of {in_pixels(made)} where "
        f"{as_options(sampling.options)} was asked for; {_sizes_advice(loaded, bare, one, made)}"
    )


def _sizes_advice(
    loaded: LoadedModel, sampling: Sampling, batch: Batch, known: tuple[int, int]
) -> str:
    """The sizes nearest to what is asked for that work, or else the one that is `known` to."""
    height, width = known
    asked = sampling.options
    fallback = replace(
        asked,
        height=None if asked.height is None else height,
        width=None if asked.width is None else width,
    )
    works = {asked: False, fallback: True}
    factor = getattr(loaded.pipeline, "vae_scale_factor", None)
    working = [fallback]
    for nearest in nearby_sizes(asked, factor if isinstance(factor, int) else None):
        for each in nearest:
            if each not in works:
                works[each] = _has_size(loaded, replace(sampling, options=each), batch)
        if works[nearest[1]]:
            working = [each for each in dict.fromkeys(nearest) if works[each]]
            break
    return f"give {' or '.join(as_options(each) for each in working)}"


def _has_size(loaded: LoadedModel, sampling: Sampling, batch: Batch) -> bool:
    try:
        made = _works(loaded, sampling, batch)
    except ModelError:  # it does not fit into memory
        return False
    if isinstance(made, ModelError):
        return False
    height, width = made.sampled.images.shape[1:3]
    return is_as_asked((height, width), sampling.options)


def _of_own_size(sampling: Sampling) -> Sampling:
    return replace(sampling, options=replace(sampling.options, height=None, width=None))


def _reason(failure: ModelError) -> str:
    return failure.reason if isinstance(failure, PipelineFault) else str(failure)


def _check_schedule(pipeline: Any, steps: int) -> None:
    """Refuse a number of steps that the scheduler has no schedule of.

    Raises:
        ModelError: it has a schedule of a single step, and none of `steps`.
    """
    own = pipeline.components.get(stage_argument(pipeline, "scheduler"))
    known = getattr(getattr(own, "config", None), "num_train_timesteps", None)
    if isinstance(known, int) and 1 < known < steps:
        raise ModelError(
            f"{type(own).__name__} has {known} time steps and cannot sample in {steps}; give "
            "fewer --steps"
        )
    scheduler = copy.deepcopy(own)
    try:
        scheduler.set_timesteps(1)
    # Some take more arguments than are known here, and say so with nearly any type.
    except Exception:
        return
    try:
        scheduler.set_timesteps(steps)
    except Exception as error:
        raise ModelError(
            f"{type(own).__name__} has no schedule of {steps} steps ({reason_of(error)}); give "
            "fewer --steps"
        ) from error


def _listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
