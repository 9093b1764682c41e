"""The risk that new prompts fail on the model of a run, before there is an image of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prompts.suite import Suite, SuiteFormatError, load_suite
from t2i_audit.analysis.forecast.foresee import (
    Foreseen,
    JudgedRun,
    foresee_prompts,
    foresee_slots,
)
from t2i_audit.analysis.forecast.known import Columns, KnownPrompt
from t2i_audit.analysis.forecast.limits import notes_on, why_not
from t2i_audit.analysis.forecast.outside import RunRange
from t2i_audit.analysis.forecast.trust import trust_of
from t2i_audit.errors import AuditError, ModelError, RunDirectoryError, SuiteError
from t2i_audit.inputs import load_inputs
from t2i_audit.io import to_json
from t2i_audit.merge import settings_of
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.results.forecast import Forecast, PromptForecast, SlotRisk
from t2i_audit.results.interval import Interval
from t2i_audit.results.run import Run, load_run
from t2i_audit.run.changes import changed_files
from t2i_audit.run.tables import read_rows, table_path
from t2i_audit.settings import DEFAULT_BATCH_SIZE, ForecastSettings

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.models.loaded import LoadedModel
    from t2i_audit.settings import AuditSettings

WITHOUT_CHECKPOINT = "give --words-alone to forecast without its text encoders"


@dataclass(frozen=True, eq=False)
class ForecastPlan:
    """A finished run, and new prompts with the checkpoint that reads them."""

    settings: ForecastSettings
    run: Run
    own: tuple[Prompt, ...]
    """The run's prompts."""
    new: Suite
    loaded: LoadedModel | None
    """The run's checkpoint; None where the words alone are used."""
    batch_size: int
    notes: tuple[str, ...]


def plan_forecast(settings: ForecastSettings, reporter: Reporter = SILENT) -> ForecastPlan:
    """Read the run and the prompts, and load the run's checkpoint; nothing is written.

    Args:
        settings: the run and the prompts.
        reporter: receives what the user should know of the loading.

    Raises:
        RunDirectoryError: there is no finished run with judged images.
        SuiteError: the prompts cannot be read.
        ModelError: the checkpoint does not load, or is not as the run had it.
        AuditError: the output cannot be written.
    """
    from t2i_audit.leaderboard import check_table_path
    from t2i_audit.results.run_prompts import prompts_of

    if settings.out is not None:
        check_table_path(settings.out, [settings.run], example="forecast.csv")
        if settings.out.suffix.lower() != ".csv":
            raise AuditError(f"-o should name a .csv file, not {settings.out}")
    run = load_run(settings.run)
    if run.summary.success is None or not run.summary.success.overall.n:
        raise RunDirectoryError(
            f"{run.path} has no judged image, so it knows no failure to forecast from; give the "
            "run of t2i-audit audit, or of t2i-audit judge"
        )
    try:
        new = load_suite(settings.prompts)
    except SuiteFormatError as error:
        raise SuiteError(str(error)) from error
    plan = ForecastPlan(settings, run, prompts_of(run.path), new, None, DEFAULT_BATCH_SIZE, ())
    if settings.words_alone:
        return replace(plan, notes=("The text encoders were not asked (--words-alone).",))
    if run.manifest.settings.get("command") != "audit":
        note = "The run's images were made elsewhere, so only the words of prompts are used."
        return replace(plan, notes=(note,))
    audit = settings_of(run.path, settings.trust_remote_code, instead=WITHOUT_CHECKPOINT)
    audit = replace(audit, device=settings.device, dtype=run.manifest.settings["dtype"])
    loaded = _load(audit, run, new, reporter)
    return replace(plan, loaded=loaded, batch_size=audit.batch_size or DEFAULT_BATCH_SIZE)


def execute_forecast(plan: ForecastPlan, reporter: Reporter = SILENT) -> Forecast:
    """Forecast the new prompts of a plan; nothing is written.

    Args:
        plan: from `plan_forecast`.
        reporter: receives the progress.
    """
    own, new, faults = _known(plan, reporter)
    judged = _judged(plan.run, own)
    columns = Columns.of(own, new)
    slots = {
        kind: [(each, part) for each in new for part in each.prompt.constituents
               if part.kind == kind]
        for kind in judged.kinds
    }  # fmt: skip
    seed = plan.settings.seed
    whole = foresee_prompts(judged, new, columns, seed=seed, reporter=reporter)
    by_kind = {
        kind: foresee_slots(judged, kind, those, columns, seed=seed, reporter=reporter)
        for kind, those in slots.items()
    }
    trust = trust_of(whole.outcomes)
    reason = why_not(whole, trust, plan.run.summary.repeatability)
    base = _base_rate(plan.run)
    risks = _slot_risks(slots, by_kind)
    range_of_run = RunRange.of(own)
    unit = "words" if plan.loaded is None else "tokens"
    structured = any(each.prompt.constituents for each in own)

    def forecast_of(row: int, each: KnownPrompt) -> PromptForecast:
        prompt = each.prompt
        told = not reason and (bool(prompt.constituents) or not structured)
        return PromptForecast(
            prompt.id,
            prompt.text,
            prompt.type,
            whole.interval(row) if told else base,
            tuple(risks.get(prompt.id, ())) if told else (),
            (*range_of_run.outside(each, unit=unit), *faults.get(prompt.id, ())),
        )

    prompts = tuple(forecast_of(row, each) for row, each in enumerate(new))
    texts = {prompt.text for prompt in plan.own}
    notes = notes_on(
        prompts,
        trust,
        known=sum(each.text in texts for each in prompts),
        structured=structured,
        judge=plan.run.summary.judge or "",
        judges_slots=bool(by_kind),
    )
    return Forecast(
        model=plan.run.summary.model,
        suite=plan.run.summary.suite,
        judge=plan.run.summary.judge or "",
        n_seeds=plan.run.summary.n_seeds,
        base_rate=base,
        can_forecast=not reason,
        reason=reason,
        trust=trust,
        slots={kind: found.outcomes.auroc() for kind, found in by_kind.items()},
        prompts=prompts,
        notes=(*plan.notes, *notes),
        seed=seed,
    )


