"""Correlations and means over runs, with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from synthetic.results import RunResult
from synthetic.students.base import INPUT
from t2i_audit.stats import Interval, cluster_bootstrap, cluster_bootstrap_mean

RESAMPLES = 2000
# An input that gives up this much in every run has no room to tell good students from bad ones.
SATURATED = 0.98

ControlVerdict = Literal["saturated", "no_relation", "related", "undefined"]


@dataclass(frozen=True)
class Correlation:
    """How decodability at one place goes with compositional generalization, over runs."""

    place: str
    pearson: Interval
    """Over all runs; bootstrap over seeds, `n` counts runs."""
    spearman: Interval
    """The same for ranks: whether more goes with more, in a straight line or not."""
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
    table = np.array(points, dtype=np.float64).reshape(-1, 4)
    decoded, generalized, trained, seeds = table.T

    def interval(statistic: Callable[[np.ndarray], float]) -> Interval:
        return cluster_bootstrap(
            statistic, seeds, rng=np.random.default_rng(seed), resamples=RESAMPLES
        )

    return Correlation(
        place=place,
        pearson=interval(lambda rows: pearson(decoded[rows], generalized[rows])),
        spearman=interval(
            lambda rows: pearson(rankdata(decoded[rows]), rankdata(generalized[rows]))
        ),
        alike=interval(
            lambda rows: pearson(
                less_group_means(decoded[rows], trained[rows]),
                less_group_means(generalized[rows], trained[rows]),
            )
        ),
        lowest_r2=float(decoded.min()) if len(table) else math.nan,
        highest_r2=float(decoded.max()) if len(table) else math.nan,
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


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation; NaN where fewer than three points or no variation allow none."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def less_group_means(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """`values`, ``(n,)``, each less the mean of those with the same entry in `groups`."""
    _, index = np.unique(groups, return_inverse=True)
    means = np.bincount(index, values) / np.bincount(index)
    return values - means[index]
