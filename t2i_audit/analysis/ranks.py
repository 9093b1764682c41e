"""Rank statistics on resampled prompts, in linear time.

Every resample of a bootstrap asks for the same ranks again. The distinct values are found once
(`levels_of`); a resample then only counts how often each level was drawn, so no statistic sorts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def levels_of(values: FloatArray) -> IntArray:
    """The rank of each value among the distinct values, `(n,)`: equal values share a level."""
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.intp)


def auroc(levels: IntArray, failures: FloatArray, successes: FloatArray) -> float:
    """Probability that a failed image's prompt lies below a right image's prompt.

    Each image is one observation; images of a prompt share its level, and ties count one half.
    Above 0.5, low values go with failure. This is the Mann-Whitney form of the area under the
    receiver operating characteristic of ``-value`` as a score for failure.

    Args:
        levels: `levels_of` the predictor, `(n,)`.
        failures: wrong images of each prompt, `(n,)`.
        successes: right images of each prompt, `(n,)`.

    Returns:
        NaN when there is no failure or no success.
    """
    failed = np.bincount(levels, failures)
    right = np.bincount(levels, successes)
    pairs = failed.sum() * right.sum()
    if pairs == 0:
        return float("nan")
    above = right.sum() - np.cumsum(right)
    return float(failed @ (above + right / 2) / pairs)


def spearman(levels_x: IntArray, levels_y: IntArray) -> float:
    """Spearman's rank correlation, ties at their mean rank; NaN when either does not vary."""
    return pearson(_mean_ranks(levels_x), _mean_ranks(levels_y))


def pearson(x: FloatArray, y: FloatArray) -> float:
    """Pearson's correlation of two `(n,)` arrays; NaN when either does not vary."""
    if x.size < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    x = x - x.mean()
    y = y - y.mean()
    # Dividing each by its own norm first keeps tiny spreads from underflowing in the product.
    value = (x / np.linalg.norm(x)) @ (y / np.linalg.norm(y))
    return float(np.clip(value, -1.0, 1.0))


def _mean_ranks(levels: IntArray) -> FloatArray:
    counts = np.bincount(levels)
    ranks: FloatArray = (np.cumsum(counts) - (counts - 1) / 2)[levels]
    return ranks
