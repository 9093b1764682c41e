"""One batch of images from a pipeline."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from t2i_audit.generation.faults import (
    NoImagesError,
    PipelineFault,
    RecordingFault,
    is_pipelines_own,
    is_recorders_own,
    reason_of,
)
from t2i_audit.generation.noise import draw_latents, generator_for
from t2i_audit.models.offload import put_away
from t2i_audit.pipelines.arguments import call_arguments, image_size, spread_arguments
from t2i_audit.pipelines.workarounds import quiet_libraries
from t2i_audit.settings import ImageOptions

if TYPE_CHECKING:
    from t2i_audit.activations.denoiser import DenoiserRecorder
    from t2i_audit.generation.batches import Batch
    from t2i_audit.models.loaded import LoadedModel

# Fields of the output in which safety checkers flag the images that they have blacked out.
FLAGS = ("nsfw_content_detected", "nsfw_detected", "watermark_detected")
RECORDED_SEED = 0  # the denoiser is recorded for one image per prompt


@dataclass(frozen=True, eq=False)
class Sampled:
    """The images of a batch."""

    images: np.ndarray
    """``(b, h, w, 3)`` uint8; black where not `finite`, of no size where none were made."""
    finite: np.ndarray
    """``(b,)`` bool: False where pixels are NaN or infinite."""
    blocked: np.ndarray
    """``(b,)`` bool: True where the pipeline's safety checker blacked the image out."""


def sample_batch(
    loaded: LoadedModel,
    batch: Batch,
    *,
    steps: int,
    guidance_scale: float | None,
    base_seed: int = 0,
    recorder: DenoiserRecorder | None = None,
    options: ImageOptions = ImageOptions(),  # noqa: B008, it is frozen,
) -> Sampled:
    """Make the images of `batch`.

    An image depends on its prompt, its seed index and `base_seed`; its neighbours in the batch
    change it by rounding only.

    Args:
        loaded: the model.
        batch: from `cut_batches`.
        steps: denoising steps; in a pipeline of two stages, those of the stage that is recorded.
        guidance_scale: of classifier-free guidance; None keeps the pipeline's default.
        base_seed: the run's seed.
        recorder: records the denoiser for the images of seed index 0; fetch with its `take`. One
            that stops leaves no images.
        options: size and negative prompt, where they are not the pipeline's own.

    Raises:
        PipelineFault: the pipeline fails on these prompts.
        RecordingFault: what `recorder` hooks into it fails.
        NoImagesError: it returns something other than images.
    """
    import torch

    count = len(batch.items)
    arguments = _call_arguments(
        loaded, batch, steps, guidance_scale, base_seed=base_seed, options=options
    )
    watch: Any = nullcontext()
    output = None  # as it stays where the recorder ends the call
    if recorder is not None:
        rows = [row for row, item in enumerate(batch.items) if item.seed_index == RECORDED_SEED]
        recorded = [batch.items[row].prompt for row in rows]
        size = image_size(loaded.adapter.call, options)
        watch = recorder.recording(recorded, rows, count, size=size)
        if rows:
            arguments |= recorder.call_arguments
    try:
        with (
            torch.no_grad(),
            quiet_libraries(),
            loaded.adapter.sampling(guidance_scale=guidance_scale, count=count),
            watch,
        ):
            output = loaded.pipeline(**arguments)
    # Four libraries run in there, which raise nearly any type.
    except Exception as error:
        if recorder is not None and is_recorders_own(error):
            raise RecordingFault(loaded.adapter.class_name, reason_of(error)) from error
        if not is_pipelines_own(error):
            raise
        raise _fault(loaded, batch, reason_of(error)) from error
    if output is None:
        put_away((loaded.pipeline, *loaded.adapter.parts.values()))
        nothing = np.zeros(count, dtype=bool)
        return Sampled(np.zeros((count, 0, 0, 3), dtype=np.uint8), finite=nothing, blocked=nothing)
    return _sampled(loaded, batch, output)


def _call_arguments(
    loaded: LoadedModel,
    batch: Batch,
    steps: int,
    guidance_scale: float | None,
    *,
    base_seed: int,
    options: ImageOptions,
) -> dict[str, Any]:
    call = loaded.adapter.call
    generators = [generator_for(base_seed, i.prompt.id, i.seed_index) for i in batch.items]
    arguments: dict[str, Any] = {
        "prompt": [item.prompt.text for item in batch.items],
        call.steps: steps,
        # Schedulers that add noise at each step draw it from here, each image from its own.
        "generator": generators,
        "output_type": "np",
    }
    arguments |= call_arguments(call, options, guidance_scale, len(batch.items))
    arguments |= spread_arguments(call, steps)
    # At another size than the denoiser's own the pipeline decides the latents' layout.
    shape = loaded.adapter.latents_shape if options.own_size else None
    if shape is not None:
        latents = draw_latents(generators, shape)
        arguments["latents"] = latents.to(device=loaded.device, dtype=loaded.dtype)
    return arguments


def _sampled(loaded: LoadedModel, batch: Batch, output: Any) -> Sampled:
    """The images in what the pipeline's call returned."""
    pixels = np.asarray(output[0])  # the first field, whether it is called images or image
    if pixels.ndim != 4:  # videos have frames as well
        raise NoImagesError(
            f"{loaded.adapter.class_name} made an array of shape {pixels.shape}, which is no image "
            "for each prompt; give a text-to-image model"
        )
    if len(pixels) != len(batch.items):
        raise _fault(loaded, batch, f"it made {len(pixels)} for {len(batch.items)} prompts")
    blocked = np.zeros(len(pixels), dtype=bool)
    for name in FLAGS:
        flagged = getattr(output, name, None)
        if flagged is not None:
            blocked |= np.asarray(flagged, dtype=bool)
    finite = np.isfinite(pixels).all(axis=(1, 2, 3))
    pixels = np.where(finite[:, None, None, None], pixels, 0)
    return Sampled(
        # As diffusers itself turns arrays into images.
        images=(pixels * 255).round().astype(np.uint8),
        finite=finite,
        blocked=blocked,
    )


def _fault(loaded: LoadedModel, batch: Batch, reason: str) -> PipelineFault:
    count, first = len(batch.items), batch.items[0].prompt.id
    of_what = f"the prompt {first!r}" if count == 1 else f"{count} prompts at once, {first!r} first"
    sentence = f"{loaded.adapter.class_name} fails on {of_what} ({reason})"
    return PipelineFault(sentence, reason)
