"""From the answers to the questions about one image to the verdict on it.

Every judge that asks questions scores by these rules:

- A slot is right where the probability of yes to its question is at least 1/2.
- The prompt is right where all of its slots are, and wrong where one is wrong. Where none is wrong
  and the judge abstains on one, it is undecided.
- The prompt's probability is the least of its slots': the largest that the probability of all
  together can be, whatever their dependence, and at least 1/2 exactly where all of them are right.
- A prompt without constituents is judged by the question for its caption alone.
- Scores beside the verdict: ``caption`` is VQAScore (Lin et al. 2024, arXiv 2404.01291), the
  probability of yes to the question for the caption; ``arithmetic_mean`` and ``geometric_mean`` of
  the slots' probabilities are Soft-TIFA of GenEval 2 (arXiv 2512.16853).

>>> asked = Question("colour", "Is it red?"), Question("", "Does this figure show it?")
>>> verdict = judgement_of(asked, [Answer(0.4), Answer(0.7)])
>>> verdict.correct, dict(verdict.slots), verdict.probability, verdict.chosen
(False, {'colour': False}, 0.4, 'no: Is it red?')
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from t2i_audit.judges.base import Judgement
from t2i_audit.judges.questions import Question
from t2i_audit.printable import counted

EVEN = 0.5  # the probability from which yes is taken for the answer


@dataclass(frozen=True)
class Answer:
    """The answer to one question about one image."""

    probability: float
    """Of yes; NaN where the judge abstains."""
    flaw: str = ""
    """Why it abstains; few different texts, because images are counted by them."""

    @property
    def is_yes(self) -> bool | None:
        """Whether the answer is yes; None where the judge abstains."""
        return None if math.isnan(self.probability) else self.probability >= EVEN


def answer_of(log_odds: Sequence[float]) -> Answer:
    """The answer to a question that was asked in several orders of the words yes and no.

    The mean of the logarithms of the odds of yes against no cancels what depends on the order.
    """
    mean = math.fsum(log_odds) / len(log_odds)
    if math.isnan(mean):
        return Answer(math.nan, "the probability of yes is not a number")
    # exp(-mean) overflows where yes is as good as impossible.
    return Answer(1 / (1 + math.exp(-mean)) if mean > -700 else 0.0)


def judgement_of(questions: Sequence[Question], answers: Sequence[Answer]) -> Judgement:
    """The verdict on an image from the answers to all `questions` of its prompt, in their order."""
    asked = list(zip(questions, answers, strict=True))
    parts = [(question.slot, answer) for question, answer in asked if question.slot]
    captions = [answer for question, answer in asked if not question.slot]
    deciding = [answer for _, answer in parts] or captions
    correct = _all_yes(deciding)
    known = [answer.probability for answer in deciding if answer.is_yes is not None]
    probability = math.nan if correct is None else min(known)
    return Judgement(
        correct=correct,
        margin=probability - EVEN,
        chosen=_described(asked),
        readable=any(answer.is_yes is not None for answer in answers),
        slots={slot: answer.is_yes for slot, answer in parts},
        flaw=next((a.flaw for a in deciding if a.is_yes is None), "") if correct is None else "",
        probability=probability,
        slot_probabilities={
            slot: answer.probability for slot, answer in parts if answer.is_yes is not None
        },
        scores=_scores([answer.probability for _, answer in parts], captions),
    )


def _all_yes(answers: Sequence[Answer]) -> bool | None:
    """Whether all answers are yes; None if none is no and one is missing, or there are none."""
    verdicts = [answer.is_yes for answer in answers]
    if False in verdicts:
        return False
    return None if None in verdicts or not verdicts else True


def _scores(parts: Sequence[float], captions: Sequence[Answer]) -> dict[str, float]:
    """The scores by name; no mean where a slot's probability is missing: not comparable.

    Args:
        parts: each slot's probability.
        captions: the answer to the question for the caption, if it was asked.
    """
    scores = {}
    if captions and captions[0].is_yes is not None:
        scores["caption"] = captions[0].probability
    if parts and not any(map(math.isnan, parts)):
        scores["arithmetic_mean"] = math.fsum(parts) / len(parts)
        scores["geometric_mean"] = math.prod(parts) ** (1 / len(parts))
    return scores


def _described(asked: Sequence[tuple[Question, Answer]]) -> str:
    """The questions that are not answered with yes, e.g. ``no: Is there a cube?``."""
    texts: dict[str, list[str]] = {"no": [], "no answer": []}
    for question, answer in asked:
        if not answer.is_yes:
            own = texts["no answer" if answer.is_yes is None else "no"]
            own += [question.text] if question.text not in own else []
    said = [f"{word}: {' '.join(own)}" for word, own in texts.items() if own]
    return "; ".join(said) or f"yes: {counted(len(asked), 'question')}"
