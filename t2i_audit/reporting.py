"""The page of a run, of a leaderboard, or of two runs compared, written to a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from t2i_audit import storage
from t2i_audit.errors import AuditError
from t2i_audit.io import write_text
from t2i_audit.leaderboard import check_table_path, read_board
from t2i_audit.report.html.links import PAGE
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.results.run import load_run
from t2i_audit.settings.defaults import DEFAULT_MEGABYTES
from t2i_audit.stages.page import MEGABYTE, page_of

BOARD = ".csv"
ENDINGS = (".html", ".htm")
LEAST_MEGABYTES = 2.0
"""Hardly more than what draws the charts."""
MOST_MEGABYTES = 2_000.0
"""Far more than a browser opens."""
WHAT = "a run, the CSV file of a leaderboard, or two runs to compare"


def write_report(
    of: Sequence[Path],
    out: Path | None = None,
    *,
    max_mb: float = DEFAULT_MEGABYTES,
    reporter: Reporter = SILENT,
) -> Path:
    """Write the page of what `of` names; returns the file.

    Args:
        of: the directory of a finished run, the CSV file of a leaderboard, or two runs, the base
            first; URLs of stores may stand for them.
        out: the file, or its URL; None for that of `default_out`.
        max_mb: the largest size of the page, in millions of bytes; images are left out before it
            grows larger.
        reporter: receives the progress.

    Raises:
        RunDirectoryError: a folder holds no finished run, or its results were changed since.
        AuditError: `of` names something else, or `out` is no place for a page.
    """
    if not LEAST_MEGABYTES <= max_mb <= MOST_MEGABYTES:
        limits = f"from {LEAST_MEGABYTES:g} to {MOST_MEGABYTES:g}"
        raise AuditError(f"--max-mb should be {limits}, not {max_mb:g}")
    of = [_at_hand(path) for path in of]
    target = default_out(of) if out is None else storage.local_file(out)
    _check(target)
    most_bytes = int(max_mb * MEGABYTE)
    page = _page(of, target, most_bytes, reporter)
    try:
        write_text(target, page)
    except OSError as err:
        raise AuditError(f"{target} cannot be written: {err.strerror}; give another -o") from err
    return target


def default_out(of: Sequence[Path]) -> Path:
    """Where the page goes if nobody says: into the run, beside the leaderboard, or for two runs
    ``comparison.html`` in this folder.

    Raises:
        AuditError: `of` names neither one thing nor two.
    """
    if len(of) == 2:
        return Path("comparison.html")
    if len(of) != 1:
        raise AuditError(f"give {WHAT}, and not {len(of)} of them")
    return of[0].with_suffix(".html") if _is_board(of[0]) else of[0] / PAGE


def _at_hand(path: Path) -> Path:
    if path.suffix.lower() == BOARD and storage.is_url(path):
        return storage.local_file(path)
    return storage.local_folder(path)


def _is_board(path: Path) -> bool:
    return path.suffix.lower() == BOARD and not path.is_dir()


def _check(out: Path) -> None:
    if out.suffix.lower() not in ENDINGS:
        raise AuditError(f"-o should name a file that ends in .html, not {out}")
    check_table_path(out, (), example=PAGE)


def _page(of: Sequence[Path], out: Path, most_bytes: int, reporter: Reporter) -> str:
    for path in of:
        if not path.exists():
            raise AuditError(f"{path} does not exist; give {WHAT}")
    if len(of) == 2:
        return _page_of_two(of[0], of[1], out, most_bytes)
    if _is_board(of[0]):
        from t2i_audit.report.html.board import board_page

        return board_page(read_board(of[0]), root=out.parent)
    return page_of(load_run(of[0]), most_bytes=most_bytes, reporter=reporter)


def _page_of_two(base: Path, candidate: Path, out: Path, most_bytes: int) -> str:
    from t2i_audit.comparison import compare_runs
    from t2i_audit.report.html.comparison import comparison_page

    found = compare_runs(base, candidate)
    return comparison_page(found, root=out.parent, most_bytes=most_bytes)
