"""The card of a judge, from what it says of a run's images and what their labels say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prompts.structure import Prompt
from t2i_audit.analysis.agreement import agreement
from t2i_audit.analysis.correction import corrected_rates
from t2i_audit.analysis.labelled import (
    Image,
    judged_items,
    opinions,
    slot_kinds,
    slots_by_kind,
    whole,
)
from t2i_audit.analysis.raters import rater_agreements
from t2i_audit.analysis.reliability import calibration
from t2i_audit.errors import AuditError
from t2i_audit.labels.label import Label
from t2i_audit.printable import counted
from t2i_audit.results.judge_card import Agreement, JudgeCard


def judge_card(
    rows: Sequence[Mapping[str, Any]],
    prompts: Sequence[Prompt],
    labels: Sequence[Label],
    *,
    source: str,
    judge: str,
    fingerprint: str,
    model: str,
    suite: str,
) -> JudgeCard:
    """The card of a judge.

    Args:
        rows: its rows of the table ``judgements``.
        prompts: of the run.
        labels: of images of the run, by one rater or several.
        source: where the labels came from.
        judge, fingerprint, model, suite: as in the card.

    Raises:
        AuditError: no label is of an image that the judge decided.
    """
    said = opinions(labels)
    items = judged_items(rows, prompts, said)
    own = whole(items)
    labelled = {item.image for item in items if item.truth is not None}
    if not labelled:
        raise AuditError(
            f"none of the {counted(len(said), 'image')} that {source} labels has both a verdict of "
            f"{judge!r} and a label that its raters agree on, so there is nothing to compare"
        )
    kinds = slots_by_kind(items)
    by_kind = {kind: agreement(each) for kind, each in kinds.items()}
    calibrated = {kind: calibration(each) for kind, each in kinds.items()}
    overall = agreement(own)
    return JudgeCard(
        judge=judge,
        fingerprint=fingerprint,
        model=model,
        suite=suite,
        labels=source,
        n_labels=len(labelled),
        n_images=len(own),
        overall=overall,
        by_kind=by_kind,
        calibration=calibration(own),
        calibration_by_kind={kind: each for kind, each in calibrated.items() if each is not None},
        raters=rater_agreements(
            labels, kind_of={prompt.id: slot_kinds(prompt) for prompt in prompts}
        ),
        corrected=corrected_rates(
            items, overall, judge=judge, labels=source, notes=(_uncorrected(overall),)
        ),
        notes=tuple(_notes(said, {item.image for item in own}, labelled, judge)),
    )


def _uncorrected(overall: Agreement) -> str:
    """What is not corrected, and what an association loses to errors that are independent of it.

    Images judged wrong are then a mixture of truly wrong and truly right ones, and so are those
    judged right: with P and N the predictive values, AUROC - 1/2 becomes P + N - 1 times as large.
    """
    sentence = (
        "Only success rates are corrected; causes, associations and repeatability rest on the "
        "judge's verdicts as they are"
    )
    values = overall.right_when_accepted, overall.wrong_when_rejected
    if overall.reason:
        return f"{sentence}."
    factor = values[0].estimate + values[1].estimate - 1
    return (
        f"{sentence}. Errors that have nothing to do with decodability leave {factor:.2f} of an "
        "AUROC's distance from 0.5, and errors that repeat over seeds pass for repeatability. No "
        "corrected AUROC is given, since real errors depend on what a model draws wrong."
    )


def _notes(
    said: Mapping[Image, object], judged: set[Image], labelled: set[Image], judge: str
) -> list[str]:
    """Sentences on labelled images that add nothing."""
    undecided = len(said.keys() - judged)
    divided = len((said.keys() & judged) - labelled)
    notes = []
    if undecided:
        notes.append(
            f"{counted(undecided, 'labelled image')} left out: {judge} has no verdict on them."
        )
    if divided:
        notes.append(
            f"{counted(divided, 'labelled image')} left out: the raters are divided or do not say."
        )
    return notes
