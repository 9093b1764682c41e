"""The images of a finished audit judged again by another judge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from t2i_audit.audit import AuditPlan, plan_from
from t2i_audit.errors import RunDirectoryError
from t2i_audit.inputs import EarlierRun
from t2i_audit.merge import settings_of
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.run.directory import check_output, open_run_files, read_manifest
from t2i_audit.run.manifest import Manifest, new_manifest
from t2i_audit.run.same import other_versions, require_same
from t2i_audit.settings import JudgeSettings, UseOptions


def plan_judge(settings: JudgeSettings, reporter: Reporter = SILENT) -> AuditPlan:
    """Plan to judge the images of a finished audit again; nothing is written.

    The plan, executed, copies the images into a run directory of its own and makes no new ones.

    Args:
        settings: the audit, the judge, and the new run directory.
        reporter: receives what the user should know before the work begins.

    Raises:
        RunDirectoryError: there is no finished audit, its files are damaged, it was made with other
            versions, or the new directory is the audit's own.
        AuditError: as `plan_audit`.
    """
    check_output(settings.out)
    manifest = read_manifest(settings.run)
    open_run_files(settings.run)
    audit = settings_of(settings.run, settings.trust_remote_code)
    _require_other_folder(settings)
    _require_finished(settings.run, manifest)
    plan = plan_from(
        replace(
            audit,
            out=settings.out,
            judge=settings.judge,
            judge_batch_size=settings.judge_batch_size,
            strict=settings.strict,
            report=settings.report,
            use=False,
            use_options=UseOptions(),
        ),
        reporter,
        earlier=EarlierRun(settings.run, manifest),
        sources=(settings.run,),
    )
    require_same(settings.run, manifest, new_manifest(plan.identity, created=""))
    return plan


def _require_other_folder(settings: JudgeSettings) -> None:
    if settings.out.resolve() == settings.run.resolve():
        raise RunDirectoryError(
            f"{settings.out} is the audit itself, whose results stay; give another --out"
        )


def _require_finished(run: Path, manifest: Manifest) -> None:
    """Refuse an audit of which images would have to be made, or whose tables would be mixed."""
    from t2i_audit.run.results import unlike_sealed
    from t2i_audit.stages.damage import damage_of
    from t2i_audit.stages.files import IMAGES, JUDGEMENTS

    if manifest.settings.get("command") != "audit" or not manifest.complete:
        raise RunDirectoryError(
            f"{run} holds no finished audit; finish it with its own command before its images are "
            "judged again"
        )
    others = other_versions(manifest, new_manifest({}, created=""))
    if others:
        raise RunDirectoryError(
            f"{run} was made with other versions ({others}); judge it again with the versions of "
            "the run"
        )
    records = [name for name in manifest.files if name.startswith(f"{IMAGES.as_posix()}/batch_")]
    verdicts = [name for name in manifest.files if name.startswith(f"{JUDGEMENTS.as_posix()}/")]
    unlike = unlike_sealed(run, manifest, verdicts)
    damage = next(filter(None, (damage_of(run, run / name) for name in records)), "")
    if not damage and unlike:
        damage = f"{run / unlike[0]} is missing or damaged"
    if damage:
        raise RunDirectoryError(
            f"{damage}; give the audit's own command again, which mends it, and then judge it"
        )
