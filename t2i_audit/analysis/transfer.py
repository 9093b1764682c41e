"""A judge's errors on one run applied to another."""

from __future__ import annotations

from collections.abc import Sequence

from t2i_audit.analysis.correction import judged_rate
from t2i_audit.analysis.labelled import Item, slots_of, whole
from t2i_audit.analysis.rogan_gladen import rogan_gladen
from t2i_audit.errors import AuditError
from t2i_audit.results.corrected import Corrected, CorrectedRate
from t2i_audit.results.interval import undefined
from t2i_audit.results.judge_card import Agreement, JudgeCard


def corrected_by_card(
    card: JudgeCard,
    items: Sequence[Item],
    *,
    source: str,
    model: str,
    suite: str,
    fingerprint: str,
) -> JudgeCard:
    """The card of another run with the success of this one, corrected by that run's errors.

    Args:
        card: of the other run, from labels of its own.
        items: what the judge decided of this run.
        source: what the user gave in place of labels.
        model, suite, fingerprint: of this run.

    Raises:
        AuditError: the card itself rests on labels of yet another run.
    """
    if card.corrected.method != "two_phase":
        raise AuditError(
            f"the card in {source} was itself taken from another run; name the run whose images "
            "were labelled"
        )
    prompts = whole(items)
    notes = [
        f"The judge's errors are those on {card.model}, {card.suite} ({card.n_labels:,} labels), "
        "and errors do not travel: they depend on what a model draws wrong. Label images of this "
        "run to know its rate."
    ]
    if card.fingerprint != fingerprint:
        notes.append(
            f"The runs' judges share the name {card.judge!r} but not the same files or settings."
        )
    kinds = card.by_kind
    corrected = Corrected(
        judge=card.judge,
        labels=source,
        method="rogan_gladen",
        n_labels=0,
        n_images=len(prompts),
        sensitivity=card.overall.sensitivity,
        specificity=card.overall.specificity,
        overall=_rate(prompts, card.overall),
        by_slot={
            slot: _rate(own, kinds[own[0].asks])
            for slot, own in slots_of(items).items()
            if own[0].asks in kinds
        },
        notes=tuple(notes),
    )
    return JudgeCard(
        judge=card.judge,
        fingerprint=card.fingerprint,
        model=model,
        suite=suite,
        labels=source,
        n_labels=0,
        n_images=len(prompts),
        overall=card.overall,
        by_kind=kinds,
        calibration=card.calibration,
        calibration_by_kind=card.calibration_by_kind,
        raters=card.raters,
        corrected=corrected,
        notes=tuple(notes),
    )


def _rate(items: Sequence[Item], errors: Agreement) -> CorrectedRate:
    judged = judged_rate(items)
    found = rogan_gladen(judged, errors.sensitivity, errors.specificity)
    if isinstance(found, str):
        n = errors.sensitivity.n + errors.specificity.n
        return CorrectedRate(undefined(n), undefined(), judged, found)
    return CorrectedRate(found, undefined(), judged)
