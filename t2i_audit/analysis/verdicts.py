"""What an association over prompts may be said to show: the rule and its sentence.

The rule, first match wins:

- ``predicts``: the AUROC's interval lies above 0.5 and the permutation test within prompt types
  rejects at 0.05. Whether the words alone predict as well is said beside it.
- ``between_types``: the interval lies above 0.5, the test within types does not reject:
  decodability separates hard prompt types from easy ones, no more is shown.
- ``reversed``: the interval lies below 0.5 and the test rejects.
- ``chance``: nothing above, and the repeatability's interval reaches down to `NEAR_ZERO`: failures
  do not repeat over seeds, so nothing computed from the prompt could predict them. This says
  nothing on whether decodability matters.
- ``no_association``: nothing above, though failures repeat over seeds; or there is only one seed
  and the two cannot be separated, which the sentence then says.
- ``undefined``: the AUROC is NaN.
"""

from __future__ import annotations

from t2i_audit.analysis.repeatability import NEAR_ZERO
from t2i_audit.results.association import AssociationVerdict
from t2i_audit.results.interval import Interval
from t2i_audit.results.success import Repeatability

# Level of the permutation test, two-sided.
SIGNIFICANT = 0.05


def association_verdict(
    auroc: Interval,
    *,
    p_value: float,
    gain_over_presence: Interval,
    repeatability: Repeatability,
) -> tuple[AssociationVerdict, str]:
    """The verdict by the rule above, and what the figures show in a sentence or two."""
    figure = f"AUROC {auroc}"
    ceiling = repeatability.overall
    near_zero = ceiling.lower <= NEAR_ZERO
    rejects = p_value <= SIGNIFICANT
    if not auroc.is_defined:
        return "undefined", "Association is undefined."
    if auroc.lower > 0.5 and rejects:
        text = f"Low decodability goes with failure ({figure}, p = {p_value:.3g})"
        if gain_over_presence.n and not gain_over_presence.lower > 0:
            text += ", but a bag of words predicts failure no worse"
        if near_zero:
            text += f"; yet failures hardly repeat over seeds (ICC {ceiling})"
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
        return "chance", _chance_sentence(figure, ceiling)
    return "no_association", _no_association_sentence(figure, p_value, repeatability)


def _chance_sentence(figure: str, ceiling: Interval) -> str:
    text = (
        f"Failures do not repeat over seeds beyond chance (ICC {ceiling}), so "
        f"nothing computed from the prompt can be shown to predict them ({figure}); this does "
        "not say that decodability does not matter."
    )
    wide = ceiling.upper > 0.5
    return text + (" The interval is wide: more prompts or seeds would tell." if wide else "")


def _no_association_sentence(figure: str, p_value: float, repeatability: Repeatability) -> str:
    text = f"Decodability is not shown to go with failure ({figure}, p = {p_value:.3g})"
    ceiling = repeatability.overall
    if ceiling.lower != ceiling.lower:
        why = f" ({repeatability.reason})" if repeatability.reason else ""
        return (
            f"{text}; whether failures repeat over seeds is unknown{why}, so chance is not "
            "told apart from no association."
        )
    return f"{text}, though failures repeat over seeds (ICC {ceiling})."
