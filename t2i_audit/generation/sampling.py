"""How a run's images are sampled: what is asked for, and the function that samples a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from t2i_audit.activations.decoder import recording_decoder
from t2i_audit.activations.denoiser import DenoiserLayout, DenoiserRecorder, default_steps
from t2i_audit.activations.denoiser.prompt_states import Located
from t2i_audit.generation.memory import Made
from t2i_audit.generation.sampler import RECORDED_SEED, sample_batch
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
    """The function that samples a batch in `steps` steps, with what `recorder` recorded of it.

    What is recorded of the denoiser is recorded of the VAE as well.
    """

    def sample(batch: Batch) -> Made:
        rows = () if recorder is None else _recorded_rows(batch, sampling.located)
        with recording_decoder(loaded.pipeline, rows, len(batch.items)) as decoder:
            sampled = sample_batch(
                loaded,
                batch,
                steps=steps,
                guidance_scale=sampling.guidance_scale,
                base_seed=sampling.base_seed,
                recorder=recorder,
                options=sampling.options,
            )
        if recorder is None:
            return sampled, None
        part = recorder.take()
        arrays = {key: values.numpy() for key, values in decoder.features.items()}
        return sampled, replace(part, arrays={**part.arrays, **arrays})

    return sample


def _recorded_rows(batch: Batch, located: Located | None) -> list[int]:
    """The rows of `batch` that a recorder records."""
    return [
        row
        for row, item in enumerate(batch.items)
        if item.seed_index == RECORDED_SEED and (located is None or item.prompt.id in located)
    ]
