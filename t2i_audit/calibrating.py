"""A judge of a finished run measured against labels, and the run's success corrected for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from t2i_audit import storage
from t2i_audit.analysis.judge_card import judge_card
from t2i_audit.analysis.labelled import Image, Item, judged_items, opinions, slot_kinds, whole
from t2i_audit.analysis.labels_needed import draw_images, label_plan
from t2i_audit.analysis.measure import as_key
from t2i_audit.analysis.raters import rater_agreements
from t2i_audit.analysis.transfer import corrected_by_card
from t2i_audit.errors import AuditError, JudgeError, RunDirectoryError
from t2i_audit.labels.label import ImageKey, Label
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.results.judge_card import CARDS, JudgeCard, Raters, read_cards, write_card
from t2i_audit.results.label_plan import LabelPlan
from t2i_audit.results.run import Run, load_run
from t2i_audit.results.summary import write_summary
from t2i_audit.run.directory import SUMMARY, open_run
from t2i_audit.run.tables import read_rows, table_path
from t2i_audit.settings import CalibrateSettings

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.judges.base import Judge

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class CalibrationPlan:
    """A judge of a run, and where the labels come from; exactly one of the sources is there."""

    settings: CalibrateSettings
    run: Run
    judge: str
    """The judge that is calibrated."""
    rows: Rows
    """Its rows of the table ``judgements``."""
    prompts: tuple[Prompt, ...]
    labels: tuple[Label, ...] | None = None
    """Labels that are there."""
    labeller: Judge | None = None
    """A judge that is still to label images."""
    card: JudgeCard | None = None
    """The judge's card of another run."""
    notes: tuple[str, ...] = ()
    """What was left out of a file of labels."""

    @property
    def source(self) -> str:
        """Where the labels come from, as the user wrote it."""
        return self.settings.labels or ""

    @property
    def fingerprint(self) -> str:
        """Of what the judge's verdicts depend on."""
        return as_key(self.run.manifest.settings.get("judge"))

    @property
    def items(self) -> list[Item]:
        """The images that the judge decided, without labels."""
        return whole(judged_items(self.rows, self.prompts, {}))


def plan_calibration(settings: CalibrateSettings) -> CalibrationPlan:
    """Read the run and its labels, or load the judge that labels; nothing is written.

    Args:
        settings: the run and the labels.

    Raises:
        RunDirectoryError: there is no finished run with images.
        AuditError: the run has no such judge, or the labels cannot be used.
    """
    from t2i_audit.results.run_prompts import prompts_of
    from t2i_audit.stages.labelling import labels_from_rows

    assert settings.run is not None
    run = load_run(settings.run)
    if not run.summary.n_images:
        raise RunDirectoryError(f"{run.path} made no images, so no judge can be calibrated on it")
    table = read_rows(table_path(run.path, "judgements"), "judgements")
    judge = settings.judge or run.summary.judge or ""
    by_judge: dict[str, list[dict[str, Any]]] = {}
    for row in table:
        by_judge.setdefault(str(row["judge"]), []).append(row)
    if judge not in by_judge:
        raise JudgeError(f"{run.path} has no verdicts of {judge!r}; it has {', '.join(by_judge)}")
    plan = CalibrationPlan(settings, run, judge, by_judge[judge], prompts_of(run.path))
    if not plan.items:
        raise JudgeError(f"{judge!r} decided none of the images in {run.path}")
    source = settings.labels
    if source is None:
        return plan
    if source == judge:
        raise JudgeError(
            f"{judge!r} cannot be calibrated on its own verdicts; give the labels of others, or "
            "name another judge of the run with --judge"
        )
    if source in by_judge:
        return replace(plan, labels=tuple(labels_from_rows(by_judge[source])))
    place = storage.local_folder(source) if _is_store(source) else Path(source)
    if _is_card(place):
        return replace(plan, card=_card_of(place, judge))
    if _is_store(source):
        raise AuditError(
            f"{storage.masked(source)} is no calibrated run; give a file of labels by a path on "
            "this machine"
        )
    return _with_source(plan, source)


