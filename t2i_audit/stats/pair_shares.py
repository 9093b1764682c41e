"""Shares for pairs in general: what other pairs of values would give, not only those of a suite.

Items share pairs, so that an item's outcome depends on all items that have a pair in common with
it. The variance is the delete-a-pair jackknife, less what it counts more than once (see
`t2i_audit.stats.jackknife.over_pairs`), and no interval is narrower than that over clusters.

Why not the bootstrap over pairs with multiplied weights (Owen 2007, "pigeonhole"): it counts the
items' own variance three times, and covers 99 to 100 of 95 where pairs make no difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.jackknife import Groups, smaller_side
from t2i_audit.stats.logit import logit_interval, reach_of
from t2i_audit.stats.shares import FEWEST, all_alike, reach_over_clusters

FloatArray = NDArray[np.float64]

# Below so many pairs of about equal weight, a figure for pairs in general is refused.
FEWEST_PAIRS = 5


@dataclass(frozen=True, eq=False)
class PairShare:
    """A share over pairs with what its interval rests on."""

    interval: Interval
    pairs: int
    """Pairs that its items have."""


@dataclass(frozen=True, eq=False)
class PairWeights:
    """How many of `n` items each pair has; of items of no pair or of size 0, none."""

    times: NDArray[np.int64]
    """``(n,)`` how many pairs each item has."""
    weights: FloatArray
    """``(pairs,)`` the share of the items, by their sizes, that have the pair."""

    @classmethod
    def of(cls, sizes: FloatArray, pairs: Groups) -> PairWeights:
        """Of items of these sizes, ``(n,)``."""
        everywhere = np.concatenate([*pairs.members, np.zeros(0, dtype=np.int64)])
        times = np.bincount(everywhere, minlength=pairs.count)
        total = sizes[times > 0].sum()
        weights = np.array([sizes[rows].sum() for rows in pairs.members], dtype=np.float64)
        return cls(times, weights / total if total else weights)

    @property
    def even(self) -> float:
        """How many pairs of equal weight would count as much."""
        return float(self.weights.sum() ** 2 / (self.weights @ self.weights))

    @property
    def are_few(self) -> bool:
        """Whether a figure for pairs in general is refused."""
        # Weights that are equal but for rounding count as equal.
        return not self.weights.any() or self.even < FEWEST_PAIRS - 1e-6

    @property
    def degrees(self) -> float:
        """Satterthwaite's degrees of freedom, fewer where the pairs weigh unequally."""
        squares = self.weights**2
        return float(squares.sum() ** 2 / (squares @ squares)) - 1

    def variance(self, residuals: FloatArray, pairs: Groups) -> float:
        """Of a mean, from its items' residuals over their number, ``(n,)``, which sum to 0.

        Without a pair of weight w the mean changes by its residuals' sum over 1 - w.
        """
        sums = np.array([residuals[rows].sum() for rows in pairs.members])
        others = 1 - self.weights
        changes = np.divide(sums, others, out=np.zeros_like(sums), where=others > 1e-12)
        count = int((self.weights > 0).sum())
        jackknifed = (count - 1) / count * float(changes @ changes)
        repeated = float(((self.times - 1).clip(0) * residuals**2).sum())
        return max(jackknifed - repeated, 0.0)


def share_over_pairs(
    ones: ArrayLike,
    sizes: ArrayLike,
    clusters: ArrayLike,
    pairs: Groups,
    *,
    level: float = 0.95,
) -> PairShare:
    """The share of ones with an interval for pairs in general.

    Args:
        ones, sizes: of each item, e.g. a prompt's right and judged images, both ``(n,)``.
        clusters: cluster of each item, ``(n,)``.
        pairs: the items of each pair; an item of no pair, or of size 0, does not count.
        level: coverage of the interval.

    Returns:
        NaN ends below `FEWEST_PAIRS` pairs, counted as ``(sum of weights)^2 / sum of weights^2``
        where some pairs have more items than others, and below two clusters.
    """
    right, judged = np.asarray(ones, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    weighed = PairWeights.of(judged, pairs)
    used = (weighed.times > 0) & (judged > 0)
    right, judged = np.where(used, right, 0), np.where(used, judged, 0)
    n = int(judged.sum())
    if n == 0:
        return PairShare(undefined(), 0)
    share = float(right.sum() / n)
    count = int((weighed.weights > 0).sum())
    _, owner = np.unique(np.asarray(clusters)[used], return_inverse=True)
    of_cluster = tuple(
        np.bincount(owner, part[used]).astype(np.float64) for part in (right, judged)
    )
    distinct = len(of_cluster[0])
    if weighed.are_few or distinct < 2:
        return PairShare(Interval(share, math.nan, math.nan, n), count)
    if share in (0.0, 1.0):
        trials = min(weighed.even, distinct)
        return PairShare(all_alike(share, n=n, trials=trials, level=level), count)
    residuals = (right - share * judged) / n
    different = smaller_side(pairs, judged - right, right)
    least = share * (1 - share) / weighed.even if different < FEWEST else 0.0
    reach = max(
        reach_of(weighed.variance(residuals, pairs), weighed.degrees, level=level),
        reach_of(least, math.inf, level=level),
        reach_over_clusters(*of_cluster, level=level),
    )
    return PairShare(logit_interval(share, reach, n=n), count)
