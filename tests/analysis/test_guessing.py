"""The share that guessing gives stands over the same images as the rate beside it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from prompts.world import Content, write
from t2i_audit.analysis.guessing import guess_rates
from t2i_audit.judges.guessing import guess_at_questions
from t2i_audit.judges.questions import Question

ONE = replace(write(Content((("red", "star"),))), type="one", split="seen")
TWO = replace(write(Content((("red", "star"), ("blue", "cross")))), type="two", split="held_out")
CHANCE = {ONE.id: 1 / 2, TWO.id: 1 / 8}
SLOTS = {ONE.id: {"object_1.colour": 1 / 2}, TWO.id: {"object_1.colour": 1 / 4}}


def row(prompt_id: str, correct: bool | None, **slots: bool | None) -> dict[str, Any]:
    named = {name.replace("_colour", ".colour"): right for name, right in slots.items()}
    return {"prompt_id": prompt_id, "correct": correct, "slots": named}


def test_each_rate_is_the_mean_over_the_images_with_a_verdict() -> None:
    judged = [
        row(ONE.id, True, object_1_colour=True),
        row(TWO.id, False, object_1_colour=False),
        row(TWO.id, True, object_1_colour=None),
        row(TWO.id, None),
    ]

    rates = guess_rates([ONE, TWO], judged, CHANCE, SLOTS, [True, False])

    assert rates.overall == pytest.approx((1 / 2 + 1 / 8 + 1 / 8) / 3)
    assert rates.by_type == {"one": 1 / 2, "two": 1 / 8}
    assert rates.by_split == {"held_out": 1 / 8, "seen": 1 / 2}
    assert rates.by_reading == {"not_read_whole": 1 / 8, "read_whole": 1 / 2}
    assert rates.by_slot == {"object_1.colour": pytest.approx((1 / 2 + 1 / 4) / 2)}


def test_without_a_verdict_it_is_undefined() -> None:
    rates = guess_rates([ONE], [row(ONE.id, None)], CHANCE, SLOTS, [True])

    assert math.isnan(rates.overall)
    assert rates.by_reading == {} == rates.by_type


def test_a_guess_at_questions_is_a_product_over_the_slots() -> None:
    asked = [Question(slot, "?") for slot in ("object_1.colour", "object_1.colour", "relation", "")]

    guess = guess_at_questions(asked)

    assert guess.correct == 1 / 8
    assert dict(guess.slots) == {"object_1.colour": 1 / 4, "relation": 1 / 2}
    assert guess_at_questions([Question("", "Does it show this?")]).correct == 1 / 2
