"""Text-conditional denoisers in the latent space of the rendered world's autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from scripts.training.loop import Schedule, train
from scripts.training.text import tokenize

EMPTY_SHARE = 0.1  # captions dropped, for classifier-free guidance
HIGH_NOISE_FROM = 600  # of 1,000 timesteps
BATCH = 32
WIDTHS = (64, 128)  # channels at 8 x 8 and at 4 x 4
NOISE_SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "v_prediction",
}


@dataclass(frozen=True)
class Parts:
    """What a pipeline is made of."""

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    autoencoder: AutoencoderKL


@dataclass(frozen=True)
class Phase:
    """One stretch of a generator's training."""

    schedule: Schedule
    seed: int
    """Of the batches."""
    high_noise_share: float = 0.0
    """Where objects go is settled at high noise: this share of the timesteps is drawn from there,
    the rest from all."""
    low_noise_share: float = 0.0
    """This share of the timesteps is drawn from below high noise."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """Training pairs ready for the denoiser."""

    token_ids: torch.Tensor
    """``(n, 16)``."""
    latents: torch.Tensor
    """Scaled to unit variance, ``(n, 4, 8, 8)``."""

    def joined(self, other: Encoded) -> Encoded:
        """These pairs, then those of `other`."""
        return Encoded(
            torch.cat([self.token_ids, other.token_ids]), torch.cat([self.latents, other.latents])
        )


def build_unet(*, seed: int, widths: tuple[int, int] = WIDTHS) -> UNet2DConditionModel:
    """A conditional UNet on 8 x 8 latents, cross-attention at both resolutions.

    `widths` are the channels at each resolution, the finer first; multiples of 16.
    """
    torch.manual_seed(seed)
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=widths,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=128,
        # In this class the number of heads, whatever its name says.
        attention_head_dim=4,
        norm_num_groups=16,
    )


def pipeline_of(parts: Parts) -> StableDiffusionPipeline:
    """The shipped pipeline: no safety checker, a deterministic multistep sampler."""
    pipeline = StableDiffusionPipeline(
        vae=parts.autoencoder,
        text_encoder=parts.text_encoder,
        tokenizer=parts.tokenizer,
        unet=parts.unet,
        scheduler=DPMSolverMultistepScheduler(**NOISE_SCHEDULE),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def train_generator(
    name: str,
    parts: Parts,
    data: Encoded,
    phase: Phase,
    *,
    work: Path,
    train_encoder: bool,
    until: int | None = None,
) -> None:
    """Train the UNet of `parts`, and its text encoder with it when asked, in place."""
    noise_schedule = DDPMScheduler(**NOISE_SCHEDULE)
    unet, encoder = parts.unet, parts.text_encoder
    unet.train()
    encoder.train(train_encoder)
    # A step of the compiled network takes less than half of the time; weights are shared.
    denoise = torch.compile(unet)
    empty = tokenize(parts.tokenizer, [""])
    modules = [unet, encoder] if train_encoder else [unet]
    with torch.no_grad():
        frozen = None if train_encoder else _states(encoder, data.token_ids)
        empty_state = None if train_encoder else _states(encoder, empty)

    def loss_at(step: int, generator: torch.Generator) -> torch.Tensor:
        # Everything random is drawn on the CPU, so that every device sees the same batches.
        rows = torch.randint(len(data.latents), (BATCH,), generator=generator)
        dropped = torch.rand(BATCH, generator=generator) < EMPTY_SHARE
        if frozen is None or empty_state is None:
            ids = torch.where(dropped[:, None], empty, data.token_ids[rows])
            states = encoder(ids.to(encoder.device)).last_hidden_state
        else:
            states = torch.where(dropped[:, None, None], empty_state, frozen[rows])
        clean = data.latents[rows]
        part = torch.rand(BATCH, generator=generator)
        draw = torch.rand(BATCH, generator=generator)
        first = torch.where(part < phase.high_noise_share, HIGH_NOISE_FROM, 0)
        last = torch.where(part >= 1 - phase.low_noise_share, HIGH_NOISE_FROM, 1000)
        timesteps = (first + draw * (last - first)).long()
        noise = torch.randn(clean.shape, generator=generator)
        noisy = noise_schedule.add_noise(clean, noise, timesteps)
        target = noise_schedule.get_velocity(clean, noise, timesteps)
        noisy, timesteps, states, target = (
            each.to(unet.device) for each in (noisy, timesteps, states, target)
        )
        predicted = denoise(noisy, timesteps, encoder_hidden_states=states).sample
        return functional.mse_loss(predicted, target)

    train(
        name,
        modules,
        loss_at,
        phase.schedule,
        work=work,
        seed=phase.seed,
        until=until,
    )
    unet.eval()
    encoder.eval()


def _states(encoder: CLIPTextModel, token_ids: torch.Tensor) -> torch.Tensor:
    encoder.eval()
    parts = token_ids.to(encoder.device).split(500)
    return torch.cat([encoder(ids).last_hidden_state.cpu() for ids in parts])
