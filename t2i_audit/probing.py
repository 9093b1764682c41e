"""A probe of the text encoders alone: planned, with all that can be refused, and then executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from t2i_audit.audit import TEXT_STAGES
from t2i_audit.inputs import Inputs, earlier_run, load_inputs, require_resumable
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.run.directory import open_run
from t2i_audit.run.manifest import remembered_batch_size
from t2i_audit.settings import LARGEST_AUTO_BATCH, ProbeSettings

if TYPE_CHECKING:
    from t2i_audit.results.run import Run
    from t2i_audit.run.directory import RunDirectory


@dataclass(frozen=True, eq=False)
class ProbePlan:
    """A probe in which nothing is left to refuse."""

    settings: ProbeSettings
    inputs: Inputs
    batch_size: int
    """Prompts per forward pass."""
    identity: Mapping[str, Any]
    """All that the results depend on, for the manifest."""


def plan_probe(settings: ProbeSettings, reporter: Reporter = SILENT) -> ProbePlan:
    """Load and try all that a probe needs; nothing is written.

    Args:
        settings: the user's.
        reporter: receives what the user should know before the probe begins.

    Raises:
        AuditError: the probe cannot be made, in one sentence with the reason and the remedy.
    """
    earlier = earlier_run(settings.out)
    inputs = load_inputs(settings, reporter, earlier=earlier)
    from t2i_audit.stages.text import fitting_encoding

    before = None if earlier is None else earlier.manifest
    batch_size = settings.batch_size or remembered_batch_size(before)
    if batch_size is None:
        batch_size = fitting_encoding(inputs.loaded, inputs.prompts, LARGEST_AUTO_BATCH)
    identity = {"command": "probe", **inputs.identity(settings), "batch_size": batch_size}
    if settings.encoder_alone:
        identity |= inputs.loaded.pipeline.identity
    require_resumable(settings.out, identity)
    return ProbePlan(settings, inputs, batch_size, identity)


def execute_probe(plan: ProbePlan, reporter: Reporter = SILENT) -> Run:
    """Make the probe of `plan`; returns the finished run.

    Args:
        plan: from `plan_probe`.
        reporter: receives notes and progress.

    Raises:
        AuditError: something failed that could not be known beforehand, such as a full memory.
    """
    from t2i_audit.results.run import load_run
    from t2i_audit.stages.finished import is_finished
    from t2i_audit.stages.page import leave_page

    plan = replace(plan, inputs=plan.inputs.reporting_to(reporter))
    with open_run(
        plan.settings.out, plan.identity, stages=(*TEXT_STAGES, "results"), reporter=reporter
    ) as run:
        there = is_finished(run)
        if not there:
            for note in plan.inputs.notes:
                reporter.note(note)
            _make(run, plan)
    finished = load_run(plan.settings.out)
    if plan.settings.report:
        leave_page(finished, reporter, anew=not there)
    return finished


def _make(run: RunDirectory, plan: ProbePlan) -> None:
    from t2i_audit.run.command import keep_command
    from t2i_audit.stages.finished import seal
    from t2i_audit.stages.results import text_only_summary
    from t2i_audit.stages.tables import write_tables
    from t2i_audit.stages.text import read_text

    inputs, seed = plan.inputs, plan.settings.seed
    text = read_text(
        run,
        inputs.loaded,
        inputs.prompts,
        batch_size=plan.batch_size,
        seed=seed,
        draws=plan.settings.random_weights,
        drawn=False,
    )
    with run.stage("results", 1) as advance:
        summary = text_only_summary(
            plan.settings.name,
            inputs.suite.name,
            inputs.prompts,
            text.probes.spread(text.located, len(inputs.prompts)),
            notes=text.notes,
        )
        summary = replace(summary, notes=(*inputs.notes, *summary.notes))
        write_tables(run.path, text, {"text_encoder": text.probes}, summary)
        keep_command(run.path, plan.settings)
        seal(run)
        advance()
