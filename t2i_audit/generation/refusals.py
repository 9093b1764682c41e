"""Why a pipeline cannot sample what is asked for, and what the user can do about it."""

from __future__ import annotations

import copy
import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.generation.attempts import FEW_STEPS, attempt_again, attempt_in_steps
from t2i_audit.generation.batches import Batch
from t2i_audit.generation.faults import (
    PipelineFault,
    RecordingFault,
    reason_of,
)
from t2i_audit.generation.memory import with_room
from t2i_audit.generation.nonfinite import damaged_component, not_finite_error, watching_for_nan
from t2i_audit.generation.sampling import Sampling
from t2i_audit.generation.sizes import as_options, in_pixels, is_as_asked, nearby_sizes
from t2i_audit.pipelines.components import stage_argument
from t2i_audit.printable import listed

if TYPE_CHECKING:
    from t2i_audit.models.loaded import LoadedModel


ENOUGH_STEPS = 10  # for every schedule
# Arguments by which pipelines take images and videos beside a prompt. Some have a default of None
# and fail without a value all the same.
SHOWN = (
    "image", "images", "input_images", "image_latents", "control_image", "mask_image", "mask",
    "control_mask", "image_reference", "video", "control_video", "conditioning_frames",
)  # fmt: skip


def explained(
    loaded: LoadedModel, sampling: Sampling, batch: Batch, failure: ModelError
) -> ModelError:
    """The sentence for a `batch` that cannot be sampled because of `failure`."""
    kind = loaded.adapter.class_name
    single = failure
    if len(batch.items) > 1:
        alone = [
            attempt_again(loaded, sampling, replace(batch, items=(item,))) for item in batch.items
        ]
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
        unrecorded = attempt_again(loaded, bare, one)
        if not isinstance(unrecorded, ModelError):
            return (
                single
                if not isinstance(single, PipelineFault)
                else RecordingFault(kind, single.reason)
            )
        single = unrecorded
    if not sampling.options.own_size:
        own = attempt_again(loaded, _of_own_size(bare), one)
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
    if sampling.steps < ENOUGH_STEPS and not isinstance(
        attempt_again(loaded, more, one), ModelError
    ):
        return ModelError(
            f"{kind} with its {type(loaded.pipeline.scheduler).__name__} does not sample in "
            f"{sampling.steps} steps ({single.reason}); give more --steps or another --scheduler"
        )
    return ModelError(
        f"{kind} makes no image of a prompt alone ({single.reason}){lacking(loaded, single)}"
    )


def lacking(loaded: LoadedModel, fault: PipelineFault) -> str:
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
        return f"; {loaded.name!r} has no {listed(absent)}: give a complete pipeline"
    if shown:
        return (
            f"; it also takes {listed(shown)}, which an audit does not provide: give the "
            "text-to-image pipeline of the same checkpoint"
        )
    return f"; give a checkpoint that diffusers samples from a prompt alone, unlike {loaded.name!r}"


def not_finite(loaded: LoadedModel, sampling: Sampling, batch: Batch) -> ModelError:
    damaged = damaged_component(loaded.pipeline)
    if damaged is not None:
        return not_finite_error(loaded, damaged=damaged)
    bare, steps = replace(sampling, record_denoiser=False), min(FEW_STEPS[-1], sampling.steps)
    with watching_for_nan(loaded.pipeline) as found:
        with_room(
            loaded, lambda: attempt_in_steps(loaded, bare, batch, steps), size=len(batch.items)
        )
    return not_finite_error(loaded, overflowing=found[0] if found else None)


def resized(
    loaded: LoadedModel, sampling: Sampling, batch: Batch, made: tuple[int, int]
) -> ModelError:
    """The sentence for a pipeline that makes images of another size than was asked for."""
    one = replace(batch, items=batch.items[:1])
    bare = replace(sampling, record_denoiser=False)
    return ModelError(
        f"{loaded.adapter.class_name} makes images of {in_pixels(made)} where "
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
        made = attempt_again(loaded, sampling, batch)
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


def check_schedule(pipeline: Any, steps: int) -> None:
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
