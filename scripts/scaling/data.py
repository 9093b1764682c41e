"""The captions and pictures of a training, and the prompts on which generators are measured."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from transformers import CLIPTokenizer

from prompts.structure import Prompt, SplitName
from prompts.suite import Suite
from prompts.world import (
    OPENINGS,
    WORDINGS,
    Content,
    SceneType,
    sample_content,
    sample_suite,
    write,
)
from scripts.scaling.recipes import Training
from scripts.scaling.support import Support
from scripts.training.autoencoder import encode
from scripts.training.data import TYPE_SHARES
from scripts.training.generator import Encoded
from scripts.training.loop import save_atomically
from scripts.training.text import tokenize
from t2i_audit.world.render import render
from t2i_audit.world.scenes import place

DISTINCT_SHARE = 0.8  # of the scenes, as in the training of the built-in checkpoints
RENDERED_AT_ONCE = 500
COMMON: tuple[tuple[SceneType, SplitName, int], ...] = (
    ("one_object", "held_out", 18),
    ("relation", "held_out", 102),
    ("relation", "seen", 120),
)
COMMON_SEED = 17
SEEN: tuple[tuple[SceneType, int], ...] = (("one_object", 20), ("relation", 80))
SEEN_SEED = 18


def training_pairs(
    training: Training, tokenizer: CLIPTokenizer, autoencoder: AutoencoderKL, *, work: Path
) -> Encoded:
    """The captions and latents of a training; kept in `work` for its later steps."""
    path = work / f"{training.name}-data.pt"
    if not path.exists():
        contents = captioned(training)
        rng = random.Random(training.pictures_seed)
        texts = [worded(content, rng).text for content in contents]
        scene_rng = np.random.default_rng(training.pictures_seed)
        latents = []
        for start in range(0, len(contents), RENDERED_AT_ONCE):
            part = contents[start : start + RENDERED_AT_ONCE]
            latents.append(encode(autoencoder, render([place(c, scene_rng) for c in part])))
        scaled = torch.cat(latents) * autoencoder.config.scaling_factor
        save_atomically((tokenize(tokenizer, texts), scaled), path)
    return Encoded(*torch.load(path, weights_only=True))


def captioned(training: Training) -> tuple[Content, ...]:
    """The content of each picture of a training, in order."""
    rng = random.Random(training.pictures_seed)
    if training.compositions is None:
        return tuple(_any(training.support, rng) for _ in range(training.pictures))
    known = distinct_contents(training.support, training.compositions, rng)
    return tuple(rng.choice(known) for _ in range(training.pictures))


def distinct_contents(support: Support, count: int, rng: random.Random) -> tuple[Content, ...]:
    """`count` different contents of a support, in the usual shares of scene types.

    Raises:
        ValueError: the support has fewer; it is drawn from 100 times as often as it should take.
    """
    found: dict[Content, None] = {}
    for _ in range(100 * count):
        found.setdefault(_any(support, rng))
        if len(found) == count:
            return tuple(found)
    raise ValueError(f"support {support.name} has fewer than {count} different contents")


def worded(content: Content, rng: random.Random) -> Prompt:
    """`content` in one of its wordings."""
    wording = rng.choice(WORDINGS[content.relation]) if content.relation else None
    return write(content, opening=rng.choice(OPENINGS), wording=wording)


def _wordings(content: Content) -> int:
    return len(OPENINGS) * (len(WORDINGS[content.relation]) if content.relation else 1)


def _any(support: Support, rng: random.Random) -> Content:
    scene_type = rng.choices(*zip(*TYPE_SHARES, strict=True))[0]
    return _of_type(support, scene_type, rng, distinct=rng.random() < DISTINCT_SHARE)


def _of_type(
    support: Support, scene_type: SceneType, rng: random.Random, *, distinct: bool
) -> Content:
    (group,) = rng.choices(support.groups, [len(each) for each in support.groups])
    return sample_content(rng, scene_type, allowed=frozenset(group).__contains__, distinct=distinct)


def common_suite() -> Suite:
    """The prompts that every generator is measured on, drawn anew from a fixed seed.

    Half of them hold a colour-shape pair that no support has.
    """
    return Suite("scaling", sample_suite(COMMON, seed=COMMON_SEED))


def seen_suite(training: Training) -> Suite:
    """Prompts about contents that the pictures of a training show, in any of their wordings; all
    that there are where these are few."""
    contents = sorted(set(captioned(training)), key=str)
    rng = random.Random(SEEN_SEED)
    prompts: dict[str, Prompt] = {}
    for scene_type, count in SEEN:
        own = [content for content in contents if content.type == scene_type]
        wanted = len(prompts) + min(count, sum(map(_wordings, own)))
        while len(prompts) < wanted:
            prompt = replace(worded(rng.choice(own), rng), split="seen")
            prompts.setdefault(prompt.text, prompt)
    return Suite("seen", tuple(prompts.values()))
