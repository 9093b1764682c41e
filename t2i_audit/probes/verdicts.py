"""The verdict on a slot at one station.

It rests on the balanced accuracy for which layer and position were chosen inside the training
folds:

- ``lost``: accuracy < (1 + min(baseline, 0.5)) / 2, where the baseline is decoded from the words
  alone. The accuracy does not get half way from that baseline to certainty.
- ``saturated``: not lost, but the same architecture with random weights decodes the slot as well
  (the interval of the difference reaches 0). The slot is decodable, which says nothing about
  training.
- ``kept``: not lost, and decoded better than with random weights, or no such control was run.
- ``undefined``: the slot was not read, or the control was run and could not be read; the reason is
  given.
"""

from __future__ import annotations

import numpy as np

from t2i_audit.results.decoding import Verdict
from t2i_audit.results.interval import Interval

# From the words alone a probe knows which two values occur and guesses between them, hence one
# half. Above that it knows the answer itself (a prompt's only colour), and no gain over it can be
# asked for.
PRESENCE_CAP = 0.5

SAME_VALUE = "it has the same value in every prompt"
NO_PLACE = "there is no place where it may be read"
NO_STATE = "no state of it could be read"
TOO_FEW = "too few prompts have it, or too few of different compositions"
NO_CONTROL = "it could not be read with random weights"


def verdict_of(
    own: Interval,
    presence: Interval,
    gain_over_random: Interval,
    *,
    controlled: bool = False,
    unread: str = TOO_FEW,
) -> tuple[Verdict, str]:
    """The verdict by the rule above, and why it is undefined if it is.

    Args:
        own: the slot's balanced accuracy.
        presence: the same of the words-alone baseline.
        gain_over_random: `own` less the accuracy with random weights.
        controlled: whether the control with random weights was run.
        unread: the reason to give where `own` is undefined.
    """
    if np.isnan(own.estimate):
        return "undefined", unread
    baseline = PRESENCE_CAP if np.isnan(presence.estimate) else presence.estimate
    if own.estimate < (1 + min(baseline, PRESENCE_CAP)) / 2:
        return "lost", ""
    if controlled and np.isnan(gain_over_random.estimate):
        return "undefined", NO_CONTROL
    if gain_over_random.lower <= 0:
        return "saturated", ""
    return "kept", ""
