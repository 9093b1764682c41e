"""The command ``t2i-audit leaderboard``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from t2i_audit.cli import completion, options
from t2i_audit.errors import AuditError
from t2i_audit.reporter import TerminalReporter

STREAM = Path("-")


def leaderboard(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Run directories of finished audits.",
            autocompletion=completion.runs,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE.csv",
            help="The table to write; - writes to standard output. [required]",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", hidden=True, help="The former name of --out.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Compare finished audits, and correlate success with decodability over them.

    Audits of different suites or judges, or with different numbers of prompts or seeds, are
    listed in separate groups.
    """
    if out is not None and output is not None:
        raise AuditError("--out and --output are the same; give one of them")
    target = out or output
    if target is None:
        raise AuditError("Missing option '--out' (see `t2i-audit leaderboard --help`)")
    from t2i_audit.io import dump_json
    from t2i_audit.leaderboard import board_csv, rank_runs, write_leaderboard
    from t2i_audit.report.leaderboard import print_leaderboard, write_to_stdout

    if target == STREAM:
        if as_json:
            raise AuditError("-o - and --json both write to standard output; give one of them")
        board = rank_runs(runs)
        write_to_stdout(board, board_csv(board), TerminalReporter())
        return
    board = write_leaderboard(runs, target)
    if as_json:
        sys.stdout.write(dump_json(board))
    else:
        print_leaderboard(board, target)
