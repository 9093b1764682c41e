"""The command ``t2i-audit calibrate``."""

from __future__ import annotations

import sys

from t2i_audit.cli import options
from t2i_audit.cli.parameters import with_settings
from t2i_audit.reporter import TerminalReporter
from t2i_audit.settings import CalibrateSettings


@with_settings(CalibrateSettings)
def calibrate(settings: CalibrateSettings, as_json: options.AsJson = False) -> None:
    """Measure how wrong a judge is on a run, and correct the run's success for it.

    The judge's verdicts are compared with labels of the run's images. The judge's card is written
    to judge_card.json in RUN, and the corrected rates to its summary.
    """
    from t2i_audit.calibrating import (
        compare_raters,
        execute_calibration,
        labels_to_make,
        plan_calibration,
    )
    from t2i_audit.io import dump_json
    from t2i_audit.report.calibration import print_card, print_plan, print_raters

    reporter = TerminalReporter()
    if settings.run is None:
        raters = compare_raters(settings)
        if as_json:
            sys.stdout.write(dump_json(raters))
        else:
            print_raters(raters)
        return
    plan = plan_calibration(settings)
    if settings.plan:
        needed = labels_to_make(plan, reporter)
        if as_json:
            sys.stdout.write(dump_json(needed))
        else:
            print_plan(needed)
        return
    card = execute_calibration(plan, reporter)
    if as_json:
        sys.stdout.write(dump_json(card))
    else:
        print_card(card, plan.run.path)
