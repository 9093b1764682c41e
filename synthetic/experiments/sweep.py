"""Sweeps: any grid of runs, resumed run by run, over processes and over machines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from synthetic.evaluation.results import RunResult
from synthetic.evaluation.run_files import read_run, run_path, write_run
from synthetic.experiments.runner import Work, carry_out, group_runs, require_possible
from synthetic.records import described, record_of, run_of
from synthetic.report.sweep import SweepResult, summarise_sweep
from synthetic.settings import RunSettings
from t2i_audit.errors import AuditError, RunDirectoryError
from t2i_audit.io import to_json
from t2i_audit.reporter import TerminalReporter
from t2i_audit.run.directory import open_run, read_manifest
from t2i_audit.run.manifest import differences

COMMAND = "synthetic sweep"


@dataclass(frozen=True)
class Shard:
    """Part `index` of `count`, counted from 1."""

    index: int = 1
    count: int = 1


def grid(fixed: Mapping[str, Any], axes: Mapping[str, Sequence[Any]]) -> tuple[RunSettings, ...]:
    """Every combination of the values in `axes`, without duplicates.

    Args:
        fixed: columns of the record that are the same for all runs.
        axes: the values of the other columns.

    Raises:
        AuditError: a value is unknown or out of range.
    """
    names = list(axes)
    return tuple(
        dict.fromkeys(
            run_of({**fixed, **dict(zip(names, values, strict=True))})
            for values in product(*axes.values())
        )
    )


def parse_shard(text: str) -> Shard:
    """``2/4`` as the second of four shards.

    Raises:
        AuditError: the text has another form.
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
    """Train every run of a grid, or the part of it that `shard` names, and summarise it in `out`.

    An interrupted sweep is resumed run by run. The results do not depend on `jobs`, on `shard` or
    on where it was interrupted.

    Args:
        runs: the whole grid, whatever the shard.
        out: the run directory.
        jobs: number of processes.
        threads: threads per process; the last digits of the results depend on it.
        shard: the part of the grid's ensembles that this machine trains; all if None.

    Raises:
        AuditError: a run cannot be set up, e.g. no support of its train fraction is connected.
        RunDirectoryError: `out` holds something else or a sweep of other settings.
    """
    part = Shard() if shard is None else shard
    require_possible(runs)
    settings = {
        "command": COMMAND,
        "threads": threads,
        "shard": f"{part.index}/{part.count}",
        "runs": {str(index): to_json(record_of(run)) for index, run in enumerate(runs)},
    }
    groups = group_runs(runs)[part.index - 1 :: part.count]
    with open_run(out, settings, stages=("runs",), reporter=TerminalReporter()) as directory:
        carry_out(directory, groups, Work(jobs=jobs, threads=threads))
        mine = {run for group in groups for run in group}
        return summarise_sweep(out, [read_run(out, run) for run in runs if run in mine])


def merge(folders: Sequence[Path], out: Path) -> SweepResult:
    """Join the shards of one sweep, in any order; only their folders are needed.

    Raises:
        RunDirectoryError: a folder holds no sweep or one of other settings, a run is missing, or
            `out` cannot be used.
    """
    manifests = {folder: read_manifest(folder) for folder in folders}
    first, *others = manifests.items()
    if first[1].settings.get("command") != COMMAND:
        raise RunDirectoryError(
            f"{first[0]} holds no sweep; name the folders of the shards of one sweep"
        )
    settings = {**first[1].settings, "shard": "1/1"}
    for folder, manifest in others:
        changes = differences(settings, {**manifest.settings, "shard": "1/1"})
        changes = changes or differences(first[1].versions, manifest.versions)
        if changes:
            more = f" (and {len(changes) - 1} more)" if len(changes) > 1 else ""
            raise RunDirectoryError(
                f"{first[0]} and {folder} are not shards of one sweep: {changes[0]}{more}"
            )
    results = [_find(run, folders) for run in _recorded_runs(first[0], settings)]
    with (
        open_run(
            out, settings, stages=("runs",), versions=first[1].versions, reporter=TerminalReporter()
        ) as directory,
        directory.stage("runs", len(results)) as advance,
    ):
        for result in results:
            write_run(out, result)
            advance()
        return summarise_sweep(out, results)


def _recorded_runs(folder: Path, settings: dict[str, Any]) -> list[RunSettings]:
    """The runs in the settings of a manifest."""
    try:
        return [run_of(record) for record in settings["runs"].values()]
    except (AuditError, AttributeError, KeyError, TypeError, ValueError) as err:
        raise RunDirectoryError(
            f"the manifest of {folder} cannot be used ({err}); run its sweep again in a new --out"
        ) from err


def _find(run: RunSettings, folders: Sequence[Path]) -> RunResult:
    holder = next((folder for folder in folders if run_path(folder, run).exists()), None)
    if holder is None:
        names = ", ".join(map(str, folders))
        raise RunDirectoryError(
            f"none of {names} has the run {described(run)}; finish the shards, and name them all"
        )
    return read_run(holder, run)
