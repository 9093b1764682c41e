"""The correlation of success with decodability over a few points, e.g. models or values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from t2i_audit.results.associations import Point, PointCorrelation, PointVerdict
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.correlations import reliability
from t2i_audit.stats.errors_in_variables import true_correlation

FloatArray = NDArray[np.float64]

LEVEL = 0.05
POWER = 0.8
# Points that would miss a true correlation of this size show nothing by finding none.
STRONG = 0.9
# Errors that leave more than this share of a correlation are not worth a word.
LITTLE = 0.95
FIGURES = ("decodability", "success")
# Fisher's z has a variance of 1 / (n - 3).
TAKEN = 3
NEAREST_TO_1 = 1 - 1e-5
FAR = 12  # standard errors of z beyond which a correlation is never found


def correlate_points(
    points: Sequence[Point],
    *,
    station: str,
    figure: str,
    of: str,
    fewest: int,
    strata: Sequence[str] = (),
    independent: int | None = None,
) -> PointCorrelation:
    """Correlate success with decodability over those `points` that have both.

    Args:
        points: the points.
        station: where their decodability was read.
        figure: what their decodability is.
        of: what the points are, in the plural, for the sentence.
        fewest: points below which no correlation is given.
        strata: of each point; both figures are taken as differences from the stratum's mean.
        independent: as how many independent points they count for the interval; all if None.
    """
    known = [
        index
        for index, point in enumerate(points)
        if point.decodability.is_defined and point.success.is_defined
    ]
    used = tuple(points[index] for index in known)
    labels = [strata[index] for index in known] if strata else [""] * len(used)
    n = len(used) if independent is None else min(independent, len(used))
    x, y = (_centred([getattr(point, name).estimate for point in used], labels) for name in FIGURES)
    reason = _undefined_because(x, y, n, of, fewest)
    found = undefined(len(used)) if reason else fisher_interval(_pearson(x, y), n, len(used))
    ceiling = math.nan if reason else _ceiling(used, x, y)
    # Errors of the points weaken every correlation by this factor, as far as they are known.
    kept = 1.0 if math.isnan(ceiling) else ceiling
    smallest = smallest_correlation(n, kept=kept)
    verdict, sentence = _verdict(found, n, of, station, figure, smallest, kept)
    if reason:
        verdict, sentence = "undefined", f"The correlation is undefined: {reason}."
    exact = undefined(len(used))
    if not reason and n == len(used):
        errors = [[standard_error(getattr(p, name)) for p in used] for name in FIGURES]
        exact = true_correlation(x, y, *errors)
    return PointCorrelation(
        station, figure, found, used, n, ceiling, smallest, verdict, sentence, exact
    )


def fisher_interval(correlation: float, independent: int, n: int) -> Interval:
    """The interval of a correlation by Fisher's z; no ends below 4 points, nor at 1 and -1."""
    from scipy import stats

    if independent <= TAKEN or 1 - abs(correlation) < 1e-12:
        return Interval(correlation, math.nan, math.nan, n)
    reach = float(stats.norm.ppf(1 - LEVEL / 2)) / math.sqrt(independent - TAKEN)
    centre = math.atanh(correlation)
    return Interval(correlation, math.tanh(centre - reach), math.tanh(centre + reach), n)


def smallest_correlation(n: int, *, kept: float = 1.0) -> float:
    """The true correlation that the interval of `n` points leaves 0 out for in 80%.

    Args:
        n: the points.
        kept: the factor by which their errors weaken a correlation.

    Returns:
        NaN where not even a correlation of 1 is shown so often.
    """
    from scipy import optimize

    if n <= TAKEN or power_of(kept * NEAREST_TO_1, n) < POWER:
        return math.nan
    return float(
        optimize.brentq(lambda value: power_of(kept * value, n) - POWER, 1e-3, NEAREST_TO_1)
    )


def power_of(correlation: float, n: int) -> float:
    """The probability that the interval of `n` points leaves 0 out, at a true `correlation`.

    By the exact distribution of the correlation of normal variables (Hotelling 1953, Journal of the
    Royal Statistical Society B 15, p. 200): Fisher's approximation says 55% where 5 points show a
    true correlation of 0.9 in 66%.
    """
    from scipy import integrate, stats

    if n <= TAKEN:
        return math.nan
    error = 1 / math.sqrt(n - TAKEN)
    limit = float(stats.norm.ppf(1 - LEVEL / 2)) * error
    peak = math.atanh(correlation)
    reach = abs(peak) + limit + FAR * error
    within = sorted({each for each in (limit, peak, -peak) if each >= limit} | {reach})
    pieces = [*pairwise(within), *((-high, -low) for low, high in pairwise(within))]
    return min(1.0, sum(integrate.quad(_density, *ends, (correlation, n))[0] for ends in pieces))


