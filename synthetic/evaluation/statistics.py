"""Correlations and means over runs, with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from synthetic.evaluation.results import RunResult
from synthetic.students.base import INPUT
from t2i_audit.results.interval import undefined
from t2i_audit.stats import Interval, cluster_bootstrap_mean, cluster_weights
from t2i_audit.stats.bootstrap import percentile_interval

RESAMPLES = 2000
# If R2 at the input is at least this high in every run, it cannot separate good students from bad.
SATURATED = 0.98
# A correlation over fewer runs is undefined.
FEWEST_RUNS = 4

ControlVerdict = Literal["saturated", "no_relation", "related", "undefined"]


@dataclass(frozen=True)
class Correlation:
    """Correlation of decodability at one place with compositional generalization, over runs.

    Undefined for fewer than `FEWEST_RUNS` runs.
    """

    place: str
    pearson: Interval
    """Over all runs; the interval is a bootstrap over seeds, `n` counts runs."""
    spearman: Interval
    """Over all runs, of the ranks: whether the relation is monotone, linear or not."""
    pearson_within: Interval
    """Pearson within groups of runs with the same number of trained compositions: both variables
    are centred on the group's mean, which removes the effect of how much a student has seen."""
    lowest_r2: float
    """The smallest R2 of the probe on held-out compositions; then the largest."""
    highest_r2: float
    n_diverged: int
    """Number of runs excluded because they diverged."""


def correlate(results: Sequence[RunResult], place: str, *, seed: int = 0) -> Correlation:
    """Correlate the held-out score with the probe's R2 at `place`, over the runs that have it."""
    points = []
    for result in results:
        probe = result.probe(place)
        if result.status == "finished" and probe is not None:
            points.append(
                (
                    probe.r2_held_out,
                    result.score_held_out,
                    result.n_trained,
                    result.settings.seed,
                )
            )
    decoded, generalized, trained, seeds = np.array(points, dtype=np.float64).reshape(-1, 4).T
    n = len(seeds)
    one_group = np.zeros(n)

    def interval(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> Interval:
        if n < FEWEST_RUNS:
            return undefined(n)
        weights, cluster = cluster_weights(
            seeds, rng=np.random.default_rng(seed), resamples=RESAMPLES
        )
        (estimate,) = pearson(x, y, groups, np.ones((1, n)))
        resampled = pearson(x, y, groups, weights[:, cluster])
        return percentile_interval(float(estimate), resampled, n)

    return Correlation(
        place=place,
        pearson=interval(decoded, generalized, one_group),
        spearman=interval(rankdata(decoded), rankdata(generalized), one_group),
        pearson_within=interval(decoded, generalized, trained),
        lowest_r2=float(decoded.min()) if n else math.nan,
        highest_r2=float(decoded.max()) if n else math.nan,
        n_diverged=sum(result.status == "diverged" for result in results),
    )


def places_of(results: Sequence[RunResult]) -> tuple[str, ...]:
    """Every place at which some run was probed, in order, and ``last`` for the deepest layer."""
    places = dict.fromkeys(probe.place for result in results for probe in result.probes)
    return (*sorted(places, key=lambda place: (place != INPUT, place)), "last")


def mean_over_runs(values: Sequence[float], seeds: Sequence[int], *, seed: int = 0) -> Interval:
    """Mean over runs with a bootstrap interval over their seeds; NaN are excluded."""
    return cluster_bootstrap_mean(
        values, seeds, rng=np.random.default_rng(seed), resamples=RESAMPLES
    )


def control_verdict(correlation: Correlation) -> ControlVerdict:
    """The verdict of the input control.

    ``saturated``: decodable in every run, whether its student composes or not. ``no_relation``:
    the interval of the correlation includes 0. ``related``: neither; the control has failed.
    """
    if correlation.lowest_r2 >= SATURATED:
        return "saturated"
    if math.isnan(correlation.pearson.estimate):
        return "undefined"
    if correlation.pearson.lower <= 0 <= correlation.pearson.upper:
        return "no_relation"
    return "related"


def pearson(x: np.ndarray, y: np.ndarray, groups: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson correlation of `x` and `y`, both centred on the mean of their group, ``(b,)``.

    NaN if there are fewer than three points or no variation within groups.

    Args:
        x: ``(n,)``.
        y: ``(n,)``.
        groups: group of each point, ``(n,)``.
        weights: how often each resample holds each point, ``(b, n)``.
    """
    member = (groups[:, None] == np.unique(groups)).astype(np.float64)
    sizes = np.maximum(weights @ member, 1)  # a group that was not drawn has sums of 0
    # Centring does not change the correlation, and it reduces the rounding of the sums below.
    x, y = x - x.mean(), y - y.mean()

    def covariance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        sums, other_sums = (weights @ (member * values[:, None]) for values in (one, other))
        between: np.ndarray = (sums * other_sums / sizes).sum(axis=1)
        return weights @ (one * other) - between

    both = covariance(x, x) * covariance(y, y)
    # Without any variation, rounding leaves up to this much.
    varied = both > 1e-20 * float(np.square(x).sum() * np.square(y).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = covariance(x, y) / np.sqrt(both)
    return np.where(varied & (len(x) >= 3), correlation, math.nan)
