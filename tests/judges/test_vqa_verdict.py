"""From answers to a verdict: verdict, margin and probability never contradict one another."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from prompts.structure import Prompt
from prompts.world import Content, write
from t2i_audit.judges.base import Judgement
from t2i_audit.judges.vqa_verdict import LEAST_MASS, NEITHER, Answer, judgement_of

PROMPT = write(Content((("red", "star"), ("blue", "cross")), "above"))
SLOTS = [part.slot for part in PROMPT.constituents]


def judged(*log_odds: float) -> Judgement:
    return judgement_of(PROMPT, [Answer(each, 1.0) for each in log_odds])


@given(st.lists(st.integers(-300, 300).map(lambda tenths: tenths / 10), min_size=6, max_size=6))
def test_an_image_is_right_where_all_of_its_slots_are(log_odds: list[float]) -> None:
    judgement = judged(*log_odds)

    assert judgement.slots == dict(zip(SLOTS, (z >= 0 for z in log_odds), strict=False))
    assert judgement.correct is all(judgement.slots.values())
    assert judgement.correct is (judgement.margin >= 0) is (judgement.probability >= 0.5)


@given(st.lists(st.floats(-700, 700), min_size=6, max_size=6))
def test_probabilities_and_means_are_those_of_numpy(log_odds: list[float]) -> None:
    judgement = judged(*log_odds)
    expected = np.exp(-np.logaddexp(0, -np.array(log_odds)))
    atoms = expected[:-1]

    np.testing.assert_allclose(list(judgement.slot_probabilities.values()), atoms, rtol=1e-9)
    np.testing.assert_allclose(judgement.probability, atoms.min(), rtol=1e-9)
    np.testing.assert_allclose(judgement.scores["caption"], expected[-1], rtol=1e-9)
    np.testing.assert_allclose(judgement.scores["arithmetic_mean"], atoms.mean(), rtol=1e-9)
    geometric = np.exp(np.mean(-np.logaddexp(0, -np.array(log_odds[:-1]))))
    np.testing.assert_allclose(judgement.scores["geometric_mean"], geometric, rtol=1e-9)


def test_the_caption_decides_nothing_beside_constituents() -> None:
    assert judged(1, 1, 1, 1, 1, -9).correct is True


def test_a_prompt_without_constituents_is_judged_by_its_caption() -> None:
    prompt = Prompt("1", "a quiet street", "any", "", ())

    assert judgement_of(prompt, [Answer(2.0, 1.0)]).correct is True
    assert judgement_of(prompt, [Answer(-2.0, 1.0)]).correct is False


def test_a_slot_whose_answer_is_neither_is_abstained_from() -> None:
    answers = [Answer(3.0, 1.0)] * 4 + [Answer(3.0, LEAST_MASS / 2), Answer(3.0, 1.0)]
    judgement = judgement_of(PROMPT, answers)

    assert judgement.slots[SLOTS[-1]] is None
    assert SLOTS[-1] not in judgement.slot_probabilities
    assert (judgement.correct, judgement.flaw) == (None, NEITHER)


def test_a_wrong_slot_decides_whatever_the_missing_answers_would_be() -> None:
    answers = [Answer(-3.0, 1.0)] + [Answer(3.0, LEAST_MASS / 2)] * 5
    judgement = judgement_of(PROMPT, answers)

    assert (judgement.correct, judgement.flaw) == (False, "")


def test_an_image_without_a_single_answer_is_undecided_and_not_wrong() -> None:
    judgement = judgement_of(PROMPT, [Answer(math.nan, 0.0)] * 6)

    assert (judgement.correct, judgement.readable, judgement.flaw) == (None, False, NEITHER)


def test_what_was_seen_names_the_questions_that_were_not_answered_with_yes() -> None:
    assert judged(1, -1, 1, 1, 1, 1).chosen == "Is there a star? no"
    assert judged(*[1] * 6).chosen == "yes to all 6 questions"
