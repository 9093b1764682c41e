"""The commands ``t2i-audit models ...``."""

from __future__ import annotations

import sys

import typer

from t2i_audit.cli import options

app = typer.Typer(help="Built-in checkpoints.")


@app.callback()
def _models() -> None:
    """Keep ``list`` a command of its own while it is the only one."""


@app.command("list")
def list_command(as_json: options.AsJson = False) -> None:
    """List the built-in checkpoints and what is planted in each."""
    from t2i_audit.io import dump_json
    from t2i_audit.models import list_models

    models = list_models()
    if as_json:
        sys.stdout.write(dump_json(models))
        return
    from t2i_audit.report.tables import print_table

    rows = [(info.name, info.kind, f"{info.size / 1e6:.1f} MB", info.summary) for info in models]
    print_table(("model", "kind", "size", "what it is"), rows)