def execute_calibration(plan: CalibrationPlan, reporter: Reporter = SILENT) -> JudgeCard:
    """Label what is still to be labelled, and write the judge's card and the corrected rates.

    The card is ``judge_card.json`` in the run directory. The rates are written into the summary,
    too, if the judge is the one that the summary is about.

    Args:
        plan: from `plan_calibration`, with labels.
        reporter: receives the progress.

    Returns:
        The card.
    """
    from t2i_audit.stages.page import leave_page

    if plan.card is None:
        card = _card_from_labels(plan, reporter)
    else:
        card = corrected_by_card(
            plan.card,
            judged_items(plan.rows, plan.prompts, {}),
            source=plan.source,
            model=plan.run.summary.model,
            suite=plan.run.summary.suite,
            fingerprint=plan.fingerprint,
        )
    _write(plan, card)
    if plan.settings.report:
        leave_page(load_run(plan.run.path), reporter, anew=True)
    return card


def labels_to_make(plan: CalibrationPlan, reporter: Reporter = SILENT) -> LabelPlan:
    """How many labels the corrected rate of a run needs, and of which images; nothing is written.

    Where labels are there, the judge's errors are measured on them, and assumed otherwise.
    """
    measured = None
    if plan.labels is not None or plan.labeller is not None:
        card = _card_from_labels(plan, reporter)
        rates = card.overall.sensitivity, card.overall.specificity, card.corrected.overall.rate
        if all(rate.is_defined for rate in rates):
            measured = rates[0].estimate, rates[1].estimate, rates[2].estimate
    half_width = plan.settings.points / 100
    return label_plan(plan.items, judge=plan.judge, half_width=half_width, measured=measured)


def compare_raters(settings: CalibrateSettings) -> Raters:
    """How the raters of a file of labels agree with each other; nothing is written.

    Args:
        settings: the labels, and the suite that they are about.

    Raises:
        SuiteFormatError: there is no such suite.
        LabelError: the labels cannot be used, or none is of a prompt of the suite.
        AuditError: no two raters have rated the same.
    """
    from prompts.suite import load_suite
    from t2i_audit.labels.match import match
    from t2i_audit.labels.read import open_labels

    assert settings.suite is not None and settings.labels is not None
    suite, file = load_suite(settings.suite), open_labels(settings.labels)
    # Without a run, the images are those that the file speaks of.
    seeds = sorted({row.seed or 0 for row in file.rows})
    images = [ImageKey(prompt.id, seed) for prompt in suite.prompts for seed in seeds]
    read = match(file, suite.prompts, images)
    kinds = {prompt.id: slot_kinds(prompt) for prompt in suite.prompts}
    agreement = rater_agreements(read.labels, kind_of=kinds)
    if not agreement:
        raise AuditError(
            f"no two raters of {settings.labels} have rated the same image, so there is nothing to "
            "compare"
        )
    return Raters(
        labels=settings.labels,
        suite=suite.name,
        n_images=len({(label.prompt_id, label.seed) for label in read.labels}),
        n_labels=len(read.labels),
        agreement=agreement,
        notes=(f"{read.rule[:1].upper()}{read.rule[1:]}.", *read.notes),
    )


def _card_from_labels(plan: CalibrationPlan, reporter: Reporter) -> JudgeCard:
    card = judge_card(
        plan.rows,
        plan.prompts,
        _labels(plan, reporter),
        source=plan.source,
        judge=plan.judge,
        fingerprint=plan.fingerprint,
        model=plan.run.summary.model,
        suite=plan.run.summary.suite,
    )
    return replace(card, notes=(*plan.notes, *card.notes))


