"""The command ``t2i-audit leaderboard``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from t2i_audit import storage
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
    append: Annotated[
        bool,
        typer.Option(
            "--append",
            help="Keep the rows that FILE.csv has. Those whose runs are still there are read anew.",
        ),
    ] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            metavar="NAME",
            help="Rank runs together that differ in this: suite, judge, prompts or seeds. May be "
            "given several times.",
        ),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(
            "--pairs",
            metavar="FILE.csv",
            help="Also write a table of every pair of runs: their difference with its interval, "
            "p-values, and how many prompts each does better.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE.html", help="Also write a page of the board, for a browser."
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Rank finished audits, and correlate success with decodability over them.

    Audits of different suites or judges, or with different numbers of prompts or seeds, are
    ranked in separate groups. Ranks have intervals, as runs that are not told apart tie.
    """
    if out is not None and output is not None:
        raise AuditError("--out and --output are the same; give one of them")
    target = out or output
    if target is None:
        raise AuditError("Missing option '--out' (see `t2i-audit leaderboard --help`)")
    from t2i_audit.io import dump_json
    from t2i_audit.leaderboard import board_csv, write_leaderboard
    from t2i_audit.report.leaderboard import print_leaderboard, write_to_stdout

    to_stream = target == STREAM
    runs = [storage.local_folder(run) for run in runs]
    target, pairs, html = (
        None if file is None else storage.local_file(file) for file in (target, pairs, html)
    )
    assert target is not None
    if to_stream and as_json:
        raise AuditError("-o - and --json both write to standard output; give one of them")
    if to_stream and append:
        raise AuditError("--append needs a table to add to; give -o the name of a file")
    board = write_leaderboard(
        runs,
        None if to_stream else target,
        append=append,
        allow=allow or (),
        pairs=pairs,
        html=html,
        with_pairs=as_json,
    )
    if to_stream:
        write_to_stdout(board, board_csv(board), TerminalReporter())
    elif as_json:
        sys.stdout.write(dump_json(board))
    else:
        print_leaderboard(board, target, html)
