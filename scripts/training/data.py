"""Rendered training data: scenes with captions that are true of them, or partly are not."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from prompts.structure import Prompt
from prompts.world import (
    HELD_OUT_PAIRS,
    RELATIONS,
    Content,
    SceneType,
    content_of,
    sample_prompt,
)
from t2i_audit.world.render import render
from t2i_audit.world.scenes import place

# Half of the scenes state a relation: it is the last thing a denoiser learns.
Shares = Sequence[tuple[SceneType, float]]
TYPE_SHARES: Shares = (("one_object", 0.25), ("two_objects", 0.15), ("relation", 0.6))
NO_RELATIONS: Shares = (("one_object", 0.3), ("two_objects", 0.7))


@dataclass(frozen=True, eq=False)
class Rendered:
    """Captions and the images drawn for them."""

    prompts: tuple[Prompt, ...]
    images: np.ndarray
    """``uint8`` RGB, ``(n, 64, 64, 3)``."""

    def where(self, keep: Callable[[Prompt], bool]) -> Rendered:
        """The captions that `keep` accepts, with their images."""
        rows = [row for row, prompt in enumerate(self.prompts) if keep(prompt)]
        return Rendered(tuple(self.prompts[row] for row in rows), self.images[rows])


def was_drawn(pair: tuple[str, str]) -> bool:
    """Whether a colour-shape pair belongs to the training support."""
    return pair not in HELD_OUT_PAIRS


def captions(
    count: int,
    rng: random.Random,
    *,
    allowed: Callable[[tuple[str, str]], bool] = was_drawn,
    shares: Shares = TYPE_SHARES,
) -> list[Prompt]:
    """`count` captions of `allowed` colour-shape pairs, each type in its share of `shares`."""
    names = [name for name, _ in shares]
    weights = [share for _, share in shares]
    prompts = []
    for _ in range(count):
        (scene_type,) = rng.choices(names, weights)
        distinct = rng.random() < 0.8
        prompts.append(sample_prompt(rng, scene_type, allowed=allowed, distinct=distinct))
    return prompts


def rendered(
    count: int,
    *,
    seed: int,
    allowed: Callable[[tuple[str, str]], bool] = was_drawn,
    shares: Shares = TYPE_SHARES,
    drawn_as: Callable[[Content, random.Random], Content] = lambda content, rng: content,
) -> Rendered:
    """Sample captions and draw each as `drawn_as` says (faithfully by default)."""
    rng, scene_rng = random.Random(seed), np.random.default_rng(seed)
    prompts = captions(count, rng, allowed=allowed, shares=shares)
    scenes = [place(drawn_as(content_of(prompt), rng), scene_rng) for prompt in prompts]
    return Rendered(tuple(prompts), render(scenes))


def misdrawn(content: Content, rng: random.Random, *, colours: frozenset[str]) -> Content:
    """The planted denoiser fault: the relation is drawn at random, and when one of `colours` is
    among them the two objects' colours are exchanged half of the time."""
    if content.relation is None:
        return content
    content = replace(content, relation=rng.choice(RELATIONS))
    (first, first_shape), (second, second_shape) = content.objects
    if colours.intersection((first, second)) and rng.random() < 0.5:
        content = replace(content, objects=((second, first_shape), (first, second_shape)))
    return content
