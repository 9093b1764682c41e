"""Use measured on a finished audit: its model is loaded again, and images are drawn anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from t2i_audit import storage
from t2i_audit.errors import JudgeError, RunDirectoryError
from t2i_audit.inputs import EarlierRun, load_inputs
from t2i_audit.merge import settings_of
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.results.run import Run, load_audited
from t2i_audit.results.run_prompts import prompts_of
from t2i_audit.run.directory import open_run_files
from t2i_audit.run.manifest import JUDGE_DEVICE
from t2i_audit.settings import AuditSettings, UseSettings

if TYPE_CHECKING:
    from t2i_audit.results.use import Use
    from t2i_audit.results.use_plan import UsePlan
    from t2i_audit.stages.use.design import Design
    from t2i_audit.stages.use.subject import Subject

AGAIN = "measure it with t2i.audit(pipeline, ..., use=True) as the run was made"


@dataclass(frozen=True, eq=False)
class UsingPlan:
    """A finished audit, and what is drawn anew of it."""

    settings: UseSettings
    run: Run
    audit: AuditSettings
    design: Design
    plan: UsePlan
    is_measured: bool
    """Whether all of it is there."""


def plan_use(settings: UseSettings) -> UsingPlan:
    """Read the run, and decide what is drawn anew; nothing is loaded or written.

    Args:
        settings: the run, and what is asked for.

    Raises:
        RunDirectoryError: there is no finished audit with images, or it was made with other
            versions.
        JudgeError: the run's judge cannot judge new images, or tells nothing about slots.
        AuditError: there is no slot or block of a name, or the prompts are too few.
    """
    from t2i_audit.stages.files import IMAGES
    from t2i_audit.stages.use.prepare import (
        design_for,
        is_measured,
        planned,
        require_own_versions,
    )

    run = load_audited(settings.run)
    open_run_files(run.path, "use")
    storage.open_tree(run.path / IMAGES)  # whose sizes the plan tells
    _require_audit(run)
    require_own_versions(run)
    audit = settings_of(run.path, settings.trust_remote_code, instead=AGAIN)
    prompts = prompts_of(run.path)
    design = design_for(run, prompts, settings.options)
    return UsingPlan(
        settings,
        run,
        replace(audit, device=settings.device, dtype=run.manifest.settings["dtype"]),
        design,
        planned(run, prompts, design),
        is_measured(run, design),
    )


def execute_use(plan: UsingPlan, reporter: Reporter = SILENT) -> Use:
    """Load the model and the judge of the run, draw anew what is missing, and say what it shows.

    Args:
        plan: from `plan_use`.
        reporter: receives notes and progress.

    Raises:
        ModelError: the model is gone, has changed, or cannot be changed from within.
        RunDirectoryError: another process is at work in the run, or the disk has no room.
    """
    from t2i_audit.results.run import load_run
    from t2i_audit.stages.page import leave_page
    from t2i_audit.stages.use.measure import measure_use

    run = plan.run
    if plan.is_measured:
        use = load_run(run.path).use
        assert use is not None
        return use
    use = measure_use(run, load_subject(plan, reporter), plan.design, reporter)
    if plan.settings.report:
        leave_page(load_run(run.path), reporter, anew=True)
    return use


def _require_audit(run: Run) -> None:
    command = run.manifest.settings.get("command")
    if command == "probe":
        raise RunDirectoryError(
            f"{run.path} is a probe, which has no images; measure use on the run of an audit"
        )
    if command != "audit":
        raise RunDirectoryError(
            f"the images of {run.path} were made elsewhere, so there is no model to draw them "
            "anew; measure use on the run of an audit"
        )


def load_subject(plan: UsingPlan, reporter: Reporter) -> Subject:
    """The model and the judge of the run, which must be as the run had them.

    Raises:
        ModelError: the model is gone or does not load.
        RunDirectoryError: a file of it has changed.
        JudgeError: the judge does not load, or has changed.
    """
    from prompts.suite import Suite
    from t2i_audit.io import to_json
    from t2i_audit.judges.load import judge_specs
    from t2i_audit.judges.panel import load_panel
    from t2i_audit.models.devices import choose_judge_device
    from t2i_audit.stages.use.prepare import readable, sampling_of
    from t2i_audit.stages.use.subject import Subject

    run, audit = plan.run, plan.audit
    suite = Suite(run.summary.suite, prompts_of(run.path))
    earlier = EarlierRun(run.path, run.manifest)
    inputs = load_inputs(audit, reporter, earlier=earlier, suite=suite)
    first = judge_specs(audit.judge)[:1]
    recorded = run.manifest.settings.get(JUDGE_DEVICE)
    device = inputs.loaded.device if recorded is None else choose_judge_device(recorded)
    panel = load_panel(first, inputs.prompts, device=str(device))
    if to_json(panel[0].identity) != run.manifest.settings.get("judge"):
        raise JudgeError(
            f"judge {run.summary.judge!r} is not as the run in {run.path} had it; restore it, or "
            "judge the run again"
        )
    sampling = sampling_of(run, audit)
    own = readable(run, inputs.prompts)
    return Subject(inputs.loaded, inputs.prompts, own, sampling, panel[0], audit.judge_batch_size)
