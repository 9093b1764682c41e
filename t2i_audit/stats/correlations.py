"""Correlations of a few points, with intervals by Fisher's z."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.results.interval import Interval, undefined

# Fisher's z has a variance of 1 / (n - 3).
FEWEST_POINTS = 4


def pearson_interval(
    x: ArrayLike, y: ArrayLike, *, independent: int | None = None, level: float = 0.95
) -> Interval:
    """Pearson's correlation of `x` and `y`, both ``(n,)``.

    `independent` says as how many independent points they count for the interval; all if None.

    Returns:
        NaN throughout where either does not vary; NaN ends below four independent points, and where
        all points lie on one line, which has no width.
    """
    from scipy import stats

    first, second = _two(x, y)
    n = len(first)
    if n < 2 or _constant(first) or _constant(second):
        return undefined(n)
    count = _independent(n, independent)
    estimate = float(np.clip(np.corrcoef(first, second)[0, 1], -1, 1))
    if count < FEWEST_POINTS or 1 - abs(estimate) < 1e-12:
        return Interval(estimate, math.nan, math.nan, n)
    reach = float(stats.norm.ppf((1 + level) / 2)) / math.sqrt(count - 3)
    centre = math.atanh(estimate)
    return Interval(estimate, math.tanh(centre - reach), math.tanh(centre + reach), n)


def spearman_interval(
    x: ArrayLike, y: ArrayLike, *, independent: int | None = None, level: float = 0.95
) -> Interval:
    """Spearman's correlation of `x` and `y`, both ``(n,)``, ties at their mean rank.

    `independent` says as how many independent points they count for the interval; all if None. With
    ``n`` of them the variance of its z is ``(1 + r^2 / 2) / (n - 3)`` (Bonett and Wright 2000,
    Psychometrika 65, p. 23). The correlation can only take some values; for the interval, one of 1
    or -1 counts as half way to the value next to it, the usual correction for continuity.

    Returns:
        NaN throughout where either does not vary, and NaN ends below four independent points.
    """
    from scipy import stats

    first, second = _two(x, y)
    n = len(first)
    if n < 2 or _constant(first) or _constant(second):
        return undefined(n)
    estimate = float(np.clip(stats.spearmanr(first, second).statistic, -1, 1))
    count = _independent(n, independent)
    if count < FEWEST_POINTS:
        return Interval(estimate, math.nan, math.nan, n)
    # Two neighbours that change places add 2 to the sum of squared differences of ranks.
    most = 1 - 6 / (n * (n**2 - 1))
    inside = float(np.clip(estimate, -most, most))
    error = math.sqrt((1 + inside**2 / 2) / (count - 3))
    reach = float(stats.norm.ppf((1 + level) / 2)) * error
    lower, upper = math.tanh(math.atanh(inside) - reach), math.tanh(math.atanh(inside) + reach)
    return Interval(estimate, min(lower, estimate), max(upper, estimate), n)


def reliability(values: ArrayLike, standard_errors: ArrayLike) -> float:
    """The share of the variance of `values` that is not error of measurement, both ``(n,)``.

    ``1 - mean(standard error squared) / variance``, at least 0; NaN where values do not vary or an
    error is not known (Fuller 1987, *Measurement Error Models*, section 1.1).
    """
    data, errors = _two(values, standard_errors)
    if len(data) < 2 or _constant(data) or np.isnan(errors).any():
        return math.nan
    return max(0.0, 1 - float(np.mean(errors**2)) / float(data.var(ddof=1)))


def _independent(n: int, independent: int | None) -> int:
    return n if independent is None else min(independent, n)


def _constant(values: NDArray[np.float64]) -> bool:
    return bool(np.ptp(values) == 0)


def _two(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"two arrays of shape (n,) are needed; got {first.shape}, {second.shape}")
    return first, second
