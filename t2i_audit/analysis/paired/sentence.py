"""Whether the candidate is better than its base, and the sentences that say so.

The rule, with ``[lower, upper]`` the 95% interval of the difference of success:

- ``better``: lower > 0.
- ``worse``: upper < 0.
- ``not told apart``: otherwise, and where there is no interval.

A slot is named where Holm's correction over all slots, types and splits leaves p <= 0.05, and so is
a type or a split, unless all of them changed alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from t2i_audit.printable import listed
from t2i_audit.results.comparison import Outcome, PairedRate
from t2i_audit.results.interval import Interval

Kind = Literal["slot", "type", "split"]

MOST_NAMED = 6  # slots, types and splits in a sentence


def outcome_of(difference: Interval) -> Outcome:
    """The outcome by the rule above."""
    if difference.lower > 0:
        return "better"
    return "worse" if difference.upper < 0 else "not told apart"


def sentence_of(
    overall: PairedRate,
    parts: Mapping[Kind, Mapping[str, PairedRate]],
    *,
    same_audit: bool = False,
) -> str:
    """The outcome in words.

    Args:
        overall: of all images.
        parts: each slot, type and split, corrected over all of them.
        same_audit: whether both runs are one audit.
    """
    difference = overall.difference
    if same_audit and difference.estimate == 0:
        return (
            "Both are the same audit, so there is no difference to find; compare runs of two "
            "models, or of one model with different seeds."
        )
    rates = (
        f"{percent(overall.candidate.estimate)} of its images are right and "
        f"{percent(overall.base.estimate)} of the base's"
    )
    figure = f"a difference of {points(difference)} points"
    outcome = outcome_of(difference)
    if outcome != "not told apart":
        text = f"The candidate is {outcome} than its base: {rates}, {figure}."
    else:
        text = (
            f"The candidate is not told apart from its base: {rates}, {figure}{_bounds(difference)}"
        )
    return " ".join([text, *_named(parts)])


def percent(share: float) -> str:
    """E.g. ``94.6%``."""
    return f"{100 * share:.1f}%"


def points(difference: Interval) -> str:
    """A difference of shares in percentage points, e.g. ``-3.1 [-5.0, -1.2]``."""
    middle = _signed(difference.estimate)
    if math.isnan(difference.lower) or math.isnan(difference.upper):
        return middle
    return f"{middle} [{_signed(difference.lower)}, {_signed(difference.upper)}]"


def _signed(share: float) -> str:
    # Rounded first, so that no zero has a minus sign.
    return f"{round(100 * share, 1) + 0.0:+.1f}"


def _bounds(difference: Interval) -> str:
    if math.isnan(difference.lower) or math.isnan(difference.upper):
        return ", which has no interval."
    up, down = percent(max(difference.upper, 0)), percent(max(-difference.lower, 0))
    if up == down:
        return f"; if there is a difference, it is of no more than {up[:-1]} points."
    return f"; if it is better, then by no more than {up[:-1]} points, and if worse by {down[:-1]}."


def _named(parts: Mapping[Kind, Mapping[str, PairedRate]]) -> list[str]:
    """A sentence each on the parts in which the candidate is surely worse and surely better."""
    sentences = []
    for word, sign in (("worse", -1), ("better", 1)):
        names = []
        for kind, rates in parts.items():
            sure = {
                name: rate.difference
                for name, rate in rates.items()
                if rate.is_sure and sign * rate.difference.estimate > 0
            }
            if kind != "slot" and len(sure) == len(rates):
                continue
            largest = sorted(sure, key=lambda name: (-abs(sure[name].estimate), name))
            before = "" if kind == "slot" else f"{kind} "
            names += [f"{before}{name} ({points(sure[name])})" for name in largest]
        if len(names) > MOST_NAMED:
            names[MOST_NAMED:] = [f"{len(names) - MOST_NAMED} more"]
        if names:
            sentences.append(f"It is {word} in {listed(names)}.")
    return sentences
