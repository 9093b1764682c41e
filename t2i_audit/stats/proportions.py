"""Intervals of shares that keep their width at 0 and 1, from a variance that knows of clusters."""

from __future__ import annotations

import math

from t2i_audit.results.interval import Interval, undefined


def share_interval(
    estimate: float, variance: float, *, n: int, clusters: int, level: float = 0.95
) -> Interval:
    """The interval of Korn and Graubard (1998, Survey Methodology 24, p. 193).

    It is the exact binomial interval (Clopper and Pearson 1934) at the number of independent
    trials that would have the same variance, made smaller where few clusters estimate that
    variance. At 0 and 1, where no variance can be estimated, each cluster is one trial.

    Args:
        estimate: the share, from 0 to 1.
        variance: of the estimate, over clusters.
        n: items that the estimate rests on.
        clusters: how many clusters these items are in.
        level: coverage of the interval.

    Returns:
        NaN ends below two clusters, and NaN throughout for no items.
    """
    # `scipy.stats` has the same functions, but is long to import and checks each number.
    from scipy.special import betaincinv, ndtri, stdtrit

    if n == 0 or math.isnan(estimate):
        return undefined(n)
    if clusters < 2:
        return Interval(estimate, math.nan, math.nan, n)
    # Rounding may leave a share of equal values a hair beside its end.
    estimate = min(max(estimate, 0.0), 1.0)
    inside = estimate * (1 - estimate)
    trials = float(clusters)
    # Clusters of equal means have no variance but rounding.
    if inside > 1e-12 and variance > 1e-12 * inside:
        upper_tail = (1 + level) / 2
        narrowing = ndtri(upper_tail) / stdtrit(clusters - 1, upper_tail)
        trials = inside / variance * narrowing**2
    tail = (1 - level) / 2
    right, wrong = estimate * trials, (1 - estimate) * trials
    lower = 0.0 if right < 1e-9 else float(betaincinv(right, wrong + 1, tail))
    upper = 1.0 if wrong < 1e-9 else float(betaincinv(right + 1, wrong, 1 - tail))
    return Interval(estimate, min(lower, estimate), max(upper, estimate), n)
