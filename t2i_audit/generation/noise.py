"""Noise that belongs to a (prompt, seed index) and to nothing else."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from t2i_audit.pipelines.components import pipeline_parts

if TYPE_CHECKING:
    import torch


def generator_for(base_seed: int, prompt_id: str, seed_index: int) -> torch.Generator:
    """The source of all randomness of one image.

    On the CPU whatever the device, so that every device starts from the same noise.
    """
    import torch

    digest = hashlib.sha256(f"{base_seed}/{prompt_id}/{seed_index}".encode()).digest()
    # 63 bits: torch takes no larger seed on every platform.
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def draw_latents(generators: Sequence[torch.Generator], shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal float32 latents ``(b, *shape)``, one image from each generator."""
    import torch

    return torch.stack([torch.randn(shape, generator=each) for each in generators])


def latents_shape(pipeline: Any) -> tuple[int, int, int] | None:
    """Channels, height and width of one image's latents at the pipeline's default size.

    None where the pipeline lays its latents out otherwise, or takes none, or takes them for another
    of its stages: there the generators alone make the noise.
    """
    if pipeline_parts(pipeline):
        return None
    unet = pipeline.components.get("unet")
    # Some denoisers are of no size of their own.
    size = None if unet is None else getattr(unet.config, "sample_size", None)
    if size is None or "latents" not in inspect.signature(type(pipeline).__call__).parameters:
        return None
    height, width = (size, size) if isinstance(size, int) else size
    return int(unet.config.in_channels), int(height), int(width)
