"""One dry call of the pipeline, which refuses what cannot be sampled before anything is written.

The call goes through the very code that will sample, recorder included, with as few steps as the
pipeline takes and one or two prompts. Where it fails, a few more calls find out why: two prompts at
once, the recorder, the size, or the pipeline itself. No later image depends on it.

The recorder traces the denoiser in this call, and its layout is decided from the trace. Where the
denoiser is not given the text encoders' states, a second call with other prompts and the same noise
shows which part of a guided batch depends on the prompts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from t2i_audit.activations.denoiser import default_steps
from t2i_audit.errors import ModelError
from t2i_audit.generation.attempts import Outcome, Tried, attempt_in_few_steps
from t2i_audit.generation.batches import Batch, cut_batches
from t2i_audit.generation.faults import (
    PipelineFault,
    is_pipelines_own,
    reason_of,
)
from t2i_audit.generation.memory import largest_batch, with_room
from t2i_audit.generation.refusals import (
    check_schedule,
    explained,
    lacking,
    not_finite,
    resized,
)
from t2i_audit.generation.sampling import Sampling, recorder_of, sampler_of
from t2i_audit.generation.sizes import is_as_asked
from t2i_audit.results.place import STEP_MARK

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.activations.denoiser import DenoiserLayout
    from t2i_audit.models.loaded import LoadedModel


TOGETHER = 2  # images at once, enough to tell whether a pipeline takes several


@dataclass(frozen=True)
class Preflight:
    """What is known after a dry call."""

    size: tuple[int, int]
    """Height and width of the images."""
    layout: DenoiserLayout | None
    """None where the denoiser is not recorded, or at none of the prompts that were tried."""
    recorded: int = 0
    """Numbers that the run will record for each prompt."""


def try_sampling(loaded: LoadedModel, prompts: Sequence[Prompt], sampling: Sampling) -> Preflight:
    """Make one or two images of `prompts` in a step or two.

    Args:
        loaded: the model.
        prompts: one or two of the suite, from `prompts_to_try`.
        sampling: as it will be done.

    Raises:
        ModelError: what is asked for cannot be sampled; the sentence names the remedy.
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
            raise explained(loaded, sampling, batch_of(count), made)
        if not made.sampled.finite.any():
            raise not_finite(loaded, sampling, batch_of(count))
        height, width = (int(side) for side in made.sampled.images.shape[1:3])
        if not is_as_asked((height, width), sampling.options):
            raise resized(loaded, sampling, batch_of(count), (height, width))
        layout = _layout(loaded, sampling, batch_of(count), made)
        check_schedule(loaded.pipeline, sampling.steps)
    return Preflight((height, width), layout, _recorded(made, sampling.steps))


def _recorded(made: Tried, steps: int) -> int:
    """How many numbers are recorded for a prompt in `steps` steps, as were when `made` was."""
    more = len(default_steps(steps)) / len(default_steps(made.steps))
    return sum(
        round(values.shape[1] * (more if STEP_MARK in layer else 1))
        for (_, layer, _), values in (made.part.arrays if made.part else {}).items()
    )


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
        f"the denoiser of {loaded.adapter.class_name} shows nothing that could be recorded"
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
            f"{loaded.adapter.class_name} does not encode a prompt ({fault.reason})"
            f"{lacking(loaded, fault)}"
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
    kept.append(attempt_in_few_steps(loaded, sampling, batch))
