"""The command ``t2i-audit plan``."""

from __future__ import annotations

import sys

from t2i_audit.cli import options
from t2i_audit.cli.parameters import with_settings
from t2i_audit.reporter import TerminalReporter
from t2i_audit.settings import PlanSettings


@with_settings(PlanSettings)
def plan(settings: PlanSettings, as_json: options.AsJson = False) -> None:
    """Say what an audit of a suite can show and what it cannot; nothing is run.

    Half-widths of intervals and smallest effects follow from how the suite's prompts share
    compositions and pairs of values, and from what is assumed of the model. Time and disk are told
    by what another run took.
    """
    from t2i_audit.io import dump_json
    from t2i_audit.planning import plan_suite

    found = plan_suite(settings, TerminalReporter())
    if as_json:
        sys.stdout.write(dump_json(found))
        return
    from t2i_audit.report.plan import print_plan

    print_plan(found)