def _density(z: float, true: float, n: int) -> float:
    """Of Fisher's z of the correlation of `n` points."""
    from scipy import special

    # 1 - r^2 as it stands would lose all its digits where r is close to 1.
    rest = -2 * float(np.logaddexp(z, -z) - math.log(2))
    found = math.tanh(z)
    logarithm = (
        math.log(n - 2)
        + float(special.gammaln(n - 1) - special.gammaln(n - 0.5))
        - math.log(2 * math.pi) / 2
        + (n - 1) / 2 * math.log1p(-(true**2))
        + (n - 2) / 2 * rest
        - (n - 1.5) * math.log1p(-true * found)
    )
    return math.exp(logarithm) * float(special.hyp2f1(0.5, 0.5, n - 0.5, (true * found + 1) / 2))


def difference_of_correlations(
    first: Sequence[float], second: Sequence[float], success: Sequence[float]
) -> Interval:
    """The correlation of `success` with `first` less that with `second`, over the same points.

    The interval is that of Zou (2007, Psychological Methods 12, p. 404) for correlations that
    overlap in one variable; it has no ends below 4 points or where a correlation is 1 or -1.
    """
    x, y, z = (np.asarray(each, dtype=float) for each in (first, second, success))
    n = len(z)
    if n < 2 or min(np.ptp(x), np.ptp(y), np.ptp(z)) == 0:
        return undefined(n)
    a, b, r = _pearson(x, z), _pearson(y, z), _pearson(x, y)
    one, two = fisher_interval(a, n, n), fisher_interval(b, n, n)
    if math.isnan(one.lower) or math.isnan(two.lower):
        return Interval(a - b, math.nan, math.nan, n)
    shared = (r - a * b / 2) * (1 - a**2 - b**2 - r**2) + r**3
    shared = float(np.clip(shared / ((1 - a**2) * (1 - b**2)), -1, 1))

    def reach(own: float, other: float) -> float:
        return math.sqrt(max(0.0, own**2 + other**2 - 2 * shared * own * other))

    return Interval(
        a - b,
        a - b - reach(a - one.lower, two.upper - b),
        a - b + reach(one.upper - a, b - two.lower),
        n,
    )


def _verdict(
    found: Interval, n: int, of: str, station: str, figure: str, smallest: float, kept: float
) -> tuple[PointVerdict, str]:
    head = (
        f"Over {found.n} {of}, success and decodability ({figure}) at the "
        f"{station.replace('_', ' ')}"
    )
    if math.isnan(found.lower):
        return "underpowered", f"{head} have a correlation of {found}; so few show nothing."
    if found.lower > 0:
        return "together", f"{head} rise together ({found})."
    if found.upper < 0:
        return "opposite", f"{head} go in opposite directions ({found})."
    text = f"{head} are not shown to go together ({found})"
    if not smallest <= STRONG:
        power = power_of(kept * STRONG, n)
        what = "so few" if kept > LITTLE else "so few, with errors as large as theirs,"
        return "underpowered", (
            f"{text}, but {what} would show a true correlation of {STRONG} with a probability "
            f"of only {power:.0%}."
        )
    return "not_shown", (
        f"{text}; a true correlation of {smallest:.2f} would be shown with a probability of 80%."
    )


def _undefined_because(x: FloatArray, y: FloatArray, n: int, of: str, fewest: int) -> str:
    if len(x) < fewest or n < min(fewest, TAKEN + 1):
        have = f"only {len(x)}" if len(x) else "none"
        return f"{fewest} {of} are needed, and there are {have} with both figures"
    if np.ptp(x) < 1e-12:
        return f"it is the same for all {len(x)} {of}"
    if np.ptp(y) < 1e-12:
        return f"success is the same for all {len(x)} {of}"
    return ""


def _ceiling(points: Sequence[Point], x: FloatArray, y: FloatArray) -> float:
    """The square root of the product of both reliabilities (Spearman 1904)."""
    shares = []
    for values, name in ((x, "decodability"), (y, "success")):
        errors = [standard_error(getattr(point, name)) for point in points]
        shares.append(reliability(values, errors))
    return math.sqrt(shares[0] * shares[1])


def standard_error(interval: Interval) -> float:
    """That of an estimate whose interval is symmetric; NaN without ends."""
    from scipy import stats

    return (interval.upper - interval.lower) / (2 * float(stats.norm.ppf(1 - LEVEL / 2)))


def _centred(values: Sequence[float], labels: Sequence[str]) -> FloatArray:
    data, own = np.asarray(values, dtype=float), np.asarray(labels, dtype=str)
    if len(set(labels)) < 2:
        return data
    for label in np.unique(own):
        data[own == label] -= data[own == label].mean()
    return data


def _pearson(x: FloatArray, y: FloatArray) -> float:
    return float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))
