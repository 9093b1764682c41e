"""The rules by which answers to questions become a verdict."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import gmean

from t2i_audit.judges.answers import Answer, answer_of, judgement_of
from t2i_audit.judges.questions import Question

CAPTION = Question("", "Does this figure show it?")
REASON = "the answer is neither yes nor no"
ABSTAINS = Answer(math.nan, REASON)
probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=6)


def questions(count: int) -> list[Question]:
    return [*(Question(f"slot_{index}", f"Is {index} there?") for index in range(count)), CAPTION]


@given(probabilities, st.floats(0, 1))
def test_a_prompt_is_right_where_all_of_its_slots_are_whatever_the_caption(
    values: list[float], caption: float
) -> None:
    verdict = judgement_of(questions(len(values)), [Answer(p) for p in (*values, caption)])

    assert list(verdict.slots.values()) == [p >= 0.5 for p in values]
    assert verdict.correct == all(verdict.slots.values())
    assert verdict.correct == (verdict.probability >= 0.5)
    assert verdict.correct == (verdict.margin >= 0)
    assert verdict.probability == min(values)
    assert verdict.flaw == ""


@given(probabilities)
def test_the_scores_are_those_of_an_independent_library(values: list[float]) -> None:
    verdict = judgement_of(questions(len(values)), [*map(Answer, values), Answer(0.25)])

    assert verdict.scores["caption"] == 0.25
    assert verdict.scores["arithmetic_mean"] == pytest.approx(np.mean(values))
    with np.errstate(divide="ignore"):
        assert verdict.scores["geometric_mean"] == pytest.approx(gmean(values))


def test_an_abstention_leaves_a_prompt_undecided_unless_another_slot_is_wrong() -> None:
    undecided = judgement_of(questions(2), [Answer(0.9), ABSTAINS, Answer(0.8)])
    wrong = judgement_of(questions(2), [Answer(0.1), ABSTAINS, Answer(0.8)])

    assert (undecided.correct, undecided.flaw, undecided.readable) == (None, REASON, True)
    assert math.isnan(undecided.probability) and math.isnan(undecided.margin)
    assert dict(undecided.slots) == {"slot_0": True, "slot_1": None}
    assert dict(undecided.slot_probabilities) == {"slot_0": 0.9}
    assert dict(undecided.scores) == {"caption": 0.8}
    assert (wrong.correct, wrong.flaw, wrong.probability) == (False, "", 0.1)


def test_an_image_without_a_single_answer_is_not_readable() -> None:
    verdict = judgement_of(questions(1), [ABSTAINS, ABSTAINS])

    assert (verdict.correct, verdict.readable, verdict.flaw) == (None, False, REASON)
    assert not verdict.scores and not verdict.slot_probabilities


def test_a_prompt_without_constituents_is_judged_by_its_caption_alone() -> None:
    right = judgement_of([CAPTION], [Answer(0.7)])

    assert (right.correct, right.probability, dict(right.slots)) == (True, 0.7, {})
    assert dict(right.scores) == {"caption": 0.7}
    assert judgement_of([CAPTION], [Answer(0.3)]).correct is False
    assert judgement_of([CAPTION], [ABSTAINS]).flaw == REASON


def test_the_verdict_names_the_questions_not_answered_with_yes_once_each() -> None:
    asked = [replace(each, text="Is it there?") for each in questions(2)]

    assert judgement_of(asked, [Answer(0.1)] * 3).chosen == "no: Is it there?"
    assert judgement_of(asked, [Answer(0.9)] * 3).chosen == "yes: 3 questions"
    mixed = judgement_of(questions(1), [Answer(0.1), ABSTAINS])
    assert mixed.chosen == "no: Is 0 there?; no answer: Does this figure show it?"


@given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=4))
def test_several_orders_are_averaged_as_logits(log_odds: list[float]) -> None:
    answer = answer_of(log_odds)

    assert answer.probability == pytest.approx(expit(np.mean(log_odds)), abs=1e-12)


def test_log_odds_that_are_no_number_are_an_abstention() -> None:
    assert answer_of([math.nan, 1.0]).is_yes is None
    assert answer_of([math.nan, 1.0]).flaw
