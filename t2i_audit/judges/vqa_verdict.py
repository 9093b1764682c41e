"""From the answers to a prompt's questions to a verdict.

With ``z_q`` the log-odds of yes against no for question ``q`` and ``P_q = 1 / (1 + exp(-z_q))``:

- a slot is right where ``P_q >= 0.5``, and the judge abstains where the model answers neither;
- the prompt is right where all of its slots are ("all atoms"): ``min_q z_q >= 0``; a prompt without
  constituents is judged by its caption;
- the margin is ``min_q z_q`` (NaN for answers in words, which have none), and the probability that
  belongs to it ``min_q P_q``: a conjunction is at most as probable as its least probable part, and
  nearly so where answers depend on one another; so verdict, margin and probability never contradict
  one another;
- beside these stand the arithmetic and the geometric mean of ``P_q`` over the slots (GenEval 2's
  Soft-TIFA) and ``P`` of the caption (VQAScore, Lin et al. 2024).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from t2i_audit.judges.base import Judgement, unjudged
from t2i_audit.judges.questions import questions_of

if TYPE_CHECKING:
    from prompts.structure import Prompt

RULE = "a slot is right where P(yes) >= 0.5; the prompt is right where all of its slots are"
LEAST_MASS = 0.1  # probability of yes and no together, below which a model answers neither
NEITHER = "the model answers neither yes nor no"


@dataclass(frozen=True)
class Answer:
    """A model's answer to one question on one image."""

    log_odds: float
    """Of yes against no; infinite for an answer in words; NaN where the model gives none."""
    mass: float
    """Probability that it answers yes or no at all."""
    flaw: str = NEITHER
    """Why it is not given, where it is not; few different texts, as images are counted by them."""

    @property
    def is_given(self) -> bool:
        """Whether it is yes or no, rather than something else."""
        return not math.isnan(self.log_odds) and self.mass >= LEAST_MASS

    @property
    def probability(self) -> float:
        """Of yes, if the answer is yes or no."""
        # Written so that a large number of either sign does not overflow.
        half = math.exp(-abs(self.log_odds))
        return (1 if self.log_odds >= 0 else half) / (1 + half)


def judgement_of(prompt: Prompt, answers: Sequence[Answer]) -> Judgement:
    """The verdict on an image of `prompt` by the `answers` to its questions, in their order."""
    questions = questions_of(prompt)
    own = {
        question.slot: answer
        for question, answer in zip(questions, answers, strict=True)
        if question.slot
    }
    caption = answers[-1]
    atoms = list(own.values()) or [caption]
    given = [atom for atom in atoms if atom.is_given]
    flaw = next((atom.flaw for atom in atoms if not atom.is_given), "")
    if not given:
        return unjudged(flaw)
    weakest = min(given, key=lambda atom: atom.log_odds)
    # What is known to be wrong stays so, whatever the missing answers would be.
    decided = weakest.log_odds < 0 or len(given) == len(atoms)
    probabilities = [atom.probability for atom in given]
    return Judgement(
        correct=weakest.log_odds >= 0 if decided else None,
        margin=weakest.log_odds if math.isfinite(weakest.log_odds) else math.nan,
        chosen=_described([question.text for question in questions], answers),
        readable=True,
        slots={slot: _verdict(answer) for slot, answer in own.items()},
        flaw="" if decided else flaw,
        probability=weakest.probability,
        slot_probabilities={
            slot: answer.probability for slot, answer in own.items() if answer.is_given
        },
        scores={
            "caption": caption.probability if caption.is_given else math.nan,
            "arithmetic_mean": math.fsum(probabilities) / len(probabilities),
            "geometric_mean": math.prod(each ** (1 / len(probabilities)) for each in probabilities),
            "answer_mass": min(answer.mass for answer in answers),
        },
    )


def _verdict(answer: Answer) -> bool | None:
    return answer.log_odds >= 0 if answer.is_given else None


def _described(texts: Sequence[str], answers: Sequence[Answer]) -> str:
    """The questions that were not answered with yes, each with its answer."""
    lines = [
        f"{text} {'neither' if _verdict(answer) is None else 'no'}"
        for text, answer in zip(texts, answers, strict=True)
        if not _verdict(answer)
    ]
    return "; ".join(dict.fromkeys(lines)) or f"yes to all {len(set(texts))} questions"
