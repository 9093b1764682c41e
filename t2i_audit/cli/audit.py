"""The command ``t2i-audit audit``."""

from __future__ import annotations

from t2i_audit.cli import options
from t2i_audit.cli.parameters import with_settings
from t2i_audit.reporter import TerminalReporter
from t2i_audit.settings import AuditSettings


@with_settings(AuditSettings)
def audit(
    settings: AuditSettings, verbose: options.Verbose = False, as_json: options.AsJson = False
) -> None:
    """Make images of a suite's prompts, judge them, and find where failures arise.

    What the text encoders and the denoiser hold of each prompt is decoded, and every failure is
    attributed to the part of the model that lost it.
    """
    from t2i_audit.audit import execute, plan_audit
    from t2i_audit.report.terminal import print_run

    reporter = TerminalReporter()
    plan = plan_audit(settings, reporter)
    run = execute(plan, reporter)
    if run is not None:
        print_run(run, as_json=as_json, verbose=verbose)
    elif plan.worker.speaks and settings.shard is not None:
        reporter.note(
            f"shard {settings.shard} in {settings.out} is done; join all shards with "
            "t2i-audit merge"
        )
