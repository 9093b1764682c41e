"""The page of a run, section by section."""

from __future__ import annotations

from t2i_audit.printable import printable
from t2i_audit.report.html.gallery.section import gallery_section
from t2i_audit.report.html.page import render_page
from t2i_audit.report.html.run.contents import read_contents
from t2i_audit.report.html.run.decodability import decodability_section
from t2i_audit.report.html.run.drawn import drawn_section
from t2i_audit.report.html.run.judges import judges_section
from t2i_audit.report.html.run.overview import overview_section
from t2i_audit.report.html.run.record import record_section
from t2i_audit.report.html.run.success import success_section
from t2i_audit.report.html.run.use import use_section
from t2i_audit.report.html.run.verdicts import verdicts_section
from t2i_audit.report.html.run.where_lost import where_lost_section
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.results.run import Run


def run_page(run: Run, *, most_bytes: int, reporter: Reporter = SILENT) -> str:
    """One self-contained page that shows `run`.

    Args:
        run: a finished run.
        most_bytes: how large the page may grow by its images.
        reporter: receives the progress of making thumbnails.

    Raises:
        AuditError: no image fits into a page of that size.
        RunDirectoryError: a table of the run is missing or cannot be read.
    """
    contents, summary, use = read_contents(run), run.summary, run.use
    judged = "" if summary.judge is None else f", judged by {summary.judge}"
    title = printable(f"{summary.model} on {summary.suite}{judged}")
    found = [
        overview_section(run),
        where_lost_section(contents),
        success_section(summary),
        decodability_section(contents),
        drawn_section(contents),
        judges_section(run),
        verdicts_section(summary, use),
        use_section(use),
    ]
    record = record_section(run)
    if contents.has_images:
        left = most_bytes - len(render_page(title, [*found, record]).encode())
        found.append(gallery_section(run, most_bytes=left, reporter=reporter))
    return render_page(title, [*found, record])
