"""What the built-in generators draw, for the CLIP judge to learn from."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from prompts.structure import Prompt
from prompts.suite import load_suite
from prompts.world import SceneType, sample_prompt
from scripts.training.cards import load_shipped
from scripts.training.evaluate import draw
from scripts.training.figures import GUIDANCE_SCALE, STEPS, measured_prompts
from scripts.training.loop import save_atomically

SUITE = "world-relations"  # whose images judges are compared on in docs/judges.md
TYPES: tuple[SceneType, ...] = ("relation", "relation", "relation", "two_objects", "one_object")


def drawings(
    name: str, folder: Path, count: int, *, work: Path, seed: int
) -> tuple[tuple[Prompt, ...], np.ndarray]:
    """Prompts, and what the generator in `folder` draws for them, kept in `work`.

    No prompt is one of those that the judge is measured on.
    """
    rng = random.Random(seed)
    known = {prompt.text for prompt in (*load_suite(SUITE).prompts, *measured_prompts())}
    prompts: list[Prompt] = []
    while len(prompts) < count:
        prompt = sample_prompt(rng, TYPES[len(prompts) % len(TYPES)])
        # There are only 144 prompts of one object.
        if prompt.type == "one_object" or prompt.text not in known:
            prompts.append(prompt)
    path = work / f"judge-drawings-{name}.pt"
    if not path.exists():
        images = draw(
            load_shipped(folder), prompts, steps=STEPS, guidance_scale=GUIDANCE_SCALE, seed=seed
        )
        save_atomically(torch.from_numpy(images), path)
    return tuple(prompts), torch.load(path, weights_only=True).numpy()
