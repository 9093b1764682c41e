"""Which prompts have content in common, and what may therefore be alike in them.

Prompts that share a pair of values, say a red star, tend to be decoded and drawn alike. A sum over
prompts of two such quantities varies more than one of independent prompts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prompts.structure import Pair, Prompt

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# Of a variance: sums in another order differ by less.
ROUNDING = 1e-9
ROWS = 512  # of the table of prompts by prompts that are held at once


@dataclass(frozen=True, eq=False)
class SharedContent:
    """What `n` prompts have in common."""

    compositions: IntArray
    """``(n,)`` number of each prompt's composition."""
    pairs: csr_array
    """``(n, pairs)`` 1 where a prompt has the pair."""
    placed: csr_array
    """``(n, placed pairs)`` 1 where a prompt has the pair at that entity, e.g. its first object."""

    @classmethod
    def of(cls, prompts: Sequence[Prompt]) -> SharedContent:
        """Of prompts with their structure."""
        compositions = np.unique([prompt.composition for prompt in prompts], return_inverse=True)
        return cls(
            compositions[1].reshape(-1).astype(np.int64),
            _table([prompt.pairs for prompt in prompts]),
            _table([placed_pairs(prompt) for prompt in prompts]),
        )

    @property
    def n_pairs(self) -> int:
        """Different pairs."""
        return int(self.pairs.shape[1])

    def alike(self) -> Iterator[tuple[slice, tuple[BoolArray, BoolArray, BoolArray]]]:
        """Block by block of rows, which prompts are alike in each of three ways, ``(rows, n)``.

        They have the same composition; or share a pair at the same entity; or share a pair at
        other entities only. No prompt is alike to itself.
        """
        n = len(self.compositions)
        for start in range(0, n, ROWS):
            rows = slice(start, min(start + ROWS, n))
            own = np.arange(rows.start, rows.stop)
            same = self.compositions[rows, None] == self.compositions[None, :]
            same[own - start, own] = False
            placed = (self.placed[rows] @ self.placed.T).toarray() > 0
            elsewhere = (self.pairs[rows] @ self.pairs.T).toarray() > 0
            for each in (placed, elsewhere):
                each[own - start, own] = False
            yield rows, (same, placed & ~same, elsewhere & ~placed & ~same)


def placed_pairs(prompt: Prompt) -> frozenset[tuple[str, Pair]]:
    """The pairs of a prompt with the entity that has each."""
    return frozenset(
        (part.entities[0], pair)
        for part in prompt.constituents
        if len(part.entities) == 1
        for pair in prompt.pairs_of(part.slot)
    )


def covariation_variance(
    first: ArrayLike, second: ArrayLike, strata: ArrayLike, content: SharedContent | None
) -> tuple[float, float]:
    """The variance of ``sum(first * second)`` where the two are unrelated, and its shared part.

    Both are taken as random with a covariance of two prompts that depends only on how these are
    alike: in composition, in a pair at the same entity, in a pair elsewhere, or in none. The
    variance of the sum of products is then the sum over all prompts and over all ways of being
    alike of the product of the two covariances, each estimated by its mean. A covariance of
    prompts that are alike counts only where both are positive: chance makes either sign.

    Args:
        first, second: ``(n,)``, each with a mean of 0 in every stratum.
        strata: ``(n,)``; the prompts' own part is the sum over strata.
        content: of the same `n` prompts; None takes them as independent.

    Returns:
        The variance, and the part of it that is due to prompts being alike.
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    labels = np.asarray(strata)
    own = 0.0
    for label in np.unique(labels):
        rows = labels == label
        own += float(x[rows] @ x[rows]) * float(y[rows] @ y[rows]) / max(int(rows.sum()) - 1, 1)
    if content is None:
        return own, 0.0
    counts, of_x, of_y = np.zeros(3), np.zeros(3), np.zeros(3)
    for rows, ways in content.alike():
        for index, way in enumerate(ways):
            counts[index] += way.sum()
            of_x[index] += x[rows] @ (way @ x)
            of_y[index] += y[rows] @ (way @ y)
    kept = (counts > 0) & (of_x > 0) & (of_y > 0)
    shared = float(np.sum(of_x[kept] * of_y[kept] / counts[kept]))
    # All covariances with a prompt add up to 0, since the means are 0: those that are alike in
    # nothing make up for the rest.
    n = len(x)
    others = n * (n - 1) - counts.sum()
    rest = -float(x @ x) - of_x.sum(), -float(y @ y) - of_y.sum()
    if shared <= ROUNDING * own:
        return own, 0.0
    if others > 0 and max(rest) < 0:
        shared += rest[0] * rest[1] / float(others)
    return own + shared, shared


def degrees_of_freedom(variance: float, shared: float, *, n: int, pairs: int) -> float:
    """Of `covariation_variance`, by Satterthwaite (1946, Biometrics Bulletin 2, p. 110): its shared
    part is known from as many pairs as there are, the other from as many prompts."""
    if n < 2 or (shared > 0 and pairs < 2):
        return math.nan
    unknown = (variance - shared) ** 2 / (n - 1) + (shared**2 / (pairs - 1) if shared else 0.0)
    return variance**2 / unknown if unknown > 0 else math.nan


def _table(rows: Sequence[Collection[Hashable]]) -> csr_array:
    from scipy.sparse import csr_array

    found = {item: None for row in rows for item in sorted(row, key=repr)}
    number = {item: index for index, item in enumerate(found)}
    where = [(row, number[item]) for row, items in enumerate(rows) for item in items]
    first = np.array([row for row, _ in where], dtype=np.int64)
    second = np.array([column for _, column in where], dtype=np.int64)
    shape = len(rows), len(number)
    return csr_array((np.ones(len(where)), (first, second)), shape=shape)
