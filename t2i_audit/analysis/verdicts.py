"""What an association over prompts may be said to show: the rule and its sentence."""

from __future__ import annotations

from typing import Literal

from t2i_audit.analysis.repeatability import NEAR_ZERO, Repeatability
from t2i_audit.stats.interval import Interval

AssociationVerdict = Literal[
    "predicts", "between_types", "reversed", "chance", "no_association", "undefined"
]

# Level of the permutation test, two-sided.
SIGNIFICANT = 0.05


def association_verdict(
    auroc: Interval,
    *,
    p_value: float,
    gain_over_presence: Interval,
    repeatability: Repeatability,
) -> tuple[AssociationVerdict, str]:
    """Name what the figures show, and say it in a sentence or two.

    The rule, first match wins:

    - ``predicts``: the AUROC's interval lies above 0.5 and the permutation test within prompt
      types rejects at 0.05. Whether a bag of words predicts as well is said beside it.
    - ``between_types``: the interval lies above 0.5, the test within types does not reject:
      decodability tells hard prompt types from easy ones, no more is shown.
    - ``reversed``: the interval lies below 0.5 and the test rejects.
    - ``chance``: nothing above, and the repeatability's interval reaches down to `NEAR_ZERO`:
      failures do not repeat over seeds, so nothing computed from the prompt could predict them.
      This says nothing on whether decodability matters.
    - ``no_association``: nothing above, though failures repeat over seeds; or there is only one
      seed and the two cannot be told apart, which the sentence then says.
    - ``undefined``: the AUROC is NaN.
    """
    figure = f"AUROC {format_estimate(auroc)}"
    ceiling = repeatability.overall
    near_zero = ceiling.lower <= NEAR_ZERO
    rejects = p_value <= SIGNIFICANT
    if auroc.estimate != auroc.estimate:
        return "undefined", "Association is undefined."
    if auroc.lower > 0.5 and rejects:
        text = f"Low decodability goes with failure ({figure}, p = {p_value:.3g})"
        if gain_over_presence.n and not gain_over_presence.lower > 0:
            text += ", but a bag of words predicts failure no worse"
        if near_zero:
            text += f"; yet failures hardly repeat over seeds (ICC {format_estimate(ceiling)})"
        return "predicts", text + "."
    if auroc.lower > 0.5:
        return "between_types", (
            f"Low decodability goes with failure over prompt types ({figure}), but within a type "
            f"no association is shown (p = {p_value:.3g})."
        )
    if auroc.upper < 0.5 and rejects:
        return "reversed", (
            f"Failure goes with high decodability ({figure}, p = {p_value:.3g}): what the probe "
            "reads is not what these failures lack."
        )
    if near_zero:
        text = (
            f"Failures do not repeat over seeds beyond chance (ICC {format_estimate(ceiling)}), so "
            f"nothing computed from the prompt can be shown to predict them ({figure}); this does "
            "not say that decodability does not matter."
        )
        if ceiling.upper > 0.5:
            text += " The interval is wide: more prompts or seeds would tell."
        return "chance", text
    text = f"Decodability is not shown to go with failure ({figure}, p = {p_value:.3g})"
    if ceiling.lower != ceiling.lower:
        why = f" ({repeatability.reason})" if repeatability.reason else ""
        return "no_association", (
            f"{text}; whether failures repeat over seeds is unknown{why}, so chance is not "
            "told apart from no association."
        )
    return (
        "no_association",
        f"{text}, though failures repeat over seeds (ICC {format_estimate(ceiling)}).",
    )


def format_estimate(interval: Interval) -> str:
    """``0.71 [0.65, 0.77]``, or ``undefined``."""
    if interval.estimate != interval.estimate:
        return "undefined"
    return f"{interval.estimate:.2f} [{interval.lower:.2f}, {interval.upper:.2f}]"
