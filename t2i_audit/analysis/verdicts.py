"""What an association over prompts may be said to show: the rule and its sentence.

The rule, first match wins. Two tests must agree: the permutation of compositions within prompt
types (`p_value`), and the test in which prompts that share a pair of values may be alike
(`p_pairs`). Both reject at 0.05.

- ``undefined``: the AUROC is NaN.
- ``underpowered``: fewer than `FEWEST` compositions fail, or fewer succeed.
- ``predicts``: the AUROC's interval lies above 0.5, and both tests reject. On how many pairs and
  values it rests, and whether the words alone predict as well, is said beside it.
- ``reversed``: the interval lies below 0.5, and both tests reject.
- ``few_pairs``: the interval leaves out 0.5 and the permutation rejects, but the test over pairs
  does not: a few pairs that the prompts share may have met by chance.
- ``between_types``: there are several prompt types, the interval lies above 0.5, and the
  permutation within types does not reject: decodability separates hard prompt types from easy
  ones, no more is shown.
- ``chance``: nothing above, and the repeatability's interval lies below `HARDLY`: failures hardly
  repeat over seeds, so nothing computed from the prompt could predict them. This says nothing on
  whether decodability matters.
- ``underpowered``: nothing above, and an AUROC of `WORTH_FINDING` would not have been found with a
  probability of 80%.
- ``no_association``: nothing above, though it would have been found.
"""

from __future__ import annotations

import math

from t2i_audit.printable import listed
from t2i_audit.results.association import Association, AssociationVerdict, Support
from t2i_audit.results.interval import Interval
from t2i_audit.results.success import Repeatability

# Level of both tests, two-sided.
SIGNIFICANT = 0.05
# Compositions that fail, and that succeed, below which no association is claimed or denied: from
# fewer, a test may reject, and the next seed may undo it.
FEWEST = 5
# An intraclass correlation of which the whole interval lies below this is hardly any: if failure
# rates of prompts are beta-distributed, no predictor's AUROC is then above 0.68.
HARDLY = 0.1
MOST_NAMED = 4  # kinds of values in a sentence
# A run that would probably miss this AUROC shows nothing by finding none.
WORTH_FINDING = 0.65


def association_verdict(
    found: Association, *, repeatability: Repeatability, n_types: int, fewest_failing: int
) -> tuple[AssociationVerdict, str]:
    """The verdict by the rule above, and what the figures show in a sentence or two.

    Args:
        found: every figure; its verdict and sentence do not count.
        repeatability: of the same images.
        n_types: prompt types among the prompts.
        fewest_failing: the smaller of the numbers of compositions that fail and that succeed.
    """
    area = found.auroc
    if not area.is_defined:
        return "undefined", "Association is undefined."
    if fewest_failing < FEWEST:
        return "underpowered", _too_few_sentence(found, fewest_failing)
    permuted = found.p_value <= SIGNIFICANT
    # Without pairs that are known, the permutation alone decides.
    rejects = permuted and not found.p_pairs > SIGNIFICANT
    if area.lower > 0.5 and rejects:
        return "predicts", _predicts_sentence(found, repeatability.overall)
    if area.upper < 0.5 and rejects:
        return "reversed", (
            f"Failure goes with high decodability ({_figure(found)}): what the probe reads is not "
            f"what these failures lack.{_base(found)}"
        )
    if permuted and (area.lower > 0.5 or area.upper < 0.5):
        direction = "low" if area.lower > 0.5 else "high"
        return "few_pairs", (
            f"In these prompts failure goes with {direction} decodability (AUROC {area}, p = "
            f"{found.p_value:.2g}), but they share {_counted(found)}, and over pairs the "
            f"association is not shown (p = {found.p_pairs:.2g})."
        )
    if area.lower > 0.5 and n_types > 1:
        return "between_types", (
            f"Low decodability goes with failure over prompt types (AUROC {area}), but within a "
            f"type no association is shown (p = {_larger_p(found):.2g})."
        )
    ceiling = repeatability.overall
    if ceiling.upper <= HARDLY:
        return "chance", (
            f"Failures hardly repeat over seeds (ICC {ceiling}), so nothing computed from the "
            f"prompt can predict them well (no AUROC above {found.ceiling.upper:.2f}; found "
            f"{area}); this does not say that decodability does not matter."
        )
    return _nothing_found(found, repeatability)


def _figure(found: Association) -> str:
    return f"AUROC {found.auroc}, p = {_larger_p(found):.2g}"


def _larger_p(found: Association) -> float:
    known = [p for p in (found.p_value, found.p_pairs) if not math.isnan(p)]
    return max(known, default=math.nan)


def _predicts_sentence(found: Association, ceiling: Interval) -> str:
    text = f"Low decodability goes with failure ({_figure(found)})"
    gain = found.gain_over_presence
    if gain.n and not gain.lower > 0:
        text += ", but a bag of words predicts failure no worse"
    if ceiling.upper <= HARDLY:
        text += f"; yet failures hardly repeat over seeds (ICC {ceiling})"
    return f"{text}.{_base(found)}"


def _base(found: Association) -> str:
    """What the association rests on, as a sentence after a space."""
    if not found.n_values:
        return ""
    if found.rests_on is not None:
        return f" {_rests_on(found.rests_on)}"
    within = found.p_within_values
    if within > SIGNIFICANT:
        return (
            f" It rests on differences between values ({_kinds(found)}): among prompts that "
            f"name the same ones it is not shown (p = {within:.2g})."
        )
    also = "" if math.isnan(within) else ", and also among prompts that name the same values"
    return f" It is found over {_counted(found)}{also}."


def _rests_on(base: Support) -> str:
    named = listed(base.values)
    return (
        f"It rests on {len(base.values)} of {base.of} values of {base.kind} ({named}): without "
        f"their prompts the AUROC is {base.without}, and with {base.of} values such an agreement "
        f"arises by chance with p = {base.p_value:.2g}. Of other values it says nothing."
    )


def _counted(found: Association) -> str:
    return f"{found.n_pairs} pairs of values ({_kinds(found)})"


def _kinds(found: Association) -> str:
    if len(found.n_values) > MOST_NAMED:
        return f"{sum(found.n_values.values())} of {len(found.n_values)} kinds"
    return listed([f"{count} of {kind}" for kind, count in found.n_values.items()])


def _too_few_sentence(found: Association, fewest: int) -> str:
    images = "1 composition has" if fewest == 1 else f"{fewest} compositions have"
    return (
        f"No association can be shown or denied: only {images} images of the rarer outcome, right "
        f"or wrong, and {FEWEST} are needed (AUROC {found.auroc})."
    )


def _nothing_found(
    found: Association, repeatability: Repeatability
) -> tuple[AssociationVerdict, str]:
    text = f"Decodability is not shown to go with failure ({_figure(found)})"
    smallest, ceiling = found.smallest_detectable, repeatability.overall
    if not smallest <= WORTH_FINDING:
        could = "nothing" if math.isnan(smallest) else f"only an AUROC of {smallest:.2f} or more"
        return "underpowered", (
            f"{text}, but these data would have shown {could} with a probability of 80%."
        )
    text += f"; one of {smallest:.2f} would have been found with a probability of 80%"
    if ceiling.is_defined:
        return "no_association", f"{text}. Failures repeat over seeds with ICC {ceiling}."
    why = f" ({repeatability.reason.rstrip('.')})" if repeatability.reason else ""
    return "no_association", (
        f"{text}. Whether failures repeat over seeds is unknown{why}, so chance is not told apart "
        "from no association."
    )
