"""The command ``t2i-audit merge``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from t2i_audit.cli import options


def merge(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="Directories in which shards worked.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where to join several. [default: the run itself, if it is one]",
        ),
    ] = None,
    trust_remote_code: options.TrustRemoteCode = None,
    as_json: options.AsJson = False,
) -> None:
    """Join the shards of an audit (see audit --shard) and make its tables."""
    from t2i_audit.merge import merge_runs
    from t2i_audit.report.terminal import print_run

    path = merge_runs(runs, out=out, trust_remote_code=trust_remote_code)
    print_run(path, as_json=as_json)
