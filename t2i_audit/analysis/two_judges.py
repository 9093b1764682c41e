"""How far two judges agree, with intervals over compositions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.analysis.success import image_rate, outcome_array
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.beyond_chance import beyond_chance
from t2i_audit.stats.jackknife import Jackknife

FloatArray = NDArray[np.float64]


def agreement(one: ArrayLike, other: ArrayLike, clusters: ArrayLike) -> tuple[Interval, Interval]:
    """The share of images with the same verdict, and Cohen's kappa, of two judges.

    Kappa is ``(p - e) / (1 - e)`` with `p` the share of equal verdicts and `e` the share that
    independent verdicts of the same rates would have (Cohen 1960). It is undefined where one of
    them gives all images the same verdict.

    Args:
        one: 1 for a right image, 0 for a wrong one, NaN for one without a verdict, `(n, seeds)`.
        other: the same of the other judge.
        clusters: the composition of each prompt, `(n,)`.
    """
    first, second = outcome_array(one), outcome_array(other)
    groups = np.asarray(clusters)
    both = ~(np.isnan(first) | np.isnan(second))
    if not both.any():
        return undefined(), undefined()
    equal = np.where(both, first == second, np.nan)
    same = image_rate(equal, groups)
    if len({*first[both]}) < 2 or len({*second[both]}) < 2:
        # Kappa would be 0 without any composition, which is no knowledge.
        return same, undefined(int(both.sum()))
    # Of each image the cell of the two-by-two table: 3 both right, 0 both wrong.
    cells = (2 * first[both] + second[both]).astype(int)
    owners = np.repeat(groups, both.sum(axis=1))
    _, inverse = np.unique(owners, return_inverse=True)
    tables = np.zeros((int(inverse.max()) + 1, 4))
    np.add.at(tables, (inverse, cells), 1)
    whole = tables.sum(axis=0)
    kappa = float(cohens_kappa(whole))
    disagreed = (tables[:, 1] + tables[:, 2]) / tables.sum(axis=1)
    chance = 1 - float(by_chance(whole)) / whole.sum()
    without = Jackknife(kappa, cohens_kappa(whole - tables))
    return same, beyond_chance(same, chance, without, disagreed)


def by_chance(tables: FloatArray) -> FloatArray:
    """How many of the images of tables `(..., 4)` judges of the same rates would agree on."""
    total = tables.sum(axis=-1)
    first, second = tables[..., 2] + tables[..., 3], tables[..., 1] + tables[..., 3]
    with np.errstate(invalid="ignore"):
        expected: FloatArray = (first * second + (total - first) * (total - second)) / total
    return expected


def cohens_kappa(tables: FloatArray) -> FloatArray:
    """Cohen's kappa of counts `(..., 4)`: both wrong, only the second right, only the first, both.

    NaN where both judges give all images the same verdict, so that chance alone would agree.
    """
    total, expected = tables.sum(axis=-1), by_chance(tables)
    same = tables[..., 0] + tables[..., 3]
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa: FloatArray = np.where(
            expected < total, (same - expected) / (total - expected), np.nan
        )
    return kappa
