"""Whether a slot is used: the rule, and its reason in a sentence.

Two interventions bear witness. Erasing a slot takes it from the images that depend on it; only the
success above a guess can be taken. Exchanging it for another value makes images that depend on it
show that value; only images that did not show it before can come to do so. With ``g`` the success
of a guess, ``Q = 1/6`` and ``M = 1/5``:

    room(erase) = random - g              room(steer) = 1 - unsteered

    used      a witness confirms:  lower(use)      > Q max(room(erase), M)  or
                                   lower(followed) > Q max(room(steer), M)
    not used  a witness denies, and no other one shows a change (lower > 0.02):
                                   upper(use)      < Q room(erase), and lower(random) > g
                                   upper(followed) < Q room(steer), and steering works
    unclear   else

One witness is enough for ``used``, as images that change with the slot, and do not with the
control, were drawn from it. A witness that could not have shown a use denies nothing: erasing,
where the slot is drawn no more often than by a guess, and steering, where no slot of the model
follows it (it works where it confirms the use of at least one).

A linear eraser leaves what is not linear, so that a slot that is used is not taken to a guess: it
lost a third of its room or more where use is known to be there, and nothing where it is known not
to be (docs/results.md). ``Q`` is half way between the two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from t2i_audit.results.interval import Interval
from t2i_audit.results.use import UseVerdict

# Of the room: see above.
SIXTH = 1 / 6
# Least room that a change is compared with: with less, a few images would be a use.
LEAST_ROOM = 0.2
# A change that is surely larger than this is some use, however little.
NEGLIGIBLE = 0.02


@dataclass(frozen=True)
class Witness:
    """What one intervention says of one slot."""

    what: str
    """In words, e.g. ``erasing it takes``."""
    change: Interval
    room: float
    """How large the change could be, from 0 to 1."""
    could_show: bool
    """Whether a slot that is used would have had the room to show it."""

    @property
    def confirms(self) -> bool:
        """Whether the change is surely more than a sixth of its room."""
        return self.change.lower > SIXTH * max(self.room, LEAST_ROOM)

    @property
    def denies(self) -> bool:
        """Whether the change is surely less than a sixth of its room."""
        return self.could_show and self.change.upper < SIXTH * self.room

    @property
    def said(self) -> str:
        """The change and its room, in words."""
        return f"{self.what} {self.change} of {max(self.room, 0):.2f}"


def erasing(use: Interval, random: Interval, guess: float) -> Witness:
    """What erasing a slot says of it."""
    return Witness("erasing it takes", use, random.estimate - guess, random.lower > guess)


def steering(followed: Interval, unsteered: Interval, *, works: bool) -> Witness:
    """What exchanging a slot's value says of it; `works` where some slot follows it."""
    return Witness("exchanging it brings", followed, 1 - unsteered.estimate, works)


def use_verdict(erased: Witness, steered: Witness | None) -> tuple[UseVerdict, str]:
    """The verdict by the rule above, and the figures that decide or why none does."""
    given = (erased, steered)
    witnesses = [each for each in given if each and not math.isnan(each.change.lower)]
    if not witnesses:
        return "unclear", "the images are of too few compositions for an interval"
    confirming = [each.said for each in witnesses if each.confirms]
    if confirming:
        return "used", " and ".join(confirming)
    denying = [each.said for each in witnesses if each.denies]
    others = [each for each in witnesses if not each.denies]
    if denying and not any(each.change.lower > NEGLIGIBLE for each in others):
        return "not used", " and ".join(denying)
    if any(each.could_show for each in witnesses):
        said = " and ".join(each.said for each in witnesses)
        return "unclear", f"{said}, which leaves both possible"
    return "unclear", (
        "it is drawn no more often than by a guess, so that erasing it could not have shown its use"
        + (", and no slot follows an exchange" if steered else "")
    )
