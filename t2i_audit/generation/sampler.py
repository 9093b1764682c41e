"""One batch of pictures from a pipeline."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from t2i_audit.generation.calling import calling
from t2i_audit.generation.faults import (
    NoImagesError,
    PipelineFault,
    RecordingFault,
    is_pipelines_own,
    is_recorders_own,
    reason_of,
)
from t2i_audit.generation.noise import draw_latents, generator_for, latents_shape
from t2i_audit.generation.options import (
    STEPS,
    call_arguments,
    picture_size,
    spread_arguments,
)
from t2i_audit.models.parts import stage_argument
from t2i_audit.models.quiet import quiet_libraries
from t2i_audit.settings import PictureOptions

if TYPE_CHECKING:
    from t2i_audit.activations.denoiser import DenoiserRecorder
    from t2i_audit.generation.batches import Batch
    from t2i_audit.models.load import LoadedModel

# Of a safety checker, under the names that pipelines have for it; what it flags it blackens.
FLAGS = ("nsfw_content_detected", "nsfw_detected", "watermark_detected")
RECORDED_SEED = 0  # the denoiser station looks at one picture a prompt


@dataclass(frozen=True, eq=False)
class Sampled:
    """The pictures of a batch."""

    images: np.ndarray
    """``(b, h, w, 3)`` uint8; black where not `finite`."""
    finite: np.ndarray
    """``(b,)`` bool: False where the pipeline made NaN or infinite pixels."""
    blocked: np.ndarray
    """``(b,)`` bool: True where the pipeline's own safety checker blacked the picture out."""


def sample_batch(
    loaded: LoadedModel,
    batch: Batch,
    *,
    steps: int,
    guidance_scale: float | None,
    base_seed: int = 0,
    recorder: DenoiserRecorder | None = None,
    options: PictureOptions = PictureOptions(),  # noqa: B008, it is frozen,
) -> Sampled:
    """Make the pictures of `batch`.

    A picture depends on its prompt, its seed index and `base_seed`; on its neighbours in the batch
    only by rounding.

    Args:
        loaded: the model.
        batch: from `cut_batches`.
        steps: denoising steps; of two stages, those of the one whose denoiser is recorded.
        guidance_scale: of classifier-free guidance; None leaves it to the pipeline.
        base_seed: the run's seed.
        recorder: records the denoiser for the pictures of seed index 0; fetch with its `take`.
        options: size and negative prompt, where they are not the pipeline's own.

    Raises:
        PipelineFault: the pipeline fails on these prompts.
        RecordingFault: what `recorder` hooks into it fails.
        NoImagesError: it makes something else than images.
    """
    import torch

    pipeline = loaded.pipeline
    generators = [generator_for(base_seed, i.prompt.id, i.seed_index) for i in batch.items]
    arguments: dict[str, Any] = {
        "prompt": [item.prompt.text for item in batch.items],
        stage_argument(pipeline, STEPS): steps,
        # Samplers that add noise on the way draw it from here, each picture from its own.
        "generator": generators,
        "output_type": "np",
    }
    arguments |= call_arguments(pipeline, options, guidance_scale, len(batch.items))
    arguments |= spread_arguments(pipeline, steps)
    # Of another size than the denoiser's own the pipeline lays the latents out itself.
    shape = latents_shape(pipeline) if options.own_size else None
    if shape is not None:
        latents = draw_latents(generators, shape)
        arguments["latents"] = latents.to(device=loaded.device, dtype=loaded.dtype)
    rows = [row for row, item in enumerate(batch.items) if item.seed_index == RECORDED_SEED]
    watch: Any = nullcontext()
    if recorder is not None:
        recorded = [batch.items[row].prompt for row in rows]
        size = picture_size(pipeline, options)
        watch = recorder.recording(recorded, rows, len(batch.items), size=size)
        if rows:
            arguments |= recorder.call_arguments
    try:
        with (
            torch.no_grad(),
            quiet_libraries(),
            calling(pipeline, guidance_scale, len(batch.items)),
            watch,
        ):
            output = pipeline(**arguments)
    # Four libraries run in there, which raise nearly any type.
    except Exception as error:
        if recorder is not None and is_recorders_own(error):
            raise RecordingFault(type(pipeline).__name__, reason_of(error)) from error
        if not is_pipelines_own(error):
            raise
        raise _fault(pipeline, batch, reason_of(error)) from error
    pixels = np.asarray(output[0])  # first by whatever name: images, image
    if pixels.ndim != 4:  # videos have frames as well
        raise NoImagesError(
            f"{type(pipeline).__name__} made an array of shape {pixels.shape}, which is no image "
            "for each prompt; give a text-to-image model"
        )
    if len(pixels) != len(batch.items):
        raise _fault(pipeline, batch, f"it made {len(pixels)} for {len(batch.items)} prompts")
    blocked = np.zeros(len(pixels), dtype=bool)
    for name in FLAGS:
        flagged = getattr(output, name, None)
        if flagged is not None:
            blocked |= np.asarray(flagged, dtype=bool)
    finite = np.isfinite(pixels).all(axis=(1, 2, 3))
    pixels = np.where(finite[:, None, None, None], pixels, 0)
    return Sampled(
        # As diffusers itself turns arrays into pictures.
        images=(pixels * 255).round().astype(np.uint8),
        finite=finite,
        blocked=blocked,
    )


def _fault(pipeline: Any, batch: Batch, reason: str) -> PipelineFault:
    count, first = len(batch.items), batch.items[0].prompt.id
    of_what = f"the prompt {first!r}" if count == 1 else f"{count} prompts at once, {first!r} first"
    sentence = f"{type(pipeline).__name__} fails on {of_what} ({reason})"
    return PipelineFault(sentence, reason)
