"""Runs side by side in one CSV file."""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from t2i_audit import storage
from t2i_audit.addresses import as_given
from t2i_audit.analysis.audited_run import AuditedRun
from t2i_audit.analysis.comparing import check_allowed
from t2i_audit.analysis.leaderboard import board_of_rows, leaderboard
from t2i_audit.errors import AuditError, RunDirectoryError
from t2i_audit.io import write_text
from t2i_audit.report.spreadsheet import as_it_was, csv_text
from t2i_audit.results.board_cells import board_table, pairs_table, rows_of
from t2i_audit.results.cost import read_cost
from t2i_audit.results.leaderboard import Leaderboard, LeaderboardRow
from t2i_audit.results.outcomes import OutcomeReader
from t2i_audit.results.run import load_run
from t2i_audit.run.directory import MANIFEST

# Excel takes a CSV file for UTF-8 only if it begins so; LibreOffice and pandas take it either way.
BYTE_ORDER_MARK = "\ufeff"


def rank_runs(
    runs: Sequence[Path],
    *,
    kept: Sequence[LeaderboardRow] = (),
    allow: Sequence[str] = (),
    with_pairs: bool = False,
) -> Leaderboard:
    """Set the finished audits in `runs` side by side; a directory that is given twice counts once.

    Args:
        runs: run directories.
        kept: rows of an earlier board whose runs are gone.
        allow: what runs may differ in and be ranked together: ``suite``, ``judge``, ``prompts`` or
            ``seeds``.
        with_pairs: whether to list every pair of runs that are ranked together.

    Raises:
        AuditError: something in `allow` is unknown.
        RunDirectoryError: a folder holds no finished audit, or its results were changed since.
    """
    allowed = check_allowed(allow)
    given: dict[Path, list[Path]] = {}
    for run in runs:
        given.setdefault(run.resolve(), []).append(run)
    reader = OutcomeReader()
    audits = [_read(paths[0], reader) for paths in given.values()]
    board = leaderboard(audits, kept=kept, allow=allowed, with_pairs=with_pairs)
    again = [paths for paths in given.values() if len(paths) > 1]
    return replace(board, notes=tuple(map(_given_again, again)))


def board_csv(board: Leaderboard) -> str:
    """The rows of `board` as CSV."""
    return csv_text(*board_table(board.rows))


def pairs_csv(board: Leaderboard) -> str:
    """The pairs of `board` as CSV."""
    return csv_text(*pairs_table(board.pairs))


