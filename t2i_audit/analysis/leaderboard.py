"""Runs side by side, and whether success goes with decodability over them.

Success on another suite or by another judge is another quantity, so runs are ranked and correlated
only within a group that shares what success is measured with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from t2i_audit.analysis.comparing import AuditedRun, Measure, as_key, repeats, stands_apart
from t2i_audit.results.decoding import STATIONS
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.judge_facts import JudgeFacts
from t2i_audit.results.leaderboard import Leaderboard, LeaderboardRow, RunCorrelation, RunGroup
from t2i_audit.stats.correlations import pearson_interval, reliability, spearman_interval
from t2i_audit.stats.errors_in_variables import true_correlation

# With four checkpoints not even a perfect order has a rank correlation whose interval leaves 0 out.
FEWEST_RUNS = 5

# Standard errors in half a 95% interval.
HALF_WIDTH = 1.96

# A correlation that keeps this share of what exact points would give is not worth a sentence.
LITTLE = 0.95


def leaderboard(
    runs: Sequence[AuditedRun],
    *,
    stations: Sequence[str] = STATIONS,
) -> Leaderboard:
    """Set runs side by side.

    The order of `runs` does not matter.

    Args:
        runs: the finished audits, each once.
        stations: the stations that become columns.
    """
    measures: dict[str, list[AuditedRun]] = {}
    for run in runs:
        measures.setdefault(run.measure.key, []).append(run)
    rows: list[LeaderboardRow] = []
    groups: list[RunGroup] = []
    correlations: list[RunCorrelation] = []
    first: Measure | None = None
    for number, members in enumerate(sorted(measures.values(), key=_size), start=1):
        own = sorted((_row(run, number, stations) for run in members), key=_standing)
        measure = members[0].measure
        first = first or measure
        name = f"Group {number} ({measure.name})"
        apart = stands_apart(measure, first, len(own)) if number > 1 else ()
        groups.append(RunGroup(number, name, (*apart, *repeats(own), *_uncorrected(own))))
        rows += own
        correlations += [correlate_runs(own, station=station, name=name) for station in stations]
    return Leaderboard(tuple(rows), tuple(correlations), tuple(groups))


def correlate_runs(rows: Sequence[LeaderboardRow], *, station: str, name: str) -> RunCorrelation:
    """Correlate success with decodability at `station` over the checkpoints of one group.

    Several runs of one checkpoint are one point, the mean of those whose settings differ: two
    points of one model would lie close together, whatever success has to do with decodability.

    Returns:
        The estimates with NaN for an interval below `FEWEST_RUNS` checkpoints, and NaN estimates
        where success or decodability does not vary. The sentence says so, and begins with `name`.
    """
    points, errors = _points(rows, station)
    linear, monotone = pearson_interval(*points.T), spearman_interval(*points.T)
    if len(points) < FEWEST_RUNS:
        linear, monotone = (
            replace(each, lower=math.nan, upper=math.nan) for each in (linear, monotone)
        )
    of_success, of_decoded = (
        reliability(values, own) for values, own in zip(points.T, errors.T, strict=True)
    )
    exact = undefined(len(points))
    if not math.isnan(linear.lower):
        exact = true_correlation(*points.T, *errors.T)
    group, kept = rows[0], math.sqrt(of_success * of_decoded)
    return RunCorrelation(
        group=group.group,
        suite=group.suite,
        judge=group.judge,
        station=station,
        pearson=linear,
        spearman=monotone,
        sentence=f"{name}: {_sentence(station, linear, kept, exact)}",
        success_reliability=of_success,
        decodability_reliability=of_decoded,
        of_exact_figures=exact,
    )


def _points(
    rows: Sequence[LeaderboardRow], station: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Success and decodability of each checkpoint that has both, and their standard errors, each
    ``(n, 2)``."""
    distinct = {row.identity: row for row in reversed(rows)}
    points: dict[str, list[list[float]]] = {}
    for row in rows:
        own = row.success, row.decodability[station]
        if distinct[row.identity] is row and all(each.is_defined for each in own):
            widths = [each.upper - each.lower for each in own]
            points.setdefault(row.checkpoint, []).append([each.estimate for each in own] + widths)
    means, errors = [], []
    for runs in map(np.array, points.values()):
        means.append(runs[:, :2].mean(axis=0))
        errors.append(np.linalg.norm(runs[:, 2:], axis=0) / len(runs) / 2 / HALF_WIDTH)
    return np.array(means).reshape(-1, 2), np.array(errors).reshape(-1, 2)


