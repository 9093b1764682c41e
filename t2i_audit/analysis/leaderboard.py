"""Runs side by side, and whether success goes with decodability over them.

Success on another suite or by another judge is another quantity, so runs are ranked and correlated
only within a group that shares what success is measured with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from t2i_audit.analysis.audited_run import AuditedRun
from t2i_audit.analysis.board_rows import row_of
from t2i_audit.analysis.comparing import (
    check_allowed,
    ignored,
    name_of,
    repeats,
    stands_apart,
)
from t2i_audit.analysis.measure import Allowed, Measure
from t2i_audit.analysis.ranking import Ranking, rank_runs
from t2i_audit.results.decoding import STATIONS
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.leaderboard import (
    Leaderboard,
    LeaderboardRow,
    RunCorrelation,
    RunGroup,
    RunPair,
)
from t2i_audit.results.outcomes import Outcomes
from t2i_audit.stats.correlations import pearson_interval, reliability, spearman_interval
from t2i_audit.stats.errors_in_variables import true_correlation

# Runs that a sentence names.
NAMED = 5

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
    kept: Sequence[LeaderboardRow] = (),
    allow: Sequence[Allowed] = (),
    with_pairs: bool = False,
) -> Leaderboard:
    """Set runs side by side, and rank those that can be compared.

    The order of `runs` does not matter.

    Args:
        runs: the finished audits, each once.
        stations: the stations that become columns.
        kept: rows of runs that are gone; they are grouped with the others and get no rank.
        allow: what may differ within a group.
        with_pairs: whether to list every pair of runs that are ranked together.
    """
    entries = [_Entry(row_of(run, stations=stations), run.measure, run.outcomes) for run in runs]
    entries += [
        _Entry(replace(row, found=False), Measure.of_row(row), None, kept=True) for row in kept
    ]
    groups: dict[str, list[_Entry]] = {}
    for entry in sorted(entries, key=_standing):
        groups.setdefault(entry.measure.key(allow), []).append(entry)
    rows: list[LeaderboardRow] = []
    pairs: list[RunPair] = []
    measures: dict[str, Measure] = {}
    for number, members in enumerate(sorted(groups.values(), key=_size), start=1):
        ranking = _ranking(members, number, with_pairs=with_pairs)
        of_identity = {
            entry.row.identity: ranking.ranks[entry.row.run]
            for entry in members
            if entry.row.run in ranking.ranks
        }
        for entry in members:
            measures[entry.row.run] = entry.measure
            rank = None if entry.kept else of_identity.get(entry.row.identity)
            rows.append(
                replace(
                    entry.row,
                    group=number,
                    rank=rank,
                    ranking=ranking.sentence,
                    allowed=tuple(allow),
                )
            )
        pairs += ranking.pairs
    return replace(board_of_rows(rows, measures=measures), pairs=tuple(pairs))


def board_of_rows(
    rows: Sequence[LeaderboardRow], *, measures: Mapping[str, Measure] | None = None
) -> Leaderboard:
    """The groups of `rows`, which come group by group, and the correlations over each.

    Args:
        rows: with their groups and ranks.
        measures: by run, what its success is measured with; as far as the rows say if None.
    """
    by_group: dict[int, list[LeaderboardRow]] = {}
    for row in rows:
        by_group.setdefault(row.group, []).append(row)
    groups: list[RunGroup] = []
    correlations: list[RunCorrelation] = []
    first: Measure | None = None
    for number, own in by_group.items():
        of_rows = [(measures or {}).get(row.run) or Measure.of_row(row) for row in own]
        first = first or of_rows[0]
        allow = check_allowed(own[0].allowed)
        apart = () if first is of_rows[0] else stands_apart(of_rows[0], first, len(own), allow)
        notes = (
            *apart,
            *ignored(of_rows, allow),
            *repeats(own),
            *_uncorrected(own),
            *_gone(own),
        )
        name = f"Group {number} ({name_of(of_rows)})"
        groups.append(RunGroup(number, name, notes, own[0].ranking))
        correlations += [
            correlate_runs(own, station=station, name=name) for station in own[0].decodability
        ]
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


def _uncorrected(rows: Sequence[LeaderboardRow]) -> tuple[str, ...]:
    """What a group's order and correlations do not take in, where a success is corrected."""
    if not any(row.corrected.is_defined for row in rows):
        return ()
    return (
        "The order and the correlations rest on the judge's verdicts as they are, not on the "
        "corrected rates.",
    )


def _gone(rows: Sequence[LeaderboardRow]) -> tuple[str, ...]:
    """Which rows of a group stand as they were."""
    gone = [row.run for row in rows if not row.found]
    if not gone:
        return ()
    named = ", ".join(gone[:NAMED]) + (f" and {len(gone) - NAMED} more" if gone[NAMED:] else "")
    return (
        f"Rows without a rank stand as they were, because their runs are gone ({named}); a rank "
        "needs a run's verdicts.",
    )


@dataclass(frozen=True)
class _Entry:
    """One row that is to be ranked."""

    row: LeaderboardRow
    measure: Measure
    outcomes: Outcomes | None
    kept: bool = False


def _ranking(members: Sequence[_Entry], group: int, *, with_pairs: bool) -> Ranking:
    """The ranks of a group; the same audit of one checkpoint counts once."""
    distinct: dict[str, _Entry] = {}
    for entry in members:
        if entry.outcomes is not None and entry.outcomes.judged.any():
            distinct.setdefault(entry.row.identity, entry)
    outcomes = {
        entry.row.run: entry.outcomes for entry in distinct.values() if entry.outcomes is not None
    }
    return rank_runs(outcomes, group=group, with_pairs=with_pairs)


def _size(members: Sequence[_Entry]) -> tuple[int, str, str, str]:
    """The group of most different runs first; ties in an order that owes nothing to the input's."""
    measure = members[0].measure
    different = len({entry.row.identity for entry in members})
    return -different, measure.suite, measure.judge, measure.key()


def _standing(entry: _Entry) -> tuple[float, str, str, str]:
    """Best success first, undefined last; ties in an order that owes nothing to the input's."""
    row = entry.row
    missing = np.isnan(row.success.estimate)
    rate = float("inf") if missing else -row.success.estimate
    return rate, row.model, row.identity, row.run
