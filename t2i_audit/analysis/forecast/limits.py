"""When nothing can be forecast, and what forecasts should not be read without."""

from __future__ import annotations

import math

from t2i_audit.analysis.forecast.foresee import Foreseen
from t2i_audit.analysis.forecast.outside import NO_CONSTITUENTS
from t2i_audit.results.forecast import PromptForecast, Trust
from t2i_audit.results.success import Repeatability

# With fewer contents that fail, or that succeed, nothing can be told of the others.
FEWEST = 3


def why_not(whole: Foreseen, trust: Trust, repeats: Repeatability | None) -> str:
    """Why no prompt can be forecast; empty where forecasts tell wrong from right images.

    Args:
        whole: the forecasts of whole prompts.
        trust: their figures.
        repeats: of the run, which says whether there is anything to foresee.
    """
    outcomes = whole.outcomes
    if whole.risks is None:
        return f"every judged image is {'wrong' if outcomes.wrong.any() else 'right'}"
    if outcomes.smaller < FEWEST:
        what = "wrong" if outcomes.wrong.sum() < outcomes.right.sum() else "right"
        return (
            f"the images of fewer than {FEWEST} compositions that can be left out are {what}, "
            "from which nothing can be told of the others"
        )
    if math.isnan(trust.auroc.lower):
        return "how well failures are foreseen has no interval on so few compositions"
    # The jackknife of left-out forecasts does not know that their models share prompts (Bengio and
    # Grandvalet 2004). Of 20 draws of pure chance 3 pass by the AUROC alone, and none by the Brier
    # score as well.
    faults = []
    if not trust.auroc.lower > 0.5:
        faults.append(
            "it is not shown that failures of compositions that were left out are told from "
            f"successes (AUROC {trust.auroc})"
        )
    elif not trust.gain.lower > 0:
        faults.append(
            "it is not shown that forecasts of compositions that were left out are nearer to the "
            f"outcomes than the overall rate is (Brier score smaller by {trust.gain})"
        )
    if repeats is None or not repeats.overall.is_defined:
        return "; ".join([*faults, "whether failures repeat is not known either"] if faults else [])
    if not repeats.overall.lower > 0:
        faults.append(f"it is not sure that failures repeat over seeds (ICC {repeats.overall})")
    elif faults:
        faults.append(
            f"failures do repeat over seeds (ICC {repeats.overall}), but nothing that is known of "
            "a prompt's text is shown to go with them"
        )
    return "; ".join(faults)


def notes_on(
    prompts: tuple[PromptForecast, ...],
    trust: Trust,
    *,
    known: int,
    structured: bool,
    judge: str,
    judges_slots: bool,
) -> tuple[str, ...]:
    """Sentences that the forecasts of `prompts` should not be read without.

    Args:
        prompts: the new prompts.
        trust: how forecasts do on the run.
        known: how many of the new prompts are in the run.
        structured: whether the run's prompts name constituents.
        judge: its name.
        judges_slots: whether it judges constituents.
    """
    notes, count = [], len(prompts)
    if known:
        notes.append(f"{known} of {count} prompts are in the run, whose own images say more.")
    bare = sum(NO_CONSTITUENTS in each.outside for each in prompts)
    if bare and structured:
        notes.append(
            f"{bare} of {count} prompts name no constituents and get the overall rate; see "
            "`t2i-audit prompts import` for how prompts get structure."
        )
    if trust.n_types > 1 and not trust.auroc_within_types.lower > 0.5:
        notes.append(
            "Among prompts of one type wrong images are not told from right ones; the forecasts "
            "tell types apart."
        )
    if not judges_slots:
        notes.append(f"{judge} judges no constituents, so it is not forecast which one fails.")
    return tuple(notes)