def read_board(path: Path) -> Leaderboard:
    """The board in a CSV file that `write_leaderboard` wrote, with the ranks it had then.

    Raises:
        AuditError: the file cannot be read, or is no leaderboard of this version.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [[as_it_was(cell) for cell in line] for line in csv.reader(file)]
        return board_of_rows(rows_of(lines[0] if lines else [], lines[1:]))
    except OSError as err:
        raise AuditError(f"{path} cannot be read: {err.strerror}") from err
    except (ValueError, csv.Error) as err:
        raise AuditError(
            f"{path} is not a table of t2i-audit leaderboard that can be read ({err}); make it "
            "anew with t2i-audit leaderboard"
        ) from err


def write_leaderboard(
    runs: Sequence[Path],
    output: Path | None,
    *,
    append: bool = False,
    allow: Sequence[str] = (),
    pairs: Path | None = None,
    html: Path | None = None,
    with_pairs: bool = False,
    notes: Sequence[str] = (),
) -> Leaderboard:
    """Write one row per run to `output` and return the rows with their correlations.

    Args:
        runs: run directories.
        output: the table; None to write none.
        append: whether the rows that `output` has stay. Those whose runs are still there are read
            anew; the others stand as they were, without a rank.
        allow: as `rank_runs`.
        pairs: a second table, of every pair of runs that are ranked together.
        html: a page of the board.
        with_pairs: whether to list the pairs without that table.
        notes: sentences that are to stand with those of the board.

    Raises:
        AuditError: a file is at no place for one, or `output` holds another table.
        RunDirectoryError: as `rank_runs`.
    """
    allowed = check_allowed(allow)
    files = {"-o": output, "--pairs": pairs, "--html": html}
    _check_files({option: path for option, path in files.items() if path is not None}, runs)
    kept: list[LeaderboardRow] = []
    if append and output is not None and output.exists():
        there = read_board(output).rows
        places = {row.run: storage.local_folder(row.run) for row in there}
        kept = [row for row in there if not _is_there(places[row.run])]
        known = {run.resolve() for run in runs}
        found = (place for place in places.values() if _is_there(place))
        # A run that is given is called as it is called now, and its row is replaced.
        runs = [*runs, *(run for run in found if run.resolve() not in known)]
    listed = with_pairs or pairs is not None or html is not None
    board = rank_runs(runs, kept=kept, allow=allowed, with_pairs=listed)
    board = replace(board, notes=(*board.notes, *notes))
    if output is not None:
        _write(output, BYTE_ORDER_MARK + board_csv(board), "-o")
    if pairs is not None:
        _write(pairs, BYTE_ORDER_MARK + pairs_csv(board), "--pairs")
    if html is not None:
        from t2i_audit.report.html.board import board_page

        _write(html, board_page(board, root=html.parent), "--html")
    return board


def _is_there(run: Path) -> bool:
    # The working copy of a URL is always there.
    return run.exists() if storage.store_of(run) is None else (run / MANIFEST).exists()


def _check_files(files: Mapping[str, Path], runs: Sequence[Path]) -> None:
    """Refuse files of which one is at no place for one, or two are the same."""
    examples = {"--pairs": "pairs.csv", "--html": "leaderboard.html"}
    option_of: dict[Path, str] = {}
    for option, path in files.items():
        check_table_path(path, runs, example=examples.get(option, "leaderboard.csv"), option=option)
        other = option_of.setdefault(path.resolve(), option)
        if other != option:
            raise AuditError(f"{other} and {option} both name {path}; give another {option}")


def _write(path: Path, text: str, option: str) -> None:
    try:
        write_text(path, text)
    except OSError as err:
        raise AuditError(
            f"{path} cannot be written: {err.strerror}; give another {option}"
        ) from err


def check_table_path(
    output: Path,
    runs: Sequence[Path],
    *,
    example: str = "leaderboard.csv",
    option: str = "-o",
) -> None:
    """Refuse an `output` that is no place for a table, before anything is read.

    Args:
        output: the file.
        runs: directories in which it may not lie.
        example: a name for the file, for messages.
        option: the option that names it, for messages.

    Raises:
        AuditError: it is a folder or a device, lies in one of the `runs`, or cannot be written.
    """
    try:
        mode = output.stat().st_mode if output.exists() else None
        if mode is not None and stat.S_ISDIR(mode):
            raise AuditError(
                f"{option} should name a file, and {output} is a folder; give {output}/{example}"
            )
        if mode is not None and not stat.S_ISREG(mode):
            raise AuditError(
                f"{option} should name a file, and {output} is a device or a pipe; give the "
                "name of a file"
            )
        parents = (output.absolute(), *output.absolute().parents)
        folder = next(parent for parent in parents[1:] if parent.exists())
        if not folder.is_dir():
            raise AuditError(
                f"{folder} is a file, so {output} cannot be written; give another {option}"
            )
        if not os.access(folder, os.W_OK | os.X_OK):
            raise AuditError(f"{folder} cannot be written; give another {option}")
        places = (output.resolve(), *output.resolve().parents)
        inside = next((run for run in runs if run.resolve() in places), None)
    except OSError as err:
        raise AuditError(
            f"{output} cannot be written: {err.strerror}; give another {option}"
        ) from err
    if inside is not None:
        raise AuditError(
            f"{output} lies in the run directory {inside}; give {option} a place outside it"
        )


def _read(run: Path, reader: OutcomeReader) -> AuditedRun:
    found = load_run(run)
    if found.manifest.settings.get("command") not in ("audit", "images"):
        raise RunDirectoryError(
            f"{run} is not the run of an audit and has no success to rank; give runs of "
            "t2i-audit audit, or of t2i-audit judge"
        )
    return AuditedRun(
        as_given(str(run)),
        found.summary,
        found.manifest.settings,
        found.manifest.versions,
        created=found.manifest.created,
        outcomes=reader.read(found),
        use=found.use,
        cost=read_cost(run),
    )


def _given_again(paths: Sequence[Path]) -> str:
    links = [as_given(str(path)) for path in dict.fromkeys(paths) if path != paths[0]]
    other = f" (also as {', '.join(links)})" if links else ""
    return as_given(f"{paths[0]} was given {len(paths)} times{other}; it is listed once.")
