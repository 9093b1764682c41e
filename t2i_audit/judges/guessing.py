"""What a judge's verdicts would be if it guessed: the rate that its success rates stand beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Protocol, runtime_checkable

from prompts.structure import Prompt
from t2i_audit.judges.questions import Question


@dataclass(frozen=True)
class Guess:
    """The chance that a guess calls an image right, whatever it shows."""

    correct: float
    """Of the whole prompt."""
    slots: Mapping[str, float] = field(default_factory=dict)
    """Of each slot that the judge judges by itself."""


@runtime_checkable
class Guesser(Protocol):
    """A judge that chooses among answers, of which a guess may be the right one.

    A judge without this method measures and does not choose, as the oracle does.
    """

    def guess(self, prompt: Prompt) -> Guess:
        """What guessing would give for `prompt`."""
        ...


def guess_at_questions(questions: Iterable[Question]) -> Guess:
    """The guess of a judge that answers yes or no to questions that must all be answered by yes.

    Questions about the whole caption count only where no constituent is asked for.

    >>> guess = guess_at_questions([Question("object_1.colour", "Red?"), Question("relation", "?")])
    >>> guess.correct, dict(guess.slots)
    (0.25, {'object_1.colour': 0.5, 'relation': 0.5})
    """
    asked = [question.slot for question in questions]
    slots = {slot: 0.5 ** asked.count(slot) for slot in dict.fromkeys(asked) if slot}
    return Guess(prod(slots.values()) if slots else 0.5, slots)
