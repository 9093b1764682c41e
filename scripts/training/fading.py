"""A planted fault of the denoiser: colours that its first blocks hold and its last ones lose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import DDPMScheduler
from torch.nn import functional

from scripts.training.generator import EMPTY_SHARE, NOISE_SCHEDULE, Encoded, Parts, Phase
from scripts.training.loop import train
from scripts.training.text import tokenize, word_id

ROWS = 24  # images a step
TWINS = 8  # of them drawn a second time, under a caption with other faded colours
INVARIANCE = 2.0  # weight of the second term of the loss


def train_fading(
    parts: Parts, data: Encoded, colours: Sequence[str], phases: Sequence[Phase], *, work: Path
) -> None:
    """Train the up blocks of `parts`' UNet to tell `colours` apart no longer, in place.

    Down blocks and the middle block stay as they are. Wherever a caption names one of `colours`,
    any of them is put there at random. The loss has two terms: the usual one, and the squared
    difference of what the first up block puts out for the same noisy image under two such
    captions, relative to the variance of its output.
    """
    noise_schedule = DDPMScheduler(**NOISE_SCHEDULE)
    unet, encoder = parts.unet, parts.text_encoder.eval()
    unet.requires_grad_(False)
    trained = [*unet.up_blocks, unet.conv_norm_out, unet.conv_out]
    for module in trained:
        module.requires_grad_(True)
    put_out: list[torch.Tensor] = []
    hook = unet.up_blocks[0].register_forward_hook(
        lambda module, arguments, output: put_out.append(output)
    )
    denoise = torch.compile(unet)
    words = torch.tensor([word_id(parts.tokenizer, colour) for colour in colours])
    naming = torch.isin(data.token_ids, words).any(dim=1).nonzero()[:, 0]
    empty = tokenize(parts.tokenizer, [""])

    def redrawn(ids: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        drawn = words[torch.randint(len(words), ids.shape, generator=generator)]
        return torch.where(torch.isin(ids, words), drawn, ids)

    def with_twins(values: torch.Tensor) -> torch.Tensor:
        return torch.cat([values, values[:TWINS]])

    def loss_at(step: int, generator: torch.Generator) -> torch.Tensor:
        twins = naming[torch.randint(len(naming), (TWINS,), generator=generator)]
        others = torch.randint(len(data.latents), (ROWS - TWINS,), generator=generator)
        rows = torch.cat([twins, others])
        dropped = torch.rand(ROWS, generator=generator) < EMPTY_SHARE
        dropped[:TWINS] = False
        ids = torch.where(dropped[:, None], empty, data.token_ids[rows])
        clean = data.latents[rows]
        timesteps = torch.randint(1000, (ROWS,), generator=generator)
        noise = torch.randn(clean.shape, generator=generator)
        noisy = noise_schedule.add_noise(clean, noise, timesteps)
        target = noise_schedule.get_velocity(clean, noise, timesteps)
        with torch.no_grad():
            states = encoder(redrawn(with_twins(ids), generator)).last_hidden_state
        put_out.clear()
        predicted = denoise(
            with_twins(noisy), with_twins(timesteps), encoder_hidden_states=states
        ).sample
        (up,) = put_out
        apart = functional.mse_loss(up[:TWINS], up[ROWS:]) / up.detach().var()
        return functional.mse_loss(predicted, with_twins(target)) + INVARIANCE * apart

    for number, phase in enumerate(phases, start=1):
        train(f"fading-{number}", trained, loss_at, phase.schedule, work=work, seed=phase.seed)
    hook.remove()
    unet.requires_grad_(True).eval()
