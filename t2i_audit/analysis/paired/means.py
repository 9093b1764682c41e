"""The mean of a figure of each prompt in two runs, such as decodability, and its difference."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from t2i_audit.results.comparison import PairedRate
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.logit import reach_of
from t2i_audit.stats.shares import clustered_mean


def paired_mean(base: ArrayLike, candidate: ArrayLike, clusters: ArrayLike) -> PairedRate:
    """Means over the prompts that have the figure in both runs; every `n` counts prompts.

    The interval of the difference is Student's t over clusters, of each prompt's own difference.

    Args:
        base, candidate: of each prompt, from 0 to 1, ``(n,)``; NaN where it was not read.
        clusters: the composition of each prompt, ``(n,)``.

    Returns:
        A difference with NaN ends below two clusters, and where no prompt differs at all: the two
        runs then read the same states, and nothing varies that an interval could speak of.
    """
    from scipy import stats

    first, second = np.asarray(base, dtype=np.float64), np.asarray(candidate, dtype=np.float64)
    kept = ~(np.isnan(first) | np.isnan(second))
    first, second, owners = first[kept], second[kept], np.asarray(clusters)[kept]
    rates = clustered_mean(first, owners), clustered_mean(second, owners)
    n = len(first)
    if not n:
        return PairedRate(*rates, undefined())
    change = second - first
    middle = float(change.mean())
    _, owner = np.unique(owners, return_inverse=True)
    sums = np.bincount(owner, (change - middle) / n)
    count = len(sums)
    variance = count / max(count - 1, 1) * float(sums @ sums)
    if count < 2 or not variance > 1e-18:
        return PairedRate(*rates, Interval(middle, math.nan, math.nan, n))
    reach = reach_of(variance, count - 1)
    return PairedRate(
        *rates,
        Interval(middle, max(middle - reach, -1.0), min(middle + reach, 1.0), n),
        p_value=2 * float(stats.t.sf(abs(middle) / math.sqrt(variance), count - 1)),
    )
