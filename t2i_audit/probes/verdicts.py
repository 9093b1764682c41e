"""The verdict on a slot at one station.

It rests on the balanced accuracy for which layer and position were chosen inside the training
folds, on its interval, and on that of its gain over the same architecture with random weights. The
first rule that fits decides:

- ``undefined``: the slot was not read, or the suite is too small for it.
- ``lost``: the whole interval lies below the threshold ``(1 + guess) / 2``, half way from what can
  be guessed from the words alone to certainty.
- ``unclear``: the interval contains the threshold.
- ``undefined``: the control was run and could not be read.
- ``saturated``: decodable, and the gain's whole interval lies within 0.05 of zero. The same
  architecture with random weights does as well, so that nothing is said about training.
- ``kept``: decodable, and the gain's interval lies above zero, or no such control was run.
- ``below random weights``: decodable, and the gain's interval lies below zero.
- ``unclear``: anything else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prompts.structure import Prompt
from t2i_audit.results.decoding import Verdict
from t2i_audit.results.interval import Interval

# From the words alone a probe knows which two values occur and guesses between them, hence one
# half. Above that it knows the answer itself (a prompt's only colour), and no gain over it can be
# asked for.
PRESENCE_CAP = 0.5
# Gains this near to zero are none: two tests of equivalence with one interval.
EQUIVALENT = 0.05

SAME_VALUE = "it has the same value in every prompt"
NO_PLACE = "there is no place where it may be read"
NO_STATE = "no state of it could be read"
TOO_FEW = "too few prompts have it, or too few of different compositions"
NO_CONTROL = "it could not be read with random weights"
AT_THRESHOLD = "its interval reaches across the threshold"
AT_ZERO = "its gain over random weights may be anything around zero"


def threshold_of(prompts: Sequence[Prompt], slot: str) -> float:
    """The accuracy from which `slot` counts as decodable: ``(1 + min(guess, 0.5)) / 2``.

    The guess is what knowing all words and nothing of their order gives: one over the number of
    different values of the slot's kind in the prompt, as a mean over prompts of one value of the
    slot, and then over values. It is computed and not fitted, so that it does not depend on the
    number of prompts.

    >>> from prompts.suite import load_suite
    >>> threshold_of(load_suite("world-relations").prompts, "object_1.colour")
    0.75
    """
    guesses: dict[str, list[float]] = {}
    for prompt in prompts:
        own = prompt.constituent(slot)
        if own is not None:
            values = {part.value for part in prompt.constituents if part.kind == own.kind}
            guesses.setdefault(own.value, []).append(1 / len(values))
    means = [np.mean(each) for each in guesses.values()]
    guess = float(np.mean(means)) if means else PRESENCE_CAP
    return (1 + min(guess, PRESENCE_CAP)) / 2


PRESENCE_THRESHOLD = (1 + PRESENCE_CAP) / 2
"""Of presence, which is there or not."""


def verdict_of(
    own: Interval,
    gain: Interval,
    *,
    threshold: float,
    controlled: bool = False,
    unread: str = TOO_FEW,
) -> tuple[Verdict, str]:
    """The verdict by the rules above, and why it is undefined or unclear if it is.

    Args:
        own: the slot's balanced accuracy.
        gain: `own` less the accuracy with random weights.
        threshold: from which the slot counts as decodable.
        controlled: whether the control with random weights was run.
        unread: the reason to give where `own` is undefined.
    """
    if not own.is_defined:
        return "undefined", unread
    if own.upper < threshold:
        return "lost", ""
    # An end that could not be computed decides nothing.
    if not own.lower >= threshold:
        return "unclear", f"{AT_THRESHOLD} of {threshold:.2f}"
    if not controlled:
        return "kept", ""
    if not gain.is_defined:
        return "undefined", NO_CONTROL
    if gain.lower >= -EQUIVALENT and gain.upper <= EQUIVALENT:
        return "saturated", ""
    if gain.lower > 0:
        return "kept", ""
    if gain.upper < 0:
        return "below random weights", ""
    return "unclear", AT_ZERO


def with_images(
    verdict: Verdict, reason: str, *, threshold: float, success: Interval
) -> tuple[Verdict, str]:
    """The verdict once images are known: what is drawn right cannot have been lost.

    Args:
        verdict: from `verdict_of`.
        reason: from `verdict_of`.
        threshold: as there.
        success: the share of images in which a judge finds the slot right.
    """
    if verdict == "lost" and success.lower > threshold:
        share = f"{success.estimate:.0%}" if success.estimate < 0.995 else "nearly all"
        return "unclear", f"the probe is too weak: images show it right in {share}"
    return verdict, reason
