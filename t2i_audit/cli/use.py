"""The command ``t2i-audit use``."""

from __future__ import annotations

import sys

from t2i_audit.cli import options
from t2i_audit.cli.parameters import with_settings
from t2i_audit.reporter import TerminalReporter
from t2i_audit.settings import UseSettings


@with_settings(UseSettings)
def use(settings: UseSettings, as_json: options.AsJson = False) -> None:
    """Measure which slots the denoiser draws from, on a finished audit.

    Each slot is erased from what the denoiser is given, or exchanged for another value, and images
    are drawn anew from the same noise. A slot is used if its images go wrong, more than when as
    much is erased at random.
    """
    from t2i_audit.io import dump_json
    from t2i_audit.report.use_plan import print_use_plan
    from t2i_audit.using import execute_use, plan_use

    reporter = TerminalReporter()
    plan = plan_use(settings)
    if settings.plan:
        if as_json:
            sys.stdout.write(dump_json(plan.plan))
        else:
            print_use_plan(plan.plan)
        return
    if plan.is_measured:
        reporter.note(f"all of this was measured before, and lies in {plan.run.path}")
    else:
        print_use_plan(plan.plan, to=sys.stderr)
    found = execute_use(plan, reporter)
    if as_json:
        sys.stdout.write(dump_json(found))
        return
    from t2i_audit.report.use import print_use

    print_use(found)
