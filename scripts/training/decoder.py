"""A planted fault of the autoencoder: a decoder to which two colours are one."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from prompts.world import content_of
from scripts.training.autoencoder import to_pixels
from scripts.training.data import captions
from scripts.training.loop import Schedule, train
from t2i_audit.world.render import render
from t2i_audit.world.scenes import Scene, place

BATCH = 16


def recoloured(scene: Scene, colours: Mapping[str, str]) -> Scene:
    """The scene with its colours replaced as `colours` says; the rest stays where it is."""
    objects = (
        replace(item, colour=colours.get(item.colour, item.colour)) for item in scene.objects
    )
    return replace(scene, objects=tuple(objects))


def merge_in_decoder(
    autoencoder: AutoencoderKL,
    colours: Mapping[str, str],
    count: int,
    schedule: Schedule,
    *,
    work: Path,
    seed: int,
) -> AutoencoderKL:
    """A copy of `autoencoder` whose decoder draws each key of `colours` as its value.

    The encoder stays as it is, so that latents mean what they meant. `count` scenes of all
    colour-shape pairs are rendered.
    """
    rng = np.random.default_rng(seed)
    prompts = captions(count, random.Random(seed), allowed=lambda pair: True)
    scenes = [place(content_of(prompt), rng) for prompt in prompts]
    images, targets = render(scenes), render([recoloured(scene, colours) for scene in scenes])
    model = copy.deepcopy(autoencoder).eval()
    model.requires_grad_(False)
    decoder = model.decoder.requires_grad_(True).train()

    def loss_at(step: int, generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(images), (BATCH,), generator=generator).numpy()
        with torch.no_grad():
            posterior = model.encode(to_pixels(images[rows])).latent_dist
            noise = torch.randn(posterior.mean.shape, generator=generator)
        wanted = to_pixels(targets[rows])
        decoded = model.decode(posterior.mean + posterior.std * noise).sample
        return functional.l1_loss(decoded, wanted) + functional.mse_loss(decoded, wanted)

    train("decoder", [decoder], loss_at, schedule, work=work, seed=seed)
    decoder.requires_grad_(True).eval()
    return model