def _labels(plan: CalibrationPlan, reporter: Reporter) -> list[Label]:
    """The labels of a plan: those that are there, or those that its judge gives, drawn if asked."""
    from t2i_audit.stages.labelling import labels_by

    row_of = {(str(row["prompt_id"]), int(row["seed"])): row for row in plan.rows}
    known: dict[Image, list[Label]] = {}
    for label in plan.labels or ():
        known.setdefault((label.prompt_id, label.seed), []).append(label)

    def add_labels(images: Sequence[Image]) -> None:
        new = [row_of[image] for image in images if image not in known]
        if plan.labeller is not None and new:
            for each in labels_by(plan.labeller, plan.run.path, new, plan.prompts, reporter):
                known.setdefault((each.prompt_id, each.seed), []).append(each)

    def truth_of(images: Sequence[Image]) -> dict[Image, bool | None]:
        add_labels(images)
        said = opinions(each for image in images for each in known.get(image, ()))
        return {image: opinion.correct for image, opinion in said.items()}

    if plan.settings.n_labels is None:
        add_labels([item.image for item in plan.items])
        return [each for own in known.values() for each in own]
    rng = np.random.default_rng(plan.settings.seed)
    drawn = draw_images(plan.items, plan.settings.n_labels, truth_of, rng=rng)
    add_labels(list(drawn))
    return [
        replace(each, weight=weight)
        for image, weight in drawn.items()
        for each in known.get(image, ())
    ]


def _with_source(plan: CalibrationPlan, source: str) -> CalibrationPlan:
    """The plan with the judge that `source` names, or with the labels in the file."""
    from t2i_audit.judges.load import KINDS, load_judge
    from t2i_audit.judges.scope import require_scope, scope_lines
    from t2i_audit.models.devices import choose_device

    kind, colon, path = source.partition(":")
    # What people say is read as labels and not run as a judge.
    source = path if kind == "human" and colon else source
    if source.partition(":")[0] in KINDS and not Path(source).exists():
        labeller = load_judge(source, device=choose_device(plan.settings.device).type)
        scope, prompts = labeller.scope(plan.prompts), plan.prompts
        require_scope(labeller, scope, prompts)
        notes = tuple(f"{line}." for line in scope_lines(labeller, scope, len(prompts)))
        return replace(plan, labeller=labeller, notes=notes)
    if not colon and not Path(source).exists():
        raise AuditError(
            f"{source!r} is no file of labels, no calibrated run and no judge; judges are "
            f"{', '.join(KINDS)}"
        )
    if plan.settings.n_labels is not None:
        raise AuditError(
            "--n-labels draws the images that a judge labels; a file has the labels it has"
        )
    from t2i_audit.labels.read import image_keys, read_labels

    read = read_labels(source, plan.prompts, image_keys(plan.rows))
    return replace(plan, labels=read.labels, notes=read.notes)


def _is_store(source: str) -> bool:
    from t2i_audit.judges.load import KINDS

    kind, colon, _ = source.partition("://")
    return bool(colon) and kind.partition(":")[0] not in KINDS


def _is_card(path: Path) -> bool:
    return path.name == CARDS or (path / "manifest.json").is_file()


def _card_of(path: Path, judge: str) -> JudgeCard:
    """The card of `judge` in another run, or in its file."""
    file = path if path.name == CARDS else path / CARDS
    if not file.is_file():
        raise RunDirectoryError(f"{file} is missing; calibrate that run first, with labels of it")
    cards = {card.judge: card for card in read_cards(file)}
    if judge not in cards:
        raise JudgeError(f"{file} has no card of {judge!r}; it has {', '.join(cards)}")
    return cards[judge]


def _write(plan: CalibrationPlan, card: JudgeCard) -> None:
    run, manifest = plan.run, plan.run.manifest
    stages = tuple(manifest.stages)
    with open_run(
        run.path, manifest.settings, stages=stages, versions=manifest.versions
    ) as directory:
        write_card(run.path, card)
        if card.judge == run.summary.judge:
            write_summary(run.path / SUMMARY, replace(run.summary, corrected=card.corrected))
            directory.seal_again(run.path / SUMMARY)
