"""Rows that summarise runs which differ in their seeds only."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from synthetic.evaluation.results import RunResult
from synthetic.evaluation.statistics import mean_over_runs
from synthetic.settings import RunSettings
from synthetic.students.base import INPUT
from t2i_audit.stats import Interval


@dataclass(frozen=True)
class SummaryRow:
    """The runs of one encoding, support, floor or cell of a grid; intervals are over seeds."""

    name: str
    n_runs: int
    n_diverged: int
    train_fraction: float
    in_distribution: Interval
    held_out: Interval
    """Compositional generalization."""
    additive_floor: Interval
    above_floor: Interval
    """`held_out` minus `additive_floor`, run by run."""
    probe_input: Interval
    """R2 of the probe on held-out compositions, at the input."""
    probe_first: Interval
    """At the first hidden layer."""
    probe_last: Interval
    """At the last hidden layer."""


def summary_row(name: str, results: Sequence[RunResult]) -> SummaryRow:
    """Summarise runs that differ in their seeds."""
    seeds = [result.settings.seed for result in results]

    def mean(values: Iterable[float]) -> Interval:
        return mean_over_runs(list(values), seeds)

    def probe(place: str) -> Interval:
        scores = [result.probe(place) for result in results]
        return mean(math.nan if one is None else one.r2_held_out for one in scores)

    return SummaryRow(
        name=name,
        n_runs=len(results),
        n_diverged=sum(result.status == "diverged" for result in results),
        train_fraction=results[0].n_trained / (results[0].n_trained + results[0].n_held_out),
        in_distribution=mean(result.score_in_distribution for result in results),
        held_out=mean(result.score_held_out for result in results),
        additive_floor=mean(result.additive_floor for result in results),
        above_floor=mean(result.score_held_out - result.additive_floor for result in results),
        probe_input=probe(INPUT),
        probe_first=probe("hidden_1"),
        probe_last=probe("last"),
    )


def grouped_results(
    runs: Sequence[RunSettings],
    results: Mapping[RunSettings, RunResult],
    name_of: Callable[[RunSettings], str],
) -> dict[str, list[RunResult]]:
    """The results of `runs` by the name that `name_of` gives them, in order."""
    groups: dict[str, list[RunResult]] = {}
    for run in runs:
        groups.setdefault(name_of(run), []).append(results[run])
    return groups


def format_interval(interval: Interval) -> str:
    """``0.97 [0.95, 0.99]``, or ``undefined``."""
    if math.isnan(interval.estimate):
        return "undefined"
    return f"{interval.estimate:.2f} [{interval.lower:.2f}, {interval.upper:.2f}]"
