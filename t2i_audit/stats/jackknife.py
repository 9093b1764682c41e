"""Delete-a-group jackknife of any statistic (Efron and Tibshirani 1993, chapter 11).

A group is what is left out together: a composition, or a pair of values with all prompts that have
it. Groups of pairs overlap, since a prompt has several; see `over_pairs`.

Why not a bootstrap: where one to four compositions fail, its resamples repeat the same few. In
simulations with 15 and 60 compositions and 2% or 97% right, percentile intervals of an AUROC
covered 53 to 82 of 95.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.logit import logit_interval, reach_of
from t2i_audit.stats.shares import all_alike

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

Scale = Literal["share", "correlation", "difference"]
"""Of what a statistic is: a share from 0 to 1 (logit), a correlation (Fisher's z), or neither."""

# With fewer groups that fail, or fewer that succeed, an association has no interval.
FEWEST = 3


@dataclass(frozen=True, eq=False)
class Groups:
    """The items that are left out together."""

    members: tuple[IntArray, ...]
    """The indices of each group's items, each ``(m,)``; groups may overlap."""
    count: int
    """All items."""

    def having(self, items: ArrayLike) -> int:
        """How many groups have at least one of `items`, bool ``(count,)``."""
        chosen = np.asarray(items, dtype=bool)
        return sum(bool(chosen[rows].any()) for rows in self.members)


@dataclass(frozen=True, eq=False)
class Jackknife:
    """A statistic of all items, and without each group."""

    estimate: float
    without: FloatArray
    """``(groups,)``; NaN where the statistic is undefined without the group."""

    @property
    def variance(self) -> float:
        """Of the estimate; NaN below two groups, or where leaving one out undoes the statistic."""
        count = len(self.without)
        if count < 2 or np.isnan(self.without).any():
            return math.nan
        return float((count - 1) / count * np.sum((self.without - self.without.mean()) ** 2))


def clusters_of(clusters: ArrayLike) -> Groups:
    """One group for each value of `clusters`, ``(n,)``."""
    labels = np.asarray(clusters)
    _, owner = np.unique(labels, return_inverse=True)
    order = np.argsort(owner, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(owner))[:-1]) if len(labels) else []
    return Groups(tuple(members), len(labels))


def pairs_of(pairs: Sequence[Collection[Hashable]]) -> Groups:
    """One group for each pair that any item has; `pairs` holds each item's, such as
    `Prompt.pairs`."""
    members: dict[Hashable, list[int]] = {}
    for row, own in enumerate(pairs):
        for pair in set(own):
            members.setdefault(pair, []).append(row)
    # The order of a set differs from process to process, and sums with it.
    ordered = sorted(members.values())
    return Groups(tuple(np.array(rows, dtype=np.int64) for rows in ordered), len(pairs))


def jackknife(statistic: Callable[[IntArray], float], groups: Groups) -> Jackknife:
    """Compute `statistic`, from the indices of items ``(m,)`` to a number, without each group."""
    everything = np.arange(groups.count)
    without = np.empty(len(groups.members))
    for index, rows in enumerate(groups.members):
        kept = np.ones(groups.count, dtype=bool)
        kept[rows] = False
        without[index] = statistic(everything[kept]) if kept.any() else math.nan
    return Jackknife(statistic(everything), without)


def over_pairs(pairs: Jackknife, clusters: Jackknife, *, pairs_an_item: float) -> float:
    """The variance of an estimate for pairs in general, from the jackknife over pairs.

    An item that has ``m`` pairs is left out ``m`` times, so its own part of the variance counts
    ``m`` times and is taken off ``m - 1`` times, as in the variance for dyadic data of Aronow,
    Samii and Assenova (2015, Political Analysis 23, p. 564). It is never below the variance over
    clusters.

    Args:
        pairs, clusters: the same statistic without each pair, and without each cluster.
        pairs_an_item: the mean number of pairs that an item has.
    """
    own = clusters.variance
    return max(pairs.variance - (pairs_an_item - 1) * own, own)


def smaller_side(groups: Groups, failures: ArrayLike, successes: ArrayLike) -> int:
    """The smaller of the numbers of groups with a failure and with a success; both arguments are
    counts of each item, ``(n,)``."""
    sides = np.asarray(failures) > 0, np.asarray(successes) > 0
    return min(groups.having(side) for side in sides)


def jackknife_interval(
    estimate: float,
    variance: float,
    *,
    scale: Scale,
    n: int,
    smaller: int,
    level: float = 0.95,
) -> Interval:
    """The interval of an association between items that fail and items that succeed.

    Student's t with `smaller` - 1 degrees of freedom: the rarer outcome limits what is known.

    Args:
        estimate: an AUROC (``share``), a correlation, or a difference of two such figures.
        variance: of the estimate, e.g. `Jackknife.variance`.
        scale: the scale on which the interval is symmetric.
        n: items that the estimate rests on.
        smaller: see `smaller_side`.
        level: coverage of the interval.

    Returns:
        NaN ends where `smaller` is below `FEWEST`, and where the items show no variance. An AUROC
        of 0 or 1 has the exact binomial end with `smaller` trials: that many disjoint comparisons
        of a failure with a success all came out alike.
    """
    if math.isnan(estimate):
        return undefined(n)
    refused = Interval(estimate, math.nan, math.nan, n)
    if smaller < FEWEST:
        return refused
    if scale == "share" and estimate in (0.0, 1.0):
        return all_alike(estimate, n=n, trials=smaller, level=level)
    if not variance > 1e-18:
        return refused
    reach = reach_of(variance, smaller - 1, level=level)
    if scale == "share":
        return logit_interval(estimate, reach, n=n)
    if scale == "difference":
        return Interval(estimate, max(estimate - reach, -1.0), min(estimate + reach, 1.0), n)
    if abs(estimate) == 1:
        return refused
    centre, reach = math.atanh(estimate), reach / (1 - estimate**2)
    return Interval(estimate, math.tanh(centre - reach), math.tanh(centre + reach), n)
