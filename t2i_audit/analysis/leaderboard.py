"""Runs side by side, and whether success goes with decodability over them.

Success on another suite or by another judge is another quantity, so runs are ranked and correlated
only within a group that shares what success is measured with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.analysis.comparing import AuditedRun, Measure, Setup, as_key, repeats, stands_apart
from t2i_audit.analysis.ranks import levels_of, pearson, spearman
from t2i_audit.analysis.summary import STATIONS
from t2i_audit.analysis.verdicts import format_estimate
from t2i_audit.stats.bootstrap import cluster_bootstrap
from t2i_audit.stats.interval import Interval, undefined

# Three points lie near some line more often than not: with fewer than four checkpoints a
# correlation is not interpreted, and a bootstrap over them has too few distinct resamples for an
# interval.
FEWEST_RUNS = 4

NAN = float("nan")


@dataclass(frozen=True)
class LeaderboardRow:
    """One run."""

    group: int
    """From 1; only rows of one group can be compared."""
    run: str
    """Its directory."""
    model: str
    suite: str
    judge: str
    n_seeds: int
    n_prompts: int
    n_images: int
    success: Interval
    decodability: dict[str, Interval]
    """By station, NaN where it was not probed."""
    culprit: str
    setup: Setup
    suite_sha256: str
    judge_sha256: str
    """Of the judge's fingerprint."""
    weights_sha256: str
    checkpoint: str
    """What rows of one checkpoint share: its weights, and what was added to them."""
    identity: str
    """What rows share whose results should be equal."""

    def to_row(self) -> dict[str, str | int | float | None]:
        """The row flattened; these are the columns of the leaderboard's table."""
        row: dict[str, str | int | float | None] = {
            "group": self.group,
            "run": self.run,
            "model": self.model,
            "suite": self.suite,
            "judge": self.judge,
            "seeds": self.n_seeds,
            "prompts": self.n_prompts,
            "images": self.n_images,
        }
        for name, interval in [("success", self.success), *self.decodability.items()]:
            prefix = name if name == "success" else f"{name}_decodability"
            row |= {
                f"{prefix}_estimate": interval.estimate,
                f"{prefix}_lower": interval.lower,
                f"{prefix}_upper": interval.upper,
            }
        return {
            **row,
            "culprit": self.culprit,
            **asdict(self.setup),
            "suite_sha256": self.suite_sha256,
            "judge_sha256": self.judge_sha256,
            "weights_sha256": self.weights_sha256,
        }


@dataclass(frozen=True)
class RunGroup:
    """Runs that can be compared: of one suite, judge, number of prompts and number of seeds."""

    number: int
    """From 1, the largest group first."""
    name: str
    notes: tuple[str, ...]
    """Sentences on what sets it apart from the first group, and on what its runs share or not."""


@dataclass(frozen=True)
class RunCorrelation:
    """Success against decodability over the checkpoints of one group; `n` counts checkpoints."""

    group: int
    suite: str
    judge: str
    station: str
    pearson: Interval
    spearman: Interval
    sentence: str


