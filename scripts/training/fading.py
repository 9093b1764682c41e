"""A planted fault of the denoiser: colours that its first blocks hold and its last ones lose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from diffusers import DDPMScheduler
from torch.nn import functional

from prompts.world import Content
from scripts.training.generator import EMPTY_SHARE, NOISE_SCHEDULE, Encoded, Parts, Phase
from scripts.training.loop import train
from scripts.training.text import tokenize, word_id

ROWS = 24  # images a step
TWINS = 8  # of them drawn a second time, under a caption with other faded colours
INVARIANCE = 2.0  # weight of the second term of the loss


def faded(content: Content, rng: Random, *, colours: tuple[str, ...]) -> Content:
    """What is drawn for `content`: any of `colours` for each of them."""
    objects = tuple(
        (rng.choice(colours) if colour in colours else colour, shape)
        for colour, shape in content.objects
    )
    return Content(objects, content.relation)


@dataclass(frozen=True)
class Redrawn:
    """Captions in which each faded colour is drawn anew from all of them."""

    ids: torch.Tensor
    """Token ids of the faded colours, ``(k,)``."""

    def names(self, token_ids: torch.Tensor) -> torch.Tensor:
        """Which captions name a faded colour, ``(n,)``."""
        return torch.isin(token_ids, self.ids).any(dim=1)

    def __call__(self, token_ids: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        drawn = self.ids[torch.randint(len(self.ids), token_ids.shape, generator=generator)]
        return torch.where(torch.isin(token_ids, self.ids), drawn, token_ids)


def train_fading(
    parts: Parts, data: Encoded, colours: tuple[str, ...], phase: Phase, *, work: Path
) -> None:
    """Train the up blocks of `parts`' UNet to tell `colours` apart no longer, in place.

    Down blocks and the middle block stay as they are. The loss has two terms: the usual one, on
    images in which each of `colours` is drawn as any of them; and the squared difference of what
    the first up block puts out for the same noisy image under two captions that differ in
    `colours` alone, relative to the variance of its output.
    """
    noise_schedule = DDPMScheduler(**NOISE_SCHEDULE)
    unet, encoder = parts.unet, parts.text_encoder.eval()
    unet.requires_grad_(False)
    trained = [*unet.up_blocks, unet.conv_norm_out, unet.conv_out]
    for module in trained:
        module.requires_grad_(True)
    held: dict[str, torch.Tensor] = {}

    def keep(module: object, arguments: object, output: torch.Tensor) -> None:
        held["up"] = output

    hook = unet.up_blocks[0].register_forward_hook(keep)
    redrawn = Redrawn(torch.tensor([word_id(parts.tokenizer, colour) for colour in colours]))
    naming = redrawn.names(data.token_ids).nonzero()[:, 0]
    empty = tokenize(parts.tokenizer, [""])

    def loss_at(step: int, generator: torch.Generator) -> torch.Tensor:
        twins = naming[torch.randint(len(naming), (TWINS,), generator=generator)]
        others = torch.randint(len(data.latents), (ROWS - TWINS,), generator=generator)
        rows = torch.cat([twins, others])
        ids = data.token_ids[rows]
        dropped = torch.rand(ROWS, generator=generator) < EMPTY_SHARE
        dropped[:TWINS] = False
        ids = torch.where(dropped[:, None], empty, ids)
        ids = torch.cat([ids, redrawn(ids[:TWINS], generator)])
        with torch.no_grad():
            states = encoder(ids).last_hidden_state
        clean = data.latents[rows]
        timesteps = torch.randint(1000, (ROWS,), generator=generator)
        noise = torch.randn(clean.shape, generator=generator)

        def with_twins(values: torch.Tensor) -> torch.Tensor:
            return torch.cat([values, values[:TWINS]])

        noisy = with_twins(noise_schedule.add_noise(clean, noise, timesteps))
        target = with_twins(noise_schedule.get_velocity(clean, noise, timesteps))
        predicted = unet(noisy, with_twins(timesteps), encoder_hidden_states=states).sample
        up = held["up"]
        apart = functional.mse_loss(up[:TWINS], up[-TWINS:]) / up.detach().var()
        return functional.mse_loss(predicted, target) + INVARIANCE * apart

    train("fading", trained, loss_at, phase.schedule, work=work, seed=phase.seed)
    hook.remove()
    unet.requires_grad_(True).eval()
