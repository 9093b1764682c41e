"""The command ``t2i-audit audit``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from t2i_audit.cli import options
from t2i_audit.cli.parameters import with_given
from t2i_audit.errors import AuditError
from t2i_audit.reporter import TerminalReporter
from t2i_audit.settings import AuditSettings, ManySettings, is_models_file, settings_from


@with_given(ManySettings, AuditSettings, without=("model",))
def audit(
    given: dict[str, Any], verbose: options.Verbose = False, as_json: options.AsJson = False
) -> None:
    """Make images of a suite's prompts, judge them, and find where failures arise.

    What the text encoders and the denoiser hold of each prompt is decoded, and every failure is
    attributed to the part of the model that lost it.
    """
    many = ManySettings(
        **{name: given.pop(name) for name in ("models", "out", "processes") if name in given}
    )
    if len(many.models) > 1 or is_models_file(many.models[0]):
        _audit_several(many, given, verbose=verbose, as_json=as_json)
        return
    if many.processes is not None:
        raise AuditError(
            "--processes is for several models; to divide one among GPUs, see --shard and "
            "`accelerate launch`"
        )
    values = {**given, "model": many.models[0], "out": many.out}
    _audit_one(settings_from(AuditSettings, values), verbose=verbose, as_json=as_json)


def _audit_one(settings: AuditSettings, *, verbose: bool, as_json: bool) -> None:
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


def _audit_several(
    settings: ManySettings, given: Mapping[str, Any], *, verbose: bool, as_json: bool
) -> None:
    from t2i_audit.io import dump_json
    from t2i_audit.many import execute_audits, plan_audits
    from t2i_audit.report.leaderboard import print_leaderboard
    from t2i_audit.report.terminal import print_run

    plan = plan_audits(settings.models, given, out=settings.out, processes=settings.processes)
    audits = execute_audits(plan, TerminalReporter())
    for run in audits.runs.values() if verbose and not as_json else ():
        print_run(run, verbose=True)
    if audits.board is not None:
        if as_json:
            sys.stdout.write(dump_json(audits.board))
        else:
            print_leaderboard(audits.board, audits.table, audits.page)
    if audits.failures:
        raise AuditError(
            f"{len(audits.failures)} of {len(plan.audits)} audits failed "
            f"({', '.join(audits.failures)}); once that is put right, the same command makes them "
            "and leaves the others as they are"
        )
