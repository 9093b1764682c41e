"""The command ``t2i-audit associate``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from t2i_audit import storage
from t2i_audit.cli import completion, options


def associate(
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
            metavar="FILE",
            help="A figure to draw, .png or .svg; or a folder for both and the result as JSON.",
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Relate decodability to success over prompts, over values and prompt types, and over models.

    One run shows the first two levels. Several runs, of one suite and judge and with the same
    numbers of prompts and seeds, show how success goes with decodability over their models too,
    beside the words alone, random weights, the token embeddings, and the prompts' length and
    frequency.
    """
    from t2i_audit.associating import associate_runs, check_output, write_associations
    from t2i_audit.io import dump_json
    from t2i_audit.report.associations import print_associations
    from t2i_audit.report.tables import console

    runs = [storage.local_folder(run) for run in runs]
    if out is not None:
        out = storage.local_file(out)
        check_output(out, runs)
    found = associate_runs(runs)
    written = () if out is None else write_associations(found, out)
    if as_json:
        sys.stdout.write(dump_json(found))
        return
    print_associations(found)
    for path in written:
        console().print(f"Written: {path}", soft_wrap=True)
