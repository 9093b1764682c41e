"""What was drawn, read back from what a judge saw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.foils.rivals import rivals_of
from prompts.structure import Prompt
from prompts.world import COLOURS, RELATIONS, SHAPES, Content, write
from t2i_audit.judges.drawn import MISSING, NEITHER, OMISSION, Asked, what_was_drawn
from t2i_audit.judges.oracle import OracleJudge, describe, read_description
from t2i_audit.world.oracle import read_image
from t2i_audit.world.render import render
from t2i_audit.world.scenes import place

PAIRS = st.tuples(st.sampled_from(COLOURS), st.sampled_from(SHAPES))


def two(first: tuple[str, str], second: tuple[str, str], relation: str = "above") -> Prompt:
    return write(Content((first, second), relation))


def values(prompts: list[Prompt], chosen: str) -> dict[str, list[tuple[str, str]]]:
    found = what_was_drawn(prompts, [(prompts[0].id, False, chosen)])
    return {
        kind: [(each.value, each.drawn) for each in asked] for kind, asked in found.values.items()
    }


@given(PAIRS, PAIRS, PAIRS, PAIRS, st.sampled_from(RELATIONS), st.sampled_from(RELATIONS))
def test_the_values_of_another_prompt_are_read_from_its_text(
    a: tuple[str, str], b: tuple[str, str], c: tuple[str, str], d: tuple[str, str], r: str, s: str
) -> None:
    asked, won = two(a, b, r), two(c, d, s)

    assert values([asked, won], won.text) == {
        "colour": [(a[0], c[0]), (b[0], d[0])],
        "shape": [(a[1], c[1]), (b[1], d[1])],
        "relation": [(r, s)],
    }


def test_every_foil_that_wins_is_named_by_its_change() -> None:
    prompt = two(("red", "circle"), ("blue", "star"))
    rivals = rivals_of(prompt)
    seen = [(prompt.id, False, text) for text in rivals.texts]
    changes = [change for change, _ in what_was_drawn([prompt], seen).changes]

    assert changes == [*(foil.change for foil in rivals.foils), *[OMISSION] * len(rivals.omissions)]


def test_what_no_rival_says_has_no_change_and_no_values() -> None:
    prompt = two(("red", "circle"), ("blue", "star"))
    found = what_was_drawn([prompt], [(prompt.id, False, "Is there a circle? no")])

    assert found.changes == (("", prompt.composition),)
    assert found.values == {}


def test_images_without_a_verdict_are_left_out() -> None:
    prompt = two(("red", "circle"), ("blue", "star"))
    found = what_was_drawn([prompt], [(prompt.id, None, prompt.text)])

    assert found.changes == () and found.values == {}


def test_the_oracle_names_the_colour_in_place_of_another() -> None:
    prompt = two(("green", "circle"), ("blue", "star"))
    found = what_was_drawn(
        [prompt], [(prompt.id, False, "purple circle at 30,15; blue star at 31,47")] * 2
    )

    wrong = [each for each in found.values["colour"] if each.value != each.drawn]
    assert wrong == [Asked("green", "purple", prompt.composition)] * 2


def test_a_missing_object_counts_as_nothing_and_its_relation_too() -> None:
    prompt = two(("green", "circle"), ("blue", "star"))
    found = values([prompt], "blue star at 31,47")

    assert found["colour"] == [("green", MISSING), ("blue", "blue")]
    assert found["relation"] == [("above", MISSING)]


def test_a_relation_that_is_wrong_is_that_in_which_the_objects_lie_farthest_apart() -> None:
    prompt = two(("green", "circle"), ("blue", "star"), "left of")

    assert values([prompt], "green circle at 40,10; blue star at 20,20")["relation"] == [
        ("left of", "right of")
    ]


def test_a_description_of_the_oracle_is_read_back() -> None:
    rng = np.random.default_rng(0)
    both = Content((("red", "circle"), ("blue", "star")), "above")
    for content in (both, Content((("red", "star"),))):
        prompt = write(content)
        (image,) = render([place(content, rng)])
        reading = read_image(image)
        (verdict,) = OracleJudge().judge(image[None], [prompt])
        back = read_description(verdict.chosen)

        assert back is not None and describe(back) == describe(reading) == verdict.chosen


@pytest.mark.parametrize(
    ("chosen", "drawn"),
    [
        ("red star at 16,16; red star at 48,16; blue star at 16,48", "two"),
        ("blue star at 16,16", "one"),
        ("unclear star at 16,16", NEITHER),
    ],
)
def test_a_wrong_count_is_that_of_the_objects_like_the_matched_one(chosen: str, drawn: str) -> None:
    assert values([write(Content((("red", "star"),), count=3))], chosen)["count"] == [
        ("three", drawn)
    ]
