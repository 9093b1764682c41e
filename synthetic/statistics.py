"""Correlations and means over runs, with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from synthetic.results import RunResult
from synthetic.students.base import INPUT
from t2i_audit.results.interval import undefined
from t2i_audit.stats import Interval, cluster_bootstrap_mean, cluster_weights
from t2i_audit.stats.bootstrap import percentile_interval

RESAMPLES = 2000
# An input that gives up this much in every run has no room to tell good students from bad ones.
SATURATED = 0.98
# A correlation over fewer points is not interpreted, nor is it in the leaderboard.
FEWEST_RUNS = 4

ControlVerdict = Literal["saturated", "no_relation", "related", "undefined"]


@dataclass(frozen=True)
class Correlation:
    """How decodability at one place goes with compositional generalization, over runs.

    Undefined below `FEWEST_RUNS`.
    """

    place: str
    pearson: Interval
    """Over all runs; bootstrap over seeds, `n` counts runs."""
    spearman: Interval
    """The same for the ranks among all runs: whether more goes with more, in a straight line or
    not."""
    alike: Interval
    """Pearson over all runs of what each has more, or less, than the mean of the runs with as
    many trained compositions: how much a student has seen is then left out of the relation."""
    lowest_r2: float
    """The smallest and the largest probe R2 on held-out compositions."""
    highest_r2: float
    n_diverged: int
    """Runs left out because they diverged."""


def correlate(results: Sequence[RunResult], place: str, *, seed: int = 0) -> Correlation:
    """Correlate held-out-composition score with probe R2 at `place` over the runs that have it."""
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
    together = np.zeros(n)

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
        pearson=interval(decoded, generalized, together),
        spearman=interval(rankdata(decoded), rankdata(generalized), together),
        alike=interval(decoded, generalized, trained),
        lowest_r2=float(decoded.min()) if n else math.nan,
        highest_r2=float(decoded.max()) if n else math.nan,
        n_diverged=sum(result.status == "diverged" for result in results),
    )


def places_of(results: Sequence[RunResult]) -> tuple[str, ...]:
    """Every place that some run was probed at, in order, with ``last`` for the deepest layer."""
    places = dict.fromkeys(probe.place for result in results for probe in result.probes)
    return (*sorted(places, key=lambda place: (place != INPUT, place)), "last")


def mean_over_runs(values: Sequence[float], seeds: Sequence[int], *, seed: int = 0) -> Interval:
    """Mean of one figure over runs with a bootstrap interval over their seeds; NaN left out."""
    return cluster_bootstrap_mean(
        values, seeds, rng=np.random.default_rng(seed), resamples=RESAMPLES
    )


def control_verdict(correlation: Correlation) -> ControlVerdict:
    """What the input control shows.

    ``saturated``: decodable in every run, whether its student composes or not. ``no_relation``:
    the interval of the correlation includes 0. ``related``: neither; the control then fails.
    """
    if correlation.lowest_r2 >= SATURATED:
        return "saturated"
    if math.isnan(correlation.pearson.estimate):
        return "undefined"
    if correlation.pearson.lower <= 0 <= correlation.pearson.upper:
        return "no_relation"
    return "related"


def pearson(x: np.ndarray, y: np.ndarray, groups: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's correlation of `x` and `y`, each less the mean of its group, ``(b,)``.

    NaN where fewer than three points or no variation within groups allow none.

    Args:
        x: ``(n,)``.
        y: ``(n,)``.
        groups: group of each point, ``(n,)``.
        weights: how often each resample has each point, ``(b, n)``.
    """
    member = (groups[:, None] == np.unique(groups)).astype(np.float64)
    sizes = np.maximum(weights @ member, 1)  # a group that was not drawn has sums of 0
    # The correlation knows no origin, and near it the sums below round least.
    x, y = x - x.mean(), y - y.mean()

    def spread(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        sums, other_sums = (weights @ (member * values[:, None]) for values in (one, other))
        between: np.ndarray = (sums * other_sums / sizes).sum(axis=1)
        return weights @ (one * other) - between

    both = spread(x, x) * spread(y, y)
    # Rounding leaves this much of no variation.
    varied = both > 1e-20 * float(np.square(x).sum() * np.square(y).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        found = spread(x, y) / np.sqrt(both)
    return np.where(varied & (len(x) >= 3), found, math.nan)
