"""Sweeps: any grid of runs, resumable run by run, over processes and over machines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from synthetic.analysis import Row, table_row
from synthetic.figures import save, scaling, scatter
from synthetic.results import RunResult
from synthetic.runner import carry_out, group_runs, read_run, run_path
from synthetic.settings import RunSettings
from synthetic.statistics import Correlation, correlate, places_of
from synthetic.tables import write_tables
from t2i_audit.errors import AuditError, RunDirectoryError
from t2i_audit.io import to_json, write_json
from t2i_audit.reporter import TerminalReporter
from t2i_audit.run.directory import SUMMARY, open_run, read_manifest
from t2i_audit.run.manifest import differences

COMMAND = "synthetic sweep"
# Settings in which a grid's rows differ, beside the seed.
AXES = ("family", "encoding", "support", "student", "width", "depth", "train_fraction")


@dataclass(frozen=True)
class Shard:
    """Part `index` of `count`, counted from 1."""

    index: int = 1
    count: int = 1


@dataclass(frozen=True)
class SweepResult:
    """What came of a sweep, or of one shard of it."""

    n_runs: int
    n_diverged: int
    rows: tuple[Row, ...]
    """One for each cell of the grid; intervals are over seeds."""
    correlations: tuple[Correlation, ...]


def grid(base: RunSettings, **axes: Sequence[Any]) -> tuple[RunSettings, ...]:
    """Every combination of the values in `axes`, the other settings as in `base`.

    Raises:
        AuditError: a value is unknown or out of its range.
    """
    names = list(axes)
    combinations = product(*(axes[name] for name in names))
    return tuple(
        dict.fromkeys(
            replace(base, **dict(zip(names, values, strict=True))) for values in combinations
        )
    )


def parse_shard(text: str) -> Shard:
    """``2/4`` as the second of four shards.

    Raises:
        AuditError: it is not of this form.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise AuditError(f"--shard should be I/N with 1 <= I <= N, such as 1/4, not {text!r}")
    return Shard(int(match[1]), int(match[2]))


def sweep(
    runs: Sequence[RunSettings],
    out: Path,
    *,
    jobs: int = 1,
    threads: int = 1,
    shard: Shard | None = None,
) -> SweepResult:
    """Train every run of a grid, or the share of it that `shard` names, and summarise it in `out`.

    An interrupted sweep goes on run by run. The results do not depend on `jobs`, `shard` or where
    it was interrupted.

    Args:
        runs: the whole grid, whatever the shard.
        out: the run directory.
        jobs: processes.
        threads: threads a process; results depend on it in their last digits.
        shard: which share of the grid's ensembles this machine trains; all if None.

    Raises:
        AuditError: a run cannot be set up, e.g. no support of its train fraction is connected.
        RunDirectoryError: `out` holds something else or a sweep of other settings.
    """
    part = Shard() if shard is None else shard
    _check(runs)
    settings = {
        "command": COMMAND,
        "threads": threads,
        "shard": f"{part.index}/{part.count}",
        "runs": {str(index): to_json(run) for index, run in enumerate(runs)},
    }
    groups = group_runs(runs)[part.index - 1 :: part.count]
    with open_run(out, settings, stages=("runs",), reporter=TerminalReporter()) as directory:
        carry_out(directory, groups, jobs=jobs, threads=threads)
        mine = {run for group in groups for run in group}
        return _summarise(out, [read_run(out, run) for run in runs if run in mine])


def merge(folders: Sequence[Path], out: Path) -> SweepResult:
    """Join the shards of one sweep, in any order; no more is needed than their folders.

    Raises:
        RunDirectoryError: a folder holds no sweep or one of other settings, a run is missing, or
            `out` cannot be used.
    """
    manifests = {folder: read_manifest(folder) for folder in folders}
    first, *others = manifests.items()
    if first[1].settings.get("command") != COMMAND:
        raise RunDirectoryError(
            f"{first[0]} holds no sweep; name the folders of one sweep's shards"
        )
    settings = {**first[1].settings, "shard": "1/1"}
    for folder, manifest in others:
        found = differences(settings, {**manifest.settings, "shard": "1/1"})
        found = found or differences(first[1].versions, manifest.versions)
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise RunDirectoryError(
                f"{first[0]} and {folder} are not of one sweep: {found[0]}{more}"
            )
    runs = [RunSettings(**run) for run in settings["runs"].values()]
    results = [_find(run, folders) for run in runs]
    with (
        open_run(
            out, settings, stages=("runs",), versions=first[1].versions, reporter=TerminalReporter()
        ) as directory,
        directory.stage("runs", len(results)) as advance,
    ):
        for result in results:
            write_json(run_path(out, result.settings), result)
            advance()
        return _summarise(out, results)


def _find(run: RunSettings, folders: Sequence[Path]) -> RunResult:
    holder = next((folder for folder in folders if run_path(folder, run).exists()), None)
    if holder is None:
        names = ", ".join(map(str, folders))
        raise RunDirectoryError(
            f"a run is in none of {names} (seed {run.seed}, width {run.width}, {run.support} "
            "support); finish the shards, and name them all"
        )
    return read_run(holder, run)


def _check(runs: Sequence[RunSettings]) -> None:
    """Set up the smallest form of each kind of run, so that a fault is told before work starts."""
    from synthetic.encodings import make_encoder
    from synthetic.families.make import make_family
    from synthetic.streams import stream
    from synthetic.supports import draw_support

    if not runs:
        raise AuditError("the grid is empty; give at least one value for each option")
    seen = set()
    for run in runs:
        kind = replace(run, seed=0, width=1, depth=1)
        if kind in seen:
            continue
        seen.add(kind)
        family = make_family(kind, [0])
        make_encoder(kind.encoding, family, [0], invertible_scale=kind.invertible_scale)
        draw_support(
            kind.support,
            family.compositions,
            family.modules,
            1 - kind.train_fraction,
            stream(0, "support"),
        )


def _summarise(out: Path, results: Sequence[RunResult]) -> SweepResult:
    write_tables(out, results)
    cells: dict[str, list[RunResult]] = {}
    for result in results:
        cells.setdefault(_cell(result.settings), []).append(result)
    summary = SweepResult(
        n_runs=len(results),
        n_diverged=sum(result.status == "diverged" for result in results),
        rows=tuple(table_row(name, members) for name, members in cells.items()),
        correlations=tuple(correlate(results, place) for place in places_of(results)),
    )
    if any(result.status == "finished" for result in results):
        save(out / "decodability", scatter(results, summary.correlations))
        save(out / "scaling", scaling(results))
    write_json(out / SUMMARY, summary)
    return summary


def _cell(run: RunSettings) -> str:
    values = [
        f"{getattr(run, axis):g}" if axis == "train_fraction" else f"{getattr(run, axis)}"
        for axis in AXES
    ]
    return " ".join(values)
