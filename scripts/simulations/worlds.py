"""Prompts with the structure of the shipped suite world-relations, and effects of their pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from prompts.structure import Prompt
from prompts.world import COLOURS, HELD_OUT_PAIRS, RELATIONS, SHAPES, Content, write

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PAIRS = tuple((colour, shape) for colour in COLOURS for shape in SHAPES)
HELD_OUT = np.array([pair in HELD_OUT_PAIRS for pair in PAIRS])
# Of the 480 prompts of world-relations 160 are held out.
HELD_OUT_SHARE = 1 / 3


@cache
def contents() -> IntArray:
    """All ``(first pair, second pair)`` that a prompt of two different objects may have."""
    return np.array(
        [
            (i, j)
            for i, first in enumerate(PAIRS)
            for j, second in enumerate(PAIRS)
            if first[0] != second[0] and first[1] != second[1]
        ]
    )


@dataclass(frozen=True, eq=False)
class World:
    """Prompts of two objects and their relation."""

    prompts: tuple[Prompt, ...]
    objects: IntArray
    """``(n, 2)`` which of `PAIRS` each prompt's objects are."""
    held_out: NDArray[np.bool_]
    """``(n,)``."""


@cache
def _prompt(first: int, second: int, relation: str) -> Prompt:
    return write(Content((PAIRS[first], PAIRS[second]), relation))


def sample_world(n: int, rng: np.random.Generator) -> World:
    """Draw `n` different prompts, a third of them with a held-out pair."""
    every = contents()
    held = HELD_OUT[every].any(axis=1)
    count = round(n * HELD_OUT_SHARE)
    chosen = []
    for rows, size in ((np.flatnonzero(~held), n - count), (np.flatnonzero(held), count)):
        codes = rng.choice(len(rows) * len(RELATIONS), size, replace=False)
        chosen.append(np.stack([rows[codes // 4], codes % 4], axis=1))
    drawn = rng.permutation(np.concatenate(chosen))
    objects = every[drawn[:, 0]]
    prompts = tuple(
        _prompt(int(first), int(second), RELATIONS[relation])
        for (first, second), relation in zip(objects, drawn[:, 1], strict=True)
    )
    return World(prompts, objects, HELD_OUT[objects].any(axis=1))


def first_of(world: World, n: int) -> World:
    """The first `n` prompts."""
    return World(world.prompts[:n], world.objects[:n], world.held_out[:n])


@dataclass(frozen=True, eq=False)
class PairEffects:
    """Log odds of success: a base, and an effect of each object's pair."""

    base: float
    effects: FloatArray
    """``(36,)``."""

    @classmethod
    def draw(cls, rate: float, spread: float, rng: np.random.Generator) -> PairEffects:
        """Effects of standard deviation `spread`, with a mean success of `rate` in general."""
        return cls(base_of(rate, spread), rng.normal(0, spread, len(PAIRS)))

    def of(self, objects: IntArray) -> FloatArray:
        """Probability of success, ``(n,)``."""
        return np.asarray(expit(self.base + self.effects[objects].sum(axis=1)))

    def truths(self) -> tuple[float, float]:
        """Success of these very pairs over all prompts like the suite's: overall, and held out."""
        every = self.of(contents())
        held = HELD_OUT[contents()].any(axis=1)
        inside, outside = float(every[held].mean()), float(every[~held].mean())
        return HELD_OUT_SHARE * inside + (1 - HELD_OUT_SHARE) * outside, inside


@cache
def base_of(rate: float, spread: float) -> float:
    """The base at which the mean over pairs in general is `rate`."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    weights = weights / weights.sum()
    wide = np.sqrt(2) * spread

    def miss(base: float) -> float:
        return float(weights @ expit(base + wide * nodes)) - rate

    return float(brentq(miss, -20, 20))


def labels(prompts: Sequence[Prompt], slot: str) -> list[str]:
    """The value of `slot` in each prompt."""
    parts = [prompt.constituent(slot) for prompt in prompts]
    return ["" if part is None else part.value for part in parts]
