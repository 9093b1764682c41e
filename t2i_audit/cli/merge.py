"""The command ``t2i-audit merge``."""

from __future__ import annotations

from t2i_audit.cli import options
from t2i_audit.cli.parameters import with_settings
from t2i_audit.reporter import TerminalReporter
from t2i_audit.settings import MergeSettings


@with_settings(MergeSettings)
def merge(
    settings: MergeSettings, verbose: options.Verbose = False, as_json: options.AsJson = False
) -> None:
    """Join the shards of an audit (see audit --shard) and make its tables."""
    from t2i_audit.audit import execute
    from t2i_audit.merge import plan_merge
    from t2i_audit.report.terminal import print_run

    reporter = TerminalReporter()
    run = execute(plan_merge(settings, reporter), reporter)
    assert run is not None  # one worker does it all
    print_run(run, as_json=as_json, verbose=verbose)
