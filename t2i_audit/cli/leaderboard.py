"""The command ``t2i-audit leaderboard``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from t2i_audit.cli import options
from t2i_audit.errors import AuditError

STREAM = Path("-")


def leaderboard(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Run directories of finished audits."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE.csv", help="The table to write; - is standard output."
        ),
    ],
    as_json: options.AsJson = False,
) -> None:
    """Set runs side by side, and correlate success with decodability over them.

    Runs of another suite, judge, number of prompts or number of seeds stand in groups apart.
    """
    from t2i_audit.io import dump_json
    from t2i_audit.leaderboard import board_csv, rank_runs, write_leaderboard
    from t2i_audit.report.leaderboard import print_leaderboard, write_to_stdout

    if output == STREAM:
        if as_json:
            raise AuditError("-o - and --json both write to standard output; give one of them")
        board = rank_runs(runs)
        write_to_stdout(board, board_csv(board))
        return
    board = write_leaderboard(runs, output)
    if as_json:
        sys.stdout.write(dump_json(board))
    else:
        print_leaderboard(board, output)
