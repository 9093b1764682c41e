"""The correlation of what is measured with known errors in both variables."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.correlations import FEWEST_POINTS, pearson_interval

FloatArray = NDArray[np.float64]

GRID = np.tanh(np.linspace(-6, 6, 31))
# Standard deviations of the true values that are tried, as shares of that of the measured ones.
SMALLEST, LARGEST = 1e-3, 4.0


def true_correlation(
    x: ArrayLike,
    y: ArrayLike,
    x_errors: ArrayLike,
    y_errors: ArrayLike,
    *,
    independent: int | None = None,
    level: float = 0.95,
) -> Interval:
    """Pearson's correlation of the true values behind `x` and `y`, all ``(n,)``.

    The true values are bivariate normal and the errors independent, with the standard errors that
    are given (the structural model of Fuller 1987, *Measurement Error Models*, section 1.2). With
    ``l(r)`` the log-likelihood at the best means and standard deviations, the interval is

        2 (max l - l(r)) <= 2 n log cosh(q / sqrt(m - 3)),   q = quantile((1 + level) / 2)

    of the standard normal, where ``m`` is `independent`: as how many independent points the `n`
    count, all if None. Without errors that is the interval by Fisher's z, as there
    ``max l - l(r) = n log cosh(atanh(found) - atanh(r))``.

    Returns:
        NaN throughout below four independent points, where either does not vary, or an error is not
        known.
    """
    from scipy import optimize, stats

    data = np.stack([np.asarray(each, dtype=float) for each in (x, y)])
    errors = np.stack([np.asarray(each, dtype=float) for each in (x_errors, y_errors)])
    n = data.shape[1]
    count = n if independent is None else min(independent, n)
    if count < FEWEST_POINTS or not np.isfinite([data, errors]).all() or not np.ptp(data, 1).all():
        return undefined(n)
    if not errors.any():
        return pearson_interval(*data, independent=count, level=level)
    scale = data.std(axis=1, ddof=1)[:, None]
    loss = partial(_profile, (data - data.mean(axis=1, keepdims=True)) / scale, errors / scale)
    values = np.array([loss(each) for each in GRID])
    best = int(values.argmin())
    around = GRID[max(best - 1, 0)], GRID[min(best + 1, len(GRID) - 1)]
    found = optimize.minimize_scalar(loss, bounds=around, method="bounded")
    least, at = min((float(found.fun), float(found.x)), (float(values[best]), float(GRID[best])))
    quantile = float(stats.norm.ppf((1 + level) / 2))
    limit = least + n * math.log(math.cosh(quantile / math.sqrt(count - 3)))

    def end(direction: int) -> float:
        """Where the log-likelihood falls below the limit, or -1 or 1 where it does not."""
        too_far = GRID[((GRID - at) * direction > 0) & (values > limit)]
        if not len(too_far):
            return float(direction)
        nearest = float(too_far[np.abs(too_far - at).argmin()])
        return float(optimize.brentq(lambda value: loss(value) - limit, *sorted((at, nearest))))

    return Interval(at, end(-1), end(1), n)


def _profile(data: FloatArray, errors: FloatArray, correlation: float) -> float:
    """The least negative log-likelihood at one correlation, of `data` of mean 0 and deviation 1."""
    from scipy import optimize

    starts = np.sqrt(np.maximum(1 - np.mean(errors**2, axis=1), 0.1))
    found = optimize.minimize(
        lambda logs: _loss(data, errors, correlation, *np.exp(logs)),
        np.log(starts),
        method="L-BFGS-B",
        bounds=[(math.log(SMALLEST), math.log(LARGEST))] * 2,
    )
    return float(found.fun)


def _loss(
    data: FloatArray, errors: FloatArray, correlation: float, first: float, second: float
) -> float:
    """The negative log-likelihood at the best means, but for a constant."""
    a, b = first**2 + errors[0] ** 2, second**2 + errors[1] ** 2
    c = correlation * first * second
    determinant = a * b - c**2
    # The inverse of each point's covariance, by which the means are weighted.
    p, q, r = b / determinant, a / determinant, -c / determinant
    left = np.array([[p.sum(), r.sum()], [r.sum(), q.sum()]])
    right = np.array([(p * data[0] + r * data[1]).sum(), (r * data[0] + q * data[1]).sum()])
    u, v = data - np.linalg.solve(left, right)[:, None]
    return float((np.log(determinant) + p * u**2 + 2 * r * u * v + q * v**2).sum() / 2)
