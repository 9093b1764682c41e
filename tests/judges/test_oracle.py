"""The oracle judge: right where the prompt is true of the image, and says what is wrong."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.structure import Constituent, Prompt
from prompts.world import (
    COLOURS,
    SHAPES,
    Content,
    content_of,
    foil_contents,
    sample_content,
    sample_prompt,
    write,
)
from t2i_audit.errors import JudgeError
from t2i_audit.judges.base import Judgement, require_readable
from t2i_audit.judges.oracle import OracleJudge
from t2i_audit.world.render import render
from t2i_audit.world.scenes import IMAGE_SIZE, place

RED_LEFT = Content((("red", "circle"), ("blue", "square")), "left of")


def judged(drawn: Content, said: Content, *, seed: int = 0) -> Judgement:
    """What the oracle says of `said` when `drawn` was drawn."""
    image = render([place(drawn, np.random.default_rng(seed))])
    (judgement,) = OracleJudge().judge(image, [write(said)])
    return judgement


def test_a_prompt_is_right_of_its_own_image() -> None:
    rng = random.Random(0)
    contents = [sample_content(rng, "relation") for _ in range(100)]

    assert all(judged(content, content, seed=i).correct for i, content in enumerate(contents))


def test_no_foil_is_right_of_the_image() -> None:
    rng = random.Random(1)
    for index in range(60):
        prompt = sample_prompt(rng, rng.choice(["one_object", "two_objects", "relation", "count"]))
        content = content_of(prompt)
        for _, foil in foil_contents(content, rng):
            assert judged(content, foil, seed=index).correct is False


def test_exchanged_colours_make_the_colours_wrong_and_not_the_shapes() -> None:
    drawn = replace(RED_LEFT, objects=(("blue", "circle"), ("red", "square")))

    slots = judged(drawn, RED_LEFT).slots

    assert slots == {
        "object_1.colour": False,
        "object_1.shape": True,
        "object_2.colour": False,
        "object_2.shape": True,
        "relation": True,
    }


def test_a_reversed_relation_makes_only_the_relation_wrong() -> None:
    slots = judged(replace(RED_LEFT, relation="right of"), RED_LEFT).slots

    assert [slot for slot, right in slots.items() if not right] == ["relation"]


@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from(COLOURS),
    st.sampled_from(SHAPES),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_a_count_is_right_if_that_many_were_drawn(
    drawn: int, said: int, colour: str, shape: str, seed: int
) -> None:
    content = Content(((colour, shape),), count=drawn)

    judgement = judged(content, replace(content, count=said), seed=seed)

    assert judgement.slots == {
        "object_1.count": drawn == said,
        "object_1.colour": True,
        "object_1.shape": True,
    }
    assert judgement.correct == (drawn == said)


def test_another_colour_makes_the_colour_wrong_and_not_the_count() -> None:
    drawn = Content((("blue", "star"),), count=3)

    judgement = judged(drawn, Content((("red", "star"),), count=3))

    assert [slot for slot, right in judgement.slots.items() if not right] == ["object_1.colour"]
    assert judgement.correct is False


def test_an_object_of_another_colour_does_not_count() -> None:
    judgement = judged(
        Content((("red", "star"), ("blue", "star"))), Content((("red", "star"),), count=2)
    )

    assert [slot for slot, right in judgement.slots.items() if not right] == ["object_1.count"]
    assert judgement.correct is False


@pytest.mark.parametrize("seen", [1, 2, 3])
def test_counts_of_two_kinds_of_objects_are_told_apart(seen: int) -> None:
    parts = [
        Constituent(f"object_{place}.{kind}", kind, value, 0, 1, (f"object_{place}",))
        for place, values in ((1, ("two", "red", "star")), (2, ("one", "blue", "cross")))
        for kind, value in zip(("count", "colour", "shape"), values, strict=True)
    ]
    prompt = Prompt("id", "two red stars and one blue cross", "t", "t", tuple(parts))
    scene = place(Content((("red", "star"),), count=4), np.random.default_rng(0))
    one, *others = scene.objects
    image = render(
        [replace(scene, objects=(replace(one, colour="blue", shape="cross"), *others[:seen]))]
    )

    (judgement,) = OracleJudge().judge(image, [prompt])

    wrong = [slot for slot, right in judgement.slots.items() if not right]
    assert wrong == ([] if seen == 2 else ["object_1.count"])
    assert judgement.correct == (seen == 2)


def test_a_number_that_the_world_does_not_draw_is_not_judged() -> None:
    prompt = write(Content((("red", "star"),), count=4))
    other = replace(prompt, constituents=(replace(prompt.constituents[0], value="five"),))

    assert OracleJudge().scope([prompt]).unjudgeable == {}
    assert "rendered world lacks" in OracleJudge().scope([other]).unjudgeable[prompt.id]


def test_a_missing_object_is_wrong() -> None:
    assert judged(Content((("red", "circle"),)), RED_LEFT).correct is False


def test_an_extra_object_is_wrong() -> None:
    assert judged(RED_LEFT, Content((("red", "circle"),))).correct is False


def test_a_blank_image_is_unreadable_and_not_right() -> None:
    blank = np.full((1, IMAGE_SIZE, IMAGE_SIZE, 3), 235, np.uint8)

    (judgement,) = OracleJudge().judge(blank, [write(RED_LEFT)])

    assert not judgement.readable
    assert judgement.correct is False


def test_a_prompt_from_another_world_is_not_judged() -> None:
    prompt = write(RED_LEFT)
    other: Prompt = replace(prompt, constituents=(replace(prompt.constituents[1], value="teapot"),))
    blank = np.full((1, IMAGE_SIZE, IMAGE_SIZE, 3), 235, np.uint8)

    with pytest.raises(JudgeError, match="rendered world lacks"):
        OracleJudge().judge(blank, [other])


def test_a_judge_that_reads_nothing_fails_loudly() -> None:
    with pytest.raises(JudgeError, match="could not read any of the 3 images"):
        require_readable([False, False, False], judge="oracle")


def test_one_readable_image_is_enough() -> None:
    require_readable([False, True], judge="oracle")
