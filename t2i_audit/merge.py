"""The shards of an audit joined, and the audit finished: text encoders, probes and tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from t2i_audit.audit import AuditPlan, plan_audit, plan_from
from t2i_audit.errors import ModelError, RunDirectoryError
from t2i_audit.inputs import EarlierRun
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.run.command import read_settings
from t2i_audit.run.directory import check_output, read_manifest
from t2i_audit.run.manifest import Manifest, StageState, differences, new_manifest
from t2i_audit.run.same import require_same
from t2i_audit.settings import AuditSettings, MergeSettings


def plan_merge(settings: MergeSettings, reporter: Reporter = SILENT) -> AuditPlan:
    """Plan to join the shards of an audit and to finish it; nothing is written.

    What no shard has made, or what is damaged, is made when the plan is executed. A single run, in
    which all shards ran, is finished where it is.

    Args:
        settings: the runs, and where to join several.
        reporter: receives what the user should know before the work begins.

    Raises:
        RunDirectoryError: a directory holds no audit, or two hold shards of different audits.
        ModelError: the model's own code would run and is not trusted.
        AuditError: as `plan_audit`.
    """
    manifests = {run: read_manifest(run) for run in settings.runs}
    first = settings.runs[0]
    for run in settings.runs[1:]:
        _require_shards_of_one(manifests[first], first, manifests[run], run)
    audit = replace(settings_of(first, settings.trust_remote_code), report=settings.report)
    if settings.out is None:
        if len(settings.runs) > 1:
            raise RunDirectoryError("several runs are joined in a new folder; name it with --out")
        return plan_audit(audit, reporter)
    check_output(settings.out)
    # Half the tables from one version and half from another would be nobody's result, so the
    # versions count even where the first run is complete.
    begun = manifests[first].with_stage("results", StageState())
    plan = plan_from(
        replace(audit, out=settings.out),
        reporter,
        earlier=EarlierRun(first, begun),
        sources=settings.runs,
    )
    require_same(first, begun, new_manifest(plan.identity, created=""))
    return plan


def settings_of(run: Path, trust_remote_code: str | None) -> AuditSettings:
    """The settings of the audit in `run`.

    Args:
        run: its directory.
        trust_remote_code: the model whose own code may run. The file in `run` may ask for it but
            cannot allow it, as the run may come from somebody else.

    Raises:
        RunDirectoryError: the settings cannot be read.
        ModelError: the audit ran code that is not trusted here.
    """
    settings = read_settings(run)
    asked = settings.model_options.trust_remote_code
    if asked not in (None, trust_remote_code):
        raise ModelError(
            f"the audit in {run} ran code that {asked} brings; if it may run here too, give "
            f"--trust-remote-code {asked}"
        )
    return settings


def _require_shards_of_one(there: Manifest, first: Path, other: Manifest, run: Path) -> None:
    found = differences(there.settings, other.settings)
    found = found or differences(there.versions, other.versions)
    if found:
        what = found[0].replace(" there and ", f" in {first} and ").removesuffix(" here")
        raise RunDirectoryError(f"these are shards of different audits: {what} in {run}")
