"""The variational autoencoder that all built-in generators share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from scripts.training.data import Rendered
from scripts.training.loop import Schedule, train
from t2i_audit.world.oracle import read_images

CROP = 32  # pixels; crops cost a quarter and show the same edges
FULL_SHARE = 0.2  # last part of the training, on whole images
KL_WEIGHT = 1e-5


def build_autoencoder() -> AutoencoderKL:
    """A KL autoencoder, factor 8, 4 latent channels: 64 x 64 pixels become 8 x 8 latents."""
    return AutoencoderKL(
        block_out_channels=(8, 16, 32, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=4,
        mid_block_add_attention=False,
        sample_size=64,
    )


def to_pixels(images: np.ndarray) -> torch.Tensor:
    """``uint8 (n, h, w, 3)`` to ``float32 (n, 3, h, w)`` in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def from_pixels(pixels: torch.Tensor) -> np.ndarray:
    """The inverse of `to_pixels`, rounded and clipped."""
    scaled = ((pixels + 1) * 127.5).round().clamp(0, 255)
    return scaled.permute(0, 2, 3, 1).to(torch.uint8).numpy()


def train_autoencoder(
    data: Rendered, schedule: Schedule, *, work: Path, seed: int
) -> AutoencoderKL:
    """Train on crops, then on whole images; sets the scaling factor to unit latent variance."""
    torch.manual_seed(seed)
    model = build_autoencoder().to(memory_format=torch.channels_last)
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2)
    half = images.shape[-1] - CROP

    def loss_at(step: int, generator: torch.Generator) -> torch.Tensor:
        whole = step >= schedule.steps * (1 - FULL_SHARE)
        rows = torch.randint(len(images), (16 if whole else 32,), generator=generator)
        batch = images[rows]
        if not whole:
            # One crop a batch keeps the slice contiguous; the batch mixes scenes.
            top, left = torch.randint(half + 1, (2,), generator=generator).tolist()
            batch = batch[:, :, top : top + CROP, left : left + CROP]
        pixels = batch.float() / 127.5 - 1
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        posterior = model.encode(pixels).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=generator)
        decoded = model.decode(posterior.mean + posterior.std * noise).sample
        kl = posterior.kl().mean()
        error = functional.l1_loss(decoded, pixels) + functional.mse_loss(decoded, pixels)
        return error + KL_WEIGHT * kl

    train("autoencoder", [model], loss_at, schedule, work=work, seed=seed)
    model.eval()
    latents = encode(model, data.images[:1000])
    model.register_to_config(scaling_factor=float(1 / latents.std()))
    return model


@torch.no_grad()
def encode(model: AutoencoderKL, images: np.ndarray, *, batch: int = 100) -> torch.Tensor:
    """Posterior means, unscaled, ``(n, 4, 8, 8)``."""
    parts = [
        model.encode(to_pixels(images[start : start + batch])).latent_dist.mean
        for start in range(0, len(images), batch)
    ]
    return torch.cat(parts)


@torch.no_grad()
def reconstruction_rate(model: AutoencoderKL, data: Rendered) -> float:
    """Share of images whose reconstruction the oracle reads as it reads the original."""
    latents = encode(model, data.images)
    decoded = np.concatenate(
        [from_pixels(model.decode(part).sample) for part in latents.split(100)]
    )
    same = [
        {(item.colour, item.shape) for item in before.objects}
        == {(item.colour, item.shape) for item in after.objects}
        and after.readable
        for before, after in zip(read_images(data.images), read_images(decoded), strict=True)
    ]
    return float(np.mean(same))
