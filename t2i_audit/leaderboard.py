"""Runs side by side in one CSV file."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from t2i_audit.analysis.comparing import AuditedRun
from t2i_audit.analysis.leaderboard import leaderboard
from t2i_audit.errors import AuditError, RunDirectoryError
from t2i_audit.io import write_text
from t2i_audit.report.spreadsheet import csv_text
from t2i_audit.results.leaderboard import Leaderboard
from t2i_audit.results.run import load_run
from t2i_audit.run.directory import read_manifest


def rank_runs(runs: Sequence[Path]) -> Leaderboard:
    """Set the finished audits in `runs` side by side; a directory that is given twice counts once.

    Raises:
        RunDirectoryError: a folder holds no finished audit, or its results were changed since.
    """
    given: dict[Path, list[Path]] = {}
    for run in runs:
        given.setdefault(run.resolve(), []).append(run)
    audits = [_read(paths[0]) for paths in given.values()]
    board = leaderboard(audits)
    again = [paths for paths in given.values() if len(paths) > 1]
    return replace(board, notes=tuple(map(_given_again, again)))


def board_csv(board: Leaderboard) -> str:
    """The rows of `board` as CSV."""
    rows = [row.to_row() for row in board.rows]
    return csv_text(list(rows[0]) if rows else [], rows)


def write_leaderboard(runs: Sequence[Path], output: Path) -> Leaderboard:
    """Write one row per run to `output` and return the rows with their correlations.

    Raises:
        AuditError: `output` is no place for a table.
        RunDirectoryError: as `rank_runs`.
    """
    check_table_path(output, runs)
    board = rank_runs(runs)
    try:
        write_text(output, board_csv(board))
    except OSError as err:
        raise AuditError(f"{output} cannot be written: {err.strerror}; give another -o") from err
    return board


def check_table_path(output: Path, runs: Sequence[Path]) -> None:
    """Refuse an `output` that is no place for a table, before anything is read.

    Raises:
        AuditError: it is a folder or a device, lies in one of the `runs`, or cannot be written.
    """
    try:
        mode = output.stat().st_mode if output.exists() else None
        if mode is not None and stat.S_ISDIR(mode):
            raise AuditError(
                f"-o should name a file, and {output} is a folder; give {output}/leaderboard.csv"
            )
        if mode is not None and not stat.S_ISREG(mode):
            raise AuditError(
                f"-o should name a file, and {output} is a device or a pipe; give - for standard "
                "output"
            )
        parents = (output.absolute(), *output.absolute().parents)
        folder = next(parent for parent in parents[1:] if parent.exists())
        if not folder.is_dir():
            raise AuditError(f"{folder} is a file, so {output} cannot be written; give another -o")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise AuditError(f"{folder} cannot be written; give another -o")
        places = (output.resolve(), *output.resolve().parents)
        inside = next((run for run in runs if run.resolve() in places), None)
    except OSError as err:
        raise AuditError(f"{output} cannot be written: {err.strerror}; give another -o") from err
    if inside is not None:
        raise AuditError(f"{output} lies in the run directory {inside}; give -o a place outside it")


def _read(run: Path) -> AuditedRun:
    manifest = read_manifest(run)
    if manifest.settings.get("command") not in ("audit", "images"):
        raise RunDirectoryError(
            f"{run} is not the run of an audit and has no success to rank; give runs of "
            "t2i-audit audit, or of t2i-audit judge"
        )
    found = load_run(run)
    return AuditedRun(str(run), found.summary, found.manifest.settings, found.manifest.versions)


def _given_again(paths: Sequence[Path]) -> str:
    links = [str(path) for path in dict.fromkeys(paths) if path != paths[0]]
    other = f" (also as {', '.join(links)})" if links else ""
    return f"{paths[0]} was given {len(paths)} times{other}; it is listed once."
