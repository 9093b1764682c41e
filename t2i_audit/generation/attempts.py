"""One attempt to sample a batch in as few steps as the pipeline takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from t2i_audit.errors import ModelError
from t2i_audit.generation.batches import Batch
from t2i_audit.generation.faults import (
    NoImagesError,
)
from t2i_audit.generation.memory import with_room
from t2i_audit.generation.nonfinite import damaged_component
from t2i_audit.generation.sampling import Sampling, recorder_of, sampler_of

if TYPE_CHECKING:
    from t2i_audit.activations.denoiser import DenoiserRecorder
    from t2i_audit.generation.sampler import Sampled
    from t2i_audit.models.loaded import LoadedModel
    from t2i_audit.run.features import FeaturePart


FEW_STEPS = (1, 2)  # some schedules make nothing of a single step


@dataclass(frozen=True, eq=False)
class Tried:
    """What a dry call made."""

    sampled: Sampled
    recorder: DenoiserRecorder | None
    steps: int
    """In which it was made."""
    part: FeaturePart | None
    """What was recorded."""


Outcome = Tried | ModelError


def attempt_in_few_steps(loaded: LoadedModel, sampling: Sampling, batch: Batch) -> Outcome:
    """What sampling `batch` makes in as few steps as work, or why it makes nothing.

    Raises:
        RuntimeError: memory runs short.
    """
    # Once more in all steps before anything is refused: some schedules have no short form.
    every = sorted({*(steps for steps in FEW_STEPS if steps < sampling.steps), sampling.steps})
    found: Outcome | None = None
    for steps in every:
        before, found = found, attempt_in_steps(loaded, sampling, batch, steps)
        if isinstance(found, ModelError):
            if isinstance(before, ModelError) and str(before) == str(found):
                break  # it has nothing to do with the number of steps
        elif found.sampled.finite.any() or damaged_component(loaded.pipeline) is not None:
            break
    assert found is not None
    return found


def attempt_in_steps(loaded: LoadedModel, sampling: Sampling, batch: Batch, steps: int) -> Outcome:
    try:
        recorder = recorder_of(loaded, sampling, steps=steps)
        sampled, part = sampler_of(loaded, sampling, recorder, steps=steps)(batch)
        return Tried(sampled, recorder, steps, part)
    except NoImagesError:
        raise  # no other call would make any
    except ModelError as error:
        return error


def attempt_again(loaded: LoadedModel, sampling: Sampling, batch: Batch) -> Outcome:
    return with_room(
        loaded, lambda: attempt_in_few_steps(loaded, sampling, batch), size=len(batch.items)
    )
