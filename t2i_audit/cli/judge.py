"""The command ``t2i-audit judge``."""

from __future__ import annotations

from t2i_audit.cli import options
from t2i_audit.cli.parameters import with_settings
from t2i_audit.reporter import TerminalReporter
from t2i_audit.settings import JudgeSettings


@with_settings(JudgeSettings)
def judge(
    settings: JudgeSettings, verbose: options.Verbose = False, as_json: options.AsJson = False
) -> None:
    """Judge the images of a finished audit again with another judge; no images are made.

    The images and what was recorded of the denoiser are copied from RUN, and all tables are made
    anew in a run directory of their own.
    """
    from t2i_audit.audit import execute
    from t2i_audit.judging_again import plan_judge
    from t2i_audit.report.terminal import print_run

    reporter = TerminalReporter()
    run = execute(plan_judge(settings, reporter), reporter)
    assert run is not None  # one worker does it all
    print_run(run, as_json=as_json, verbose=verbose)
