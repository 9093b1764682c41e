"""The command ``t2i-audit status``."""

from __future__ import annotations

import sys

from t2i_audit.cli import options
from t2i_audit.cli.parameters import with_settings
from t2i_audit.settings import StatusSettings


@with_settings(StatusSettings)
def status(settings: StatusSettings, as_json: options.AsJson = False) -> None:
    """Say how far a run is, and which processes are at work in it; nothing is written.

    Each process tells every few seconds that it is alive, how many images it has made, and how
    fast. One that has been silent for a minute is named.
    """
    from t2i_audit.io import dump_json
    from t2i_audit.watching import run_status

    found = run_status(settings.run)
    if as_json:
        sys.stdout.write(dump_json(found))
        return
    from t2i_audit.report.status import print_status

    print_status(found)