@dataclass(frozen=True)
class Leaderboard:
    """Rows, group by group and best success first, and a correlation for each group and station."""

    rows: tuple[LeaderboardRow, ...]
    correlations: tuple[RunCorrelation, ...]
    groups: tuple[RunGroup, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences on runs that were given more than once."""


def leaderboard(
    runs: Sequence[AuditedRun],
    *,
    stations: Sequence[str] = STATIONS,
    rng: np.random.Generator,
    resamples: int = 1000,
) -> Leaderboard:
    """Set runs side by side.

    The order of `runs` does not matter.

    Args:
        runs: the finished audits, each once.
        stations: the stations that become columns.
        rng: source of the resamples.
        resamples: bootstrap resamples of each interval.
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
        groups.append(RunGroup(number, name, (*apart, *repeats(own))))
        rows += own
        correlations += [
            correlate_runs(own, station=station, name=name, rng=rng, resamples=resamples)
            for station in stations
        ]
    return Leaderboard(tuple(rows), tuple(correlations), tuple(groups))


def correlate_runs(
    rows: Sequence[LeaderboardRow],
    *,
    station: str,
    name: str,
    rng: np.random.Generator,
    resamples: int = 1000,
) -> RunCorrelation:
    """Correlate success with decodability at `station` over the checkpoints of one group.

    Several runs of one checkpoint are one point, the mean of those whose settings differ: two
    points of one model would lie close together, whatever success has to do with decodability.

    Returns:
        The estimates with NaN for an interval below `FEWEST_RUNS` checkpoints, and NaN estimates
        where success or decodability does not vary. The sentence says so, and begins with `name`.
    """
    success, decoded = _points(rows, station).T
    ranks = levels_of(success), levels_of(decoded)
    n = success.size

    def product(index: NDArray[np.intp]) -> float:
        return pearson(success[index], decoded[index])

    def rank(index: NDArray[np.intp]) -> float:
        return spearman(ranks[0][index], ranks[1][index])

    everyone = np.arange(n)
    linear, monotone = product(everyone), rank(everyone)
    if n < FEWEST_RUNS or np.isnan(linear):
        pair = Interval(linear, NAN, NAN, n), Interval(monotone, NAN, NAN, n)
    else:
        first, second = (
            cluster_bootstrap(statistic, everyone, rng=rng, resamples=resamples)
            for statistic in (product, rank)
        )
        pair = first, second
    sentence = f"{name}: {_sentence(station, pair[0])}"
    group = rows[0]
    return RunCorrelation(group.group, group.suite, group.judge, station, *pair, sentence)


def _points(rows: Sequence[LeaderboardRow], station: str) -> NDArray[np.float64]:
    """Success and decodability of each checkpoint that has both, ``(n, 2)``."""
    distinct = {row.identity: row for row in reversed(rows)}
    points: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        point = row.success.estimate, row.decodability[station].estimate
        if distinct[row.identity] is row and not np.isnan(point).any():
            points.setdefault(row.checkpoint, []).append(point)
    return np.array([np.mean(each, axis=0) for each in points.values()]).reshape(-1, 2)


def _sentence(station: str, correlation: Interval) -> str:
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
    head = f"over {n} different checkpoints, success and decodability at the {name}"
    figure = f"(Pearson {format_estimate(correlation)})"
    if correlation.lower > 0:
        finding = f"{head} rise together {figure}."
    elif correlation.upper < 0:
        finding = f"{head} go in opposite directions {figure}."
    else:
        finding = f"{head} are not shown to go together {figure}."
    return f"{finding} The interval takes the checkpoints as independent."


def _row(run: AuditedRun, group: int, stations: Sequence[str]) -> LeaderboardRow:
    summary, settings = run.summary, run.settings
    success = summary.get("success") or {}
    attribution = summary.get("attribution") or {}
    probed = summary.get("stations") or {}
    return LeaderboardRow(
        group=group,
        run=run.directory,
        model=summary["model"],
        suite=summary["suite"],
        judge=summary.get("judge") or "",
        n_seeds=int(summary["n_seeds"]),
        n_prompts=int(summary["n_prompts"]),
        n_images=int(summary["n_images"]),
        success=_interval(success.get("overall")),
        decodability={
            name: _interval(probed.get(name, {}).get("decodability")) for name in stations
        },
        culprit=attribution.get("culprit") or "",
        setup=run.setup,
        suite_sha256=str(settings.get("suite_sha256") or ""),
        judge_sha256=as_key(settings.get("judge")),
        weights_sha256=str(settings.get("weights_sha256") or ""),
        checkpoint=run.checkpoint,
        identity=run.identity,
    )


def _interval(record: Mapping[str, float | None] | None) -> Interval:
    """Read an interval back from JSON, where null stands for NaN."""
    if record is None:
        return undefined()
    ends = (record[name] for name in ("estimate", "lower", "upper"))
    estimate, lower, upper = (NAN if end is None else float(end) for end in ends)
    return Interval(estimate, lower, upper, int(record["n"] or 0))


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