def _sentence(station: str, correlation: Interval, kept: float, exact: Interval) -> str:
    """What a correlation shows; `kept` is the least share of it that errors of the points leave,
    and `exact` that of exact figures."""
    name, n = station.replace("_", " "), correlation.n
    if n < FEWEST_RUNS:
        have = "1 checkpoint has" if n == 1 else f"{n} different checkpoints have"
        return (
            f"only {have} a decodability at the {name}; a correlation with success is not "
            f"interpreted below {FEWEST_RUNS} runs of different checkpoints."
        )
    if np.isnan(correlation.estimate):
        return (
            f"success or decodability at the {name} is the same for all {n} checkpoints, so their "
            "correlation is undefined."
        )
    if np.isnan(correlation.lower):
        return (
            f"success and decodability at the {name} of all {n} checkpoints lie on one line "
            f"(Pearson {correlation}), so that there is no interval."
        )
    head = f"over {n} different checkpoints, success and decodability at the {name}"
    figure = f"(Pearson {correlation})"
    if correlation.lower > 0:
        finding = f"{head} rise together {figure}."
    elif correlation.upper < 0:
        finding = f"{head} go in opposite directions {figure}."
    else:
        finding = f"{head} are not shown to go together {figure}."
    return f"{finding} The interval takes the checkpoints as independent.{_weakened(kept, exact)}"


def _weakened(kept: float, exact: Interval) -> str:
    """What the errors of the points do to a correlation, or nothing where that is little."""
    if math.isnan(kept) or kept >= LITTLE:
        return ""
    return (
        " The runs' own errors weaken a correlation: that of exact figures lies between "
        f"{exact.lower:.2f} and {exact.upper:.2f}."
    )


def _row(run: AuditedRun, group: int, stations: Sequence[str]) -> LeaderboardRow:
    summary, settings = run.summary, run.settings
    probed = summary.stations
    return LeaderboardRow(
        group=group,
        run=run.directory,
        model=summary.model,
        suite=summary.suite,
        judge=summary.judge or "",
        n_seeds=summary.n_seeds,
        n_prompts=summary.n_prompts,
        n_images=summary.n_images,
        success=undefined() if summary.success is None else summary.success.overall,
        decodability={
            name: probed[name].decodability if name in probed else undefined() for name in stations
        },
        culprit=None if summary.attribution is None else summary.attribution.culprit,
        corrected=undefined() if summary.corrected is None else summary.corrected.overall.rate,
        setup=run.setup,
        suite_sha256=str(settings.get("suite_sha256") or ""),
        judge_sha256=as_key(settings.get("judge")),
        weights_sha256=str(settings.get("weights_sha256") or ""),
        checkpoint=run.checkpoint,
        identity=run.identity,
        judge_facts=summary.judge_facts.get(summary.judge or "", JudgeFacts()),
    )


def _uncorrected(rows: Sequence[LeaderboardRow]) -> tuple[str, ...]:
    """What a group's order and correlations do not take in, where a success is corrected."""
    if not any(row.corrected.is_defined for row in rows):
        return ()
    return (
        "The order and the correlations rest on the judge's verdicts as they are, not on the "
        "corrected rates.",
    )


def _size(members: Sequence[AuditedRun]) -> tuple[int, str, str, str]:
    """The group of most different runs first; ties in an order that owes nothing to the input's."""
    measure = members[0].measure
    different = len({run.identity for run in members})
    return -different, measure.suite, measure.judge, measure.key


def _standing(row: LeaderboardRow) -> tuple[float, str, str, str]:
    """Best success first, undefined last; ties in an order that owes nothing to the input's."""
    missing = np.isnan(row.success.estimate)
    rate = float("inf") if missing else -row.success.estimate
    return rate, row.model, row.identity, row.run
