"""The page that a run leaves beside its results."""

from __future__ import annotations

from t2i_audit.io import write_text
from t2i_audit.printable import printable
from t2i_audit.report.html.links import PAGE
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.results.run import Run
from t2i_audit.settings.defaults import DEFAULT_MEGABYTES

MEGABYTE = 1_000_000


def page_of(
    run: Run, *, most_bytes: int = int(DEFAULT_MEGABYTES * MEGABYTE), reporter: Reporter = SILENT
) -> str:
    """The page of a finished `run`, in at most `most_bytes` bytes as far as images decide that.

    Raises:
        RunDirectoryError: a table of the run is missing or cannot be read.
    """
    from t2i_audit.report.html.run.page import run_page

    return run_page(run, most_bytes=most_bytes, reporter=reporter)


def leave_page(run: Run, reporter: Reporter = SILENT, *, anew: bool) -> None:
    """Write the page of the finished `run` into its directory.

    No result depends on the page, so whatever goes wrong becomes a note.

    Args:
        run: a finished run.
        reporter: receives the note.
        anew: whether a page that is there is written again.
    """
    path = run.path / PAGE
    if path.exists() and not anew:
        return
    try:
        write_text(path, page_of(run, reporter=reporter))
    except Exception as error:  # a fault of the page must not cost the run
        reporter.note(
            printable(
                f"{path} could not be written ({type(error).__name__}: {error}); the results are "
                "all there, and `t2i-audit report` writes the page of a run at any time"
            )
        )