def write_forecast(forecast: Forecast, output: Path) -> tuple[Path, ...]:
    """Write the table of all prompts, and draw the reliability curve beside it; returns the files.

    Raises:
        AuditError: `output` cannot be written.
    """
    from t2i_audit.io import write_text
    from t2i_audit.report.forecast import forecast_csv
    from t2i_audit.report.reliability import write_reliability

    try:
        write_text(output, forecast_csv(forecast))
        return (output, *write_reliability(forecast.trust, output.with_suffix("")))
    except OSError as err:
        raise AuditError(f"{output} cannot be written: {err.strerror}; give another -o") from err


def _load(audit: AuditSettings, run: Run, new: Suite, reporter: Reporter) -> LoadedModel:
    """The checkpoint of `run`, which must be as the run had it."""
    try:
        loaded = load_inputs(audit, reporter, earlier=None, suite=new).loaded
    except ModelError as error:
        raise ModelError(f"{str(error).rstrip('.')}; {WITHOUT_CHECKPOINT}") from error
    files = {
        "checkpoint": loaded.checkpoint,
        "lora": loaded.loras,
        "embedding": loaded.embeddings,
    }
    changed = changed_files(run.manifest.settings, to_json(files))
    if changed:
        raise ModelError(
            f"{changed[0]} is not as the run in {run.path} had it; restore it, or "
            f"{WITHOUT_CHECKPOINT}"
        )
    return loaded


def _known(
    plan: ForecastPlan, reporter: Reporter
) -> tuple[tuple[KnownPrompt, ...], tuple[KnownPrompt, ...], Mapping[str, tuple[str, ...]]]:
    """The run's prompts and the new ones, and by id why an encoder does not get a new one."""
    from t2i_audit.stages.known_prompts import known_by_words, read_new, read_own

    # Rounding follows the order of rows; sorted, the order of a file makes no difference.
    own = sorted(plan.own, key=lambda prompt: prompt.id)
    if plan.loaded is None:
        return known_by_words(own), known_by_words(plan.new.prompts), {}
    known, probes = read_own(plan.run, own, seed=plan.settings.seed, reporter=reporter)
    new, faults = read_new(
        plan.loaded, plan.new.prompts, probes, batch_size=plan.batch_size, reporter=reporter
    )
    return known, new, faults


def _judged(run: Run, known: tuple[KnownPrompt, ...]) -> JudgedRun:
    """The verdicts of the run's primary judge."""
    from t2i_audit.stages.results import JudgedImages

    rows: list[Mapping[str, Any]] = [
        row
        for row in read_rows(table_path(run.path, "judgements"), "judgements")
        if row["judge"] == run.summary.judge
    ]
    prompts = [each.prompt for each in known]
    images = JudgedImages.of(prompts, rows, 1 + max(int(row["seed"]) for row in rows))

    def count(outcomes: np.ndarray, value: int) -> np.ndarray:
        return np.asarray((outcomes == value).sum(axis=1), dtype=np.float64)

    slots = images.slot_correct
    return JudgedRun(
        known,
        count(images.success, 0),
        count(images.success, 1),
        {slot: count(outcomes, 0) for slot, outcomes in slots.items()},
        {slot: count(outcomes, 1) for slot, outcomes in slots.items()},
    )


def _base_rate(run: Run) -> Interval:
    assert run.summary.success is not None
    right = run.summary.success.overall
    return Interval(1 - right.estimate, 1 - right.upper, 1 - right.lower, right.n)


def _slot_risks(
    slots: Mapping[str, Sequence[tuple[KnownPrompt, Any]]], by_kind: Mapping[str, Foreseen]
) -> dict[str, list[SlotRisk]]:
    """By prompt, the risks of its constituents, the riskiest first."""
    found: dict[str, list[SlotRisk]] = {}
    for kind, those in slots.items():
        for row, (each, part) in enumerate(those):
            risk = SlotRisk(part.slot, kind, part.value, by_kind[kind].interval(row))
            found.setdefault(each.prompt.id, []).append(risk)
    return {
        prompt_id: sorted(own, key=lambda each: (-each.risk.estimate, each.slot))
        for prompt_id, own in found.items()
    }
