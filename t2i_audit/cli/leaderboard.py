"""The command ``t2i-audit leaderboard``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from t2i_audit.cli import options


def leaderboard(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Run directories of finished audits."),
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE.csv", help="The table to write."),
    ],
    as_json: options.AsJson = False,
) -> None:
    """Set runs side by side, and correlate success with decodability over them."""
    from t2i_audit.io import dump_json
    from t2i_audit.leaderboard import write_leaderboard

    board = write_leaderboard(runs, output)
    if as_json:
        sys.stdout.write(dump_json(board))
        return
    from t2i_audit.report.terminal import print_leaderboard

    print_leaderboard(board, output)
