"""Judged images of known truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Pair

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Images:
    """The judged images of `n` prompts, as the analysis takes them."""

    success: FloatArray
    """``(n, seeds)``."""
    clusters: Sequence[str]
    types: Sequence[str]
    splits: Sequence[str | None]
    pairs: Sequence[frozenset[Pair]]
    """The compositions that each prompt is made of."""
    slots: dict[str, FloatArray] = field(default_factory=dict)


def beta(mean: float, correlation: float, size: int, rng: np.random.Generator) -> FloatArray:
    """Probabilities with this mean, whose outcomes have this intraclass correlation."""
    if correlation == 0:
        return np.full(size, mean)
    total = 1 / correlation - 1
    return rng.beta(mean * total, (1 - mean) * total, size)


def drawn(probability: FloatArray, seeds: int, rng: np.random.Generator) -> FloatArray:
    """Outcomes ``(n, seeds)`` of the prompts' probabilities, ``(n,)``."""
    return (rng.random((len(probability), seeds)) < probability[:, None]).astype(float)


def separate(
    compositions: int,
    probability: Callable[[int], FloatArray],
    rng: np.random.Generator,
    *,
    per: int = 2,
    seeds: int = 2,
    rare: int = 20,
    types: Sequence[str] | None = None,
) -> Images:
    """Images of compositions that have nothing in common.

    A third of the compositions is held out, one in `rare` is of a rare type, and one in five has a
    slot that the others lack.

    Args:
        compositions: how many.
        probability: from their number to each one's probability of success.
        rng: of the outcomes.
        per: prompts of each composition.
        seeds: images of each prompt.
        rare: one in so many compositions is of the rare type.
        types: of each composition, in place of the rare type.
    """
    which = np.repeat(np.arange(compositions), per)
    owners: list[int] = which.tolist()
    success = drawn(probability(compositions)[which], seeds, rng)
    named = (
        list(types)
        if types
        else ["rare" if one % rare == 0 else "common" for one in range(compositions)]
    )
    slot = np.where((which % 5 == 1)[:, None], success, np.nan)
    return Images(
        success,
        [f"composition {one:03d}" for one in owners],
        [named[one] for one in owners],
        ["held_out" if one % 3 == 2 else "seen" for one in owners],
        [frozenset({(f"colour:{one}", f"shape:{one}")}) for one in owners],
        {"few": slot},
    )
