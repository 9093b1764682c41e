"""Images for the VQA judge to learn from: rendered, drawn by the generators, and spoilt."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

from prompts.structure import Prompt
from prompts.world import (
    COLOURS,
    RELATIONS,
    SHAPES,
    Content,
    SceneType,
    content_of,
    sample_prompt,
    with_foils,
)
from scripts.training.autoencoder import encode, from_pixels
from scripts.training.cards import load_shipped
from scripts.training.data import TYPE_SHARES, Rendered, rendered
from scripts.training.evaluate import draw
from scripts.training.figures import GUIDANCE_SCALE, STEPS
from scripts.training.loop import save_atomically
from t2i_audit.models.builtin import builtin_folder
from t2i_audit.world.render import coverage, render
from t2i_audit.world.scenes import BACKGROUND_RANGE, IMAGE_SIZE, PALETTE, RADIUS_RANGE, place

GENERATORS = ("sound", "misbinding", "bag-of-words", "patchy", "early")


@dataclass(frozen=True, eq=False)
class Shown:
    """Prompts, and an image made for each; whether it shows the prompt is not said."""

    prompts: tuple[Prompt, ...]
    images: np.ndarray
    """``uint8`` RGB, ``(n, 64, 64, 3)``."""


def joined(parts: Sequence[Shown]) -> Shown:
    """All of `parts` one after another."""
    prompts = tuple(prompt for part in parts for prompt in part.prompts)
    return Shown(prompts, np.concatenate([part.images for part in parts]))


def sampled_prompts(count: int, *, seed: int) -> tuple[Prompt, ...]:
    """Prompts of all colour-shape pairs, of the types that the generators were trained on."""
    rng = random.Random(seed)
    names: list[SceneType] = [name for name, _ in TYPE_SHARES]
    shares = [share for _, share in TYPE_SHARES]
    return tuple(
        sample_prompt(rng, rng.choices(names, shares)[0], distinct=rng.random() < 0.8)
        for _ in range(count)
    )


def drawn_images(name: str, count: int, *, work: Path, seed: int) -> Shown:
    """Images by the built-in generator `name` as it ships; kept in `work`."""
    prompts = sampled_prompts(count, seed=seed)
    path = work / f"vqa-drawn-{name}-{count}-{seed}.pt"
    if not path.exists():
        images = draw(
            load_shipped(builtin_folder(name)),
            prompts,
            steps=STEPS,
            guidance_scale=GUIDANCE_SCALE,
            seed=seed,
        )
        save_atomically(torch.from_numpy(images), path)
    return Shown(prompts, torch.load(path, weights_only=True).numpy())


def rendered_images(count: int, autoencoder: AutoencoderKL, *, seed: int) -> Shown:
    """Faithful renders, every second one through the generators' autoencoder.

    One in eight shows two objects of one shape, which the suites have seldom.
    """
    data = rendered(count - count // 8, seed=seed, allowed=lambda pair: True)
    rng, scene_rng = random.Random(seed), np.random.default_rng(seed)
    alike = []
    for _ in range(count // 8):
        shape, colours = rng.choice(SHAPES), rng.sample(COLOURS, 2)
        relation = rng.choice((None, *RELATIONS))
        content = Content(tuple((colour, shape) for colour in colours), relation)
        alike.append(with_foils(content, rng))
    scenes = [place(content_of(prompt), scene_rng) for prompt in alike]
    data = Rendered((*data.prompts, *alike), np.concatenate([data.images, render(scenes)]))
    images = data.images.copy()
    latents = encode(autoencoder, images[::2])
    with torch.no_grad():
        decoded = [from_pixels(autoencoder.decode(part).sample) for part in latents.split(100)]
    images[::2] = np.concatenate(decoded)
    return Shown(data.prompts, images)


def spoilt_images(count: int, *, seed: int) -> Shown:
    """None to three objects that overlap, with shapes of two laid over one another and colours
    between two: what failing generators draw, and what the oracle calls unreadable."""
    rng = np.random.default_rng(seed)
    images = np.empty((count, IMAGE_SIZE, IMAGE_SIZE, 3), np.float64)
    for image in images:
        image[:] = rng.integers(BACKGROUND_RANGE[0], BACKGROUND_RANGE[1] + 1)
        for _ in range(rng.choice(4, p=(0.1, 0.25, 0.4, 0.25))):
            x, y = rng.uniform(12, 52, size=2)
            shape, other = rng.choice(SHAPES, size=2)
            alpha = coverage(shape, x, y, rng.uniform(*RADIUS_RANGE), size=IMAGE_SIZE)
            if rng.random() < 0.3:
                second = coverage(other, x, y, rng.uniform(*RADIUS_RANGE), size=IMAGE_SIZE)
                alpha = np.maximum(alpha, second) if rng.random() < 0.5 else alpha * second
            first, another = (np.array(PALETTE[name]) for name in rng.choice(COLOURS, size=2))
            share = rng.uniform(0.2, 0.8) if rng.random() < 0.3 else 1.0
            image += alpha[..., None] * (share * first + (1 - share) * another - image)
    return Shown(sampled_prompts(count, seed=seed), np.rint(images).astype(np.uint8))
