"""Runs side by side, and whether success goes with decodability over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2i_audit.analysis.ranks import levels_of, pearson, spearman
from t2i_audit.analysis.summary import STATIONS
from t2i_audit.analysis.verdicts import spell
from t2i_audit.stats.bootstrap import cluster_bootstrap
from t2i_audit.stats.interval import Interval, undefined

# Three points lie near some line more often than not: with fewer than four runs a correlation
# is not interpreted, and a bootstrap over them has too few distinct resamples for an interval.
FEWEST_RUNS = 4

NAN = float("nan")


@dataclass(frozen=True)
class LeaderboardRow:
    """One run."""

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
    suite_sha256: str
    weights_sha256: str

    def to_row(self) -> dict[str, str | int | float]:
        """The row flattened; these are the columns of the leaderboard's table."""
        row: dict[str, str | int | float] = {
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
        return row | {
            "culprit": self.culprit,
            "suite_sha256": self.suite_sha256,
            "weights_sha256": self.weights_sha256,
        }


@dataclass(frozen=True)
class RunCorrelation:
    """Success against decodability over the runs of one suite and judge; `n` counts runs."""

    suite: str
    judge: str
    station: str
    pearson: Interval
    spearman: Interval
    sentence: str


@dataclass(frozen=True)
class Leaderboard:
    """Rows, best success first, and one correlation a suite, judge and station."""

    rows: tuple[LeaderboardRow, ...]
    correlations: tuple[RunCorrelation, ...]


def leaderboard(
    runs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
    *,
    stations: Sequence[str] = STATIONS,
    rng: np.random.Generator,
    resamples: int = 1000,
) -> Leaderboard:
    """Set runs side by side.

    The order of `runs` does not matter. Success on another suite or by another judge is another
    quantity, so correlations are taken among runs that share both.

    Args:
        runs: ``(summary, manifest)`` of each run, as parsed from its JSON files.
        stations: the stations that become columns.
        rng: source of the resamples.
        resamples: bootstrap resamples of each interval.
    """
    rows = sorted((_row(*run, stations) for run in runs), key=_standing)
    boards = sorted({(row.suite, row.suite_sha256, row.judge) for row in rows})
    correlations = [
        correlate_runs(
            [row for row in rows if (row.suite, row.suite_sha256, row.judge) == board],
            station=station,
            rng=rng,
            resamples=resamples,
        )
        for board in boards
        for station in stations
    ]
    return Leaderboard(tuple(rows), tuple(correlations))


def correlate_runs(
    rows: Sequence[LeaderboardRow],
    *,
    station: str,
    rng: np.random.Generator,
    resamples: int = 1000,
) -> RunCorrelation:
    """Correlate success with decodability at `station` over `rows` of one suite and judge.

    Returns:
        The estimates with NaN for an interval below `FEWEST_RUNS` runs, and NaN estimates where
        success or decodability does not vary. The sentence says so.
    """
    suite, judge = rows[0].suite, rows[0].judge
    points = np.array(
        [(row.success.estimate, row.decodability[station].estimate) for row in rows]
    ).reshape(-1, 2)
    success, decoded = points[~np.isnan(points).any(axis=1)].T
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
    return RunCorrelation(suite, judge, station, *pair, _sentence(station, pair[0]))


def _sentence(station: str, correlation: Interval) -> str:
    name, n = station.replace("_", " "), correlation.n
    if n < FEWEST_RUNS:
        runs = "1 run has" if n == 1 else f"{n} runs have"
        return (
            f"Only {runs} a decodability at the {name}: a correlation with success is not "
            f"interpreted below {FEWEST_RUNS} runs."
        )
    if np.isnan(correlation.estimate):
        return (
            f"Success or decodability at the {name} is the same in all {n} runs: their "
            "correlation is undefined."
        )
    head = f"Over {n} runs, success and decodability at the {name}"
    figure = f"(Pearson {spell(correlation)})"
    if correlation.lower > 0:
        finding = f"{head} rise together {figure}."
    elif correlation.upper < 0:
        finding = f"{head} go in opposite directions {figure}."
    else:
        finding = f"{head} are not shown to go together {figure}."
    return f"{finding} The interval takes the runs as independent."


def _row(
    summary: Mapping[str, Any], manifest: Mapping[str, Any], stations: Sequence[str]
) -> LeaderboardRow:
    success = summary.get("success") or {}
    attribution = summary.get("attribution") or {}
    probed = summary.get("stations") or {}
    settings = manifest.get("settings") or {}
    return LeaderboardRow(
        model=summary["model"],
        suite=summary["suite"],
        judge=summary.get("judge") or "",
        n_seeds=summary["n_seeds"],
        n_prompts=summary["n_prompts"],
        n_images=summary["n_images"],
        success=_interval(success.get("overall")),
        decodability={
            name: _interval(probed.get(name, {}).get("decodability")) for name in stations
        },
        culprit=attribution.get("culprit") or "",
        suite_sha256=settings.get("suite_sha256") or "",
        weights_sha256=settings.get("weights_sha256") or "",
    )


def _interval(record: Mapping[str, Any] | None) -> Interval:
    """Read an interval back from JSON, where null stands for NaN."""
    if record is None:
        return undefined()
    ends = (record[name] for name in ("estimate", "lower", "upper"))
    estimate, lower, upper = (NAN if end is None else float(end) for end in ends)
    return Interval(estimate, lower, upper, int(record["n"]))


def _standing(row: LeaderboardRow) -> tuple[float, str, str, str, str, float]:
    """Best success first, undefined last; ties in an order that owes nothing to the input's."""
    missing = np.isnan(row.success.estimate)
    rate = float("inf") if missing else -row.success.estimate
    decoded = float(np.nansum([interval.estimate for interval in row.decodability.values()]))
    return rate, row.model, row.suite, row.judge, row.weights_sha256, decoded
