"""How a run's images are sampled: what is asked for, and the function that samples a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from t2i_audit.activations.denoiser import DenoiserLayout, DenoiserRecorder, default_steps
from t2i_audit.activations.denoiser.prompt_states import Located
from t2i_audit.generation.memory import Made
from t2i_audit.generation.sampler import sample_batch
from t2i_audit.settings import ImageOptions

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.generation.batches import Batch
    from t2i_audit.models.loaded import LoadedModel


@dataclass(frozen=True)
class Sampling:
    """How images are made."""

    steps: int
    guidance_scale: float | None
    seeds: int
    batch_size: int
    record_denoiser: bool
    options: ImageOptions = field(default_factory=ImageOptions)
    located: Located | None = None
    """The prompts at which the denoiser is recorded; all if None."""
    base_seed: int = 0
    """The seed from which the noise of every image is derived."""
    layout: DenoiserLayout | None = None
    """Of the denoiser; it is searched in each recorded call if None."""
    shrinks: bool = False
    """Whether batches are sampled in parts where memory runs short; else the run ends."""

    def batches_of(self, prompts: Sequence[Prompt]) -> int:
        """How many batches `prompts` make."""
        return -(-len(prompts) * self.seeds // self.batch_size)


def recorder_of(loaded: LoadedModel, sampling: Sampling, *, steps: int) -> DenoiserRecorder | None:
    """The recorder of the denoiser for images of `steps` steps; None where none is wanted.

    Raises:
        ModelError: the denoiser's blocks are not known.
    """
    if not sampling.record_denoiser:
        return None
    return DenoiserRecorder(
        loaded.pipeline,
        steps=default_steps(steps),
        located=sampling.located,
        layout=sampling.layout,
    )


def sampler_of(
    loaded: LoadedModel, sampling: Sampling, recorder: DenoiserRecorder | None, *, steps: int
) -> Callable[[Batch], Made]:
    """The function that samples a batch in `steps` steps, with what `recorder` recorded of it."""

    def sample(batch: Batch) -> Made:
        sampled = sample_batch(
            loaded,
            batch,
            steps=steps,
            guidance_scale=sampling.guidance_scale,
            base_seed=sampling.base_seed,
            recorder=recorder,
            options=sampling.options,
        )
        return sampled, recorder.take() if recorder is not None else None

    return sample
