"""The command ``t2i-audit report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from t2i_audit.printable import print_line
from t2i_audit.reporter import TerminalReporter
from t2i_audit.settings.defaults import DEFAULT_MEGABYTES


def report(
    of: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN|BOARD.csv|BASE CANDIDATE",
            help="Directory of a finished run, the CSV file of a leaderboard, or two runs to "
            "compare.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE.html",
            help="The page to write. [default: report.html in RUN, BOARD.html beside BOARD.csv, or "
            "comparison.html]",
        ),
    ] = None,
    max_mb: Annotated[
        float,
        typer.Option(
            "--max-mb",
            metavar="X",
            help="Largest size of the page, in millions of bytes; images are left out before it "
            "grows larger, and the page says how many.",
        ),
    ] = DEFAULT_MEGABYTES,
) -> None:
    """Write a run, a leaderboard or a comparison as one HTML page.

    The page holds all that it shows: it opens without a network, makes no request, and prints.
    """
    from t2i_audit.reporting import write_report

    print_line(f"Page: {write_report(of, out, max_mb=max_mb, reporter=TerminalReporter())}")
