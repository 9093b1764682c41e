"""Use measured at the end of an audit, whose model and judge are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prompts.structure import Prompt
from t2i_audit.generation.sampling import Sampling
from t2i_audit.interventions.locating import find_text_input
from t2i_audit.judges.panel import at_work
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.report.use_plan import cost_sentences
from t2i_audit.reporter import Reporter
from t2i_audit.results.run import load_audited
from t2i_audit.settings import AuditSettings
from t2i_audit.stages.judging import Judging
from t2i_audit.stages.use.design import design_of
from t2i_audit.stages.use.measure import measure_use
from t2i_audit.stages.use.prepare import (
    design_for,
    is_measured,
    planned,
    readable,
    require_judge,
    require_own_versions,
    sampling_of,
)
from t2i_audit.stages.use.subject import Subject


def images_at_the_end(
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    settings: AuditSettings,
    judging: Judging,
    sampling: Sampling,
    blocks: Sequence[str],
) -> int:
    """How many images will be drawn anew, said before an audit begins.

    Args:
        loaded: the model.
        prompts: of the suite; those that cannot be judged are left out.
        settings: of the audit.
        judging: its judges.
        sampling: how its images are made.
        blocks: of the denoiser.

    Raises:
        AuditError: use cannot be measured, by the judge, the model, the prompts or the options.
    """
    primary = judging.primary
    require_judge(primary.judge)
    design = design_of(
        prompts,
        settings.use_options,
        judgeable={each.id for each in prompts} - primary.scope.unjudgeable.keys(),
        blocks=blocks,
        seed=settings.seed,
    )
    find_text_input(loaded, prompts, sampling)
    return sum(len(part.prompts) for part in design.parts)


def use_at_the_end(
    out: Path,
    loaded: LoadedModel,
    prompts: tuple[Prompt, ...],
    settings: AuditSettings,
    judging: Judging,
    reporter: Reporter,
) -> bool:
    """Measure use on the finished audit in `out`; returns whether anything was missing.

    Raises:
        AuditError: as `measure_use`.
    """
    run = load_audited(out)
    design = design_for(run, prompts, settings.use_options)
    if is_measured(run, design):
        return False
    require_own_versions(run)
    reporter.note(f"use: {' '.join(cost_sentences(planned(run, prompts, design)))}")
    subject = Subject(
        loaded,
        prompts,
        readable(run, prompts),
        sampling_of(run, settings),
        judging.primary,
        judging.at_once,
    )
    with at_work(judging.panel, judging.primary, judging.device):
        measure_use(run, subject, design, reporter)
    return True
