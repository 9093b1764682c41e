"""How far two judges agree, with intervals over compositions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.analysis.success import image_rate, outcome_array
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.bootstrap import cluster_weights, percentile_interval

FloatArray = NDArray[np.float64]


def agreement(
    one: ArrayLike,
    other: ArrayLike,
    clusters: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = 1000,
) -> tuple[Interval, Interval]:
    """The share of images with the same verdict, and Cohen's kappa, of two judges.

    Kappa is ``(p - e) / (1 - e)`` with `p` the share of equal verdicts and `e` the share that
    independent verdicts of the same rates would have (Cohen 1960). It is undefined where one of
    them gives all images the same verdict.

    Args:
        one: 1 for a right image, 0 for a wrong one, NaN for one without a verdict, `(n, seeds)`.
        other: the same of the other judge.
        clusters: the composition of each prompt, `(n,)`.
        rng: source of the resamples.
        resamples: bootstrap resamples of each interval.
    """
    first, second = outcome_array(one), outcome_array(other)
    groups = np.asarray(clusters)
    both = ~(np.isnan(first) | np.isnan(second))
    if not both.any():
        return undefined(), undefined()
    equal = np.where(both, first == second, np.nan)
    same = image_rate(equal, groups)
    if len({*first[both]}) < 2 or len({*second[both]}) < 2:
        # Kappa would be 0 in every resample, which is no knowledge.
        return same, undefined(int(both.sum()))
    # Of each image the cell of the two-by-two table: 3 both right, 0 both wrong.
    cells = (2 * first[both] + second[both]).astype(int)
    owners = np.repeat(groups, both.sum(axis=1))
    weights, inverse = cluster_weights(owners, rng=rng, resamples=resamples)
    tables = np.zeros((int(inverse.max()) + 1, 4))
    np.add.at(tables, (inverse, cells), 1)
    resampled = cohens_kappa(weights @ tables)
    estimate = float(cohens_kappa(tables.sum(axis=0)))
    return same, percentile_interval(estimate, resampled, len(cells))


def cohens_kappa(tables: FloatArray) -> FloatArray:
    """Cohen's kappa of counts `(..., 4)`: both wrong, only the second right, only the first, both.

    NaN where both judges give all images the same verdict, so that chance alone would agree.
    """
    total = tables.sum(axis=-1)
    first, second = tables[..., 2] + tables[..., 3], tables[..., 1] + tables[..., 3]
    same = tables[..., 0] + tables[..., 3]
    by_chance = (first * second + (total - first) * (total - second)) / total
    with np.errstate(invalid="ignore"):
        kappa: FloatArray = np.where(
            by_chance < total, (same - by_chance) / (total - by_chance), np.nan
        )
    return kappa
