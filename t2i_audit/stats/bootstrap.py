"""Percentile bootstrap over clusters (Efron and Tibshirani 1993, chapter 13).

Prompts of one composition are not independent, so whole compositions are drawn with replacement.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.results.interval import Interval, undefined

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def cluster_bootstrap(
    statistic: Callable[[IntArray], float],
    clusters: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Bootstrap any statistic of items.

    Args:
        statistic: maps the indices of a sample's items, ``(m,)``, to a number; NaN where the
            sample does not define it (such samples are left out of the interval).
        clusters: cluster of each item, ``(n,)``.
        rng: source of the resamples.
        resamples: how many samples are drawn.
        level: coverage of the interval.
    """
    members = _members(clusters)
    count = sum(len(rows) for rows in members)
    if count == 0:
        return undefined()
    values = np.empty(resamples)
    for index in range(resamples):
        drawn = rng.integers(len(members), size=len(members))
        values[index] = statistic(np.concatenate([members[one] for one in drawn]))
    return percentile_interval(statistic(np.arange(count)), values, count, level=level)


def cluster_bootstrap_mean(
    values: ArrayLike,
    clusters: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Bootstrap the mean of `values`, ``(n,)``; NaN values are excluded and not counted."""
    data = np.asarray(values, dtype=np.float64)
    groups = np.asarray(clusters)
    kept = ~np.isnan(data)
    if not kept.any():
        return undefined()
    data = data[kept]
    weights, inverse = cluster_weights(groups[kept], rng=rng, resamples=resamples)
    totals = np.bincount(inverse, weights=data)
    sizes = np.bincount(inverse)
    means = (weights @ totals) / (weights @ sizes)
    return percentile_interval(float(data.mean()), means, len(data), level=level)


def cluster_weights(
    clusters: ArrayLike, *, rng: np.random.Generator, resamples: int
) -> tuple[FloatArray, IntArray]:
    """How often each cluster is drawn in each resample, ``(resamples, c)``, and each item's
    cluster index, ``(n,)``: sums over resampled items become one matrix product."""
    _, inverse = np.unique(np.asarray(clusters), return_inverse=True)
    count = int(inverse.max()) + 1
    weights = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
    return weights.astype(np.float64), inverse.astype(np.int64)


def _members(clusters: ArrayLike) -> list[IntArray]:
    groups = np.asarray(clusters)
    if len(groups) == 0:
        return []
    _, inverse = np.unique(groups, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    return np.split(order, np.cumsum(np.bincount(inverse))[:-1])


def percentile_interval(
    estimate: float, resampled: FloatArray, n: int, *, level: float = 0.95
) -> Interval:
    """The interval of an estimate from its resampled values; undefined resamples are left out."""
    defined = resampled[~np.isnan(resampled)]
    if np.isnan(estimate) or len(defined) == 0:
        return undefined(n)
    tail = (1 - level) / 2
    lower, upper = np.quantile(defined, [tail, 1 - tail])
    return Interval(float(estimate), float(lower), float(upper), n)
