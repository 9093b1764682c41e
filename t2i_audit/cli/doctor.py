"""The command ``t2i-audit doctor``."""

from __future__ import annotations

import sys

import typer

from t2i_audit.cli import options
from t2i_audit.cli.parameters import with_settings
from t2i_audit.printable import print_line
from t2i_audit.reporter import TerminalReporter
from t2i_audit.settings import DoctorSettings

REFUSED = 2


@with_settings(DoctorSettings, without=("negative_prompt",))
def doctor(settings: DoctorSettings, as_json: options.AsJson = False) -> None:
    """Show what an audit can read of a checkpoint, found by making one or two images.

    The exit code is 2 if an audit would be refused.
    """
    from t2i_audit.doctor import examine
    from t2i_audit.io import dump_json
    from t2i_audit.report.doctor import print_examination

    found = examine(settings, TerminalReporter())
    if as_json:
        sys.stdout.write(dump_json(found))
    else:
        print_examination(found)
    if found.problem is not None:
        print_line(f"t2i-audit: {' '.join(found.problem.split())}", to=sys.stderr)
        raise typer.Exit(REFUSED)
