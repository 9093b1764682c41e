"""How well two values are told apart by the images that show them, at two places on their way."""

from __future__ import annotations

from dataclasses import dataclass

from t2i_audit.results.interval import Interval


@dataclass(frozen=True)
class ToldApart:
    """How well prompts of two values of one kind are told apart, before a part and behind it.

    Of prompts that name one of the two values and not the other; a guess is right in half of them.
    """

    kind: str
    values: tuple[str, str]
    before: Interval
    """Share told apart by what the part is given."""
    behind: Interval
    """The same by what it makes of that."""
    loss: Interval
    """``before - behind``, paired; the intervals of all that is compared hold together at 95%."""
    lost: bool
    """Whether the values are alike behind the part: the loss is sure, and ``behind`` is surely
    nearer to a guess than to ``before``."""
