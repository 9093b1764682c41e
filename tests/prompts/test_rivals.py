"""The captions that a prompt has to beat: false ones of every kind, and ones that leave out."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.english.words import phrases_of
from prompts.foils.omissions import omissions_of
from prompts.foils.rivals import MOST, rivals_of
from prompts.formats.drafts import ImportTally, finish
from prompts.formats.geneval import geneval_vocabularies, read_geneval
from prompts.generate import generate
from prompts.grammar.load import list_grammars, load_grammar
from prompts.inflection import NUMBERS
from prompts.structure import Constituent, Foil, Prompt, folded
from prompts.suite import load_suite
from prompts.world import COLOURS, RELATIONS, SHAPES, Content, SceneType, sample_content, write

ATTRIBUTES = {"colour", "material", "shape", "size", "texture"}


@st.composite
def contents(draw: st.DrawFn) -> Content:
    kind: SceneType = draw(st.sampled_from(get_args(SceneType)))
    rng = random.Random(draw(st.integers(0, 10**6)))
    return sample_content(rng, kind, distinct=draw(st.booleans()))


CIRCLE_ABOVE_STAR = Content((("red", "circle"), ("blue", "star")), "above")


def texts(prompt: Prompt) -> set[str]:
    return set(rivals_of(prompt).texts)


def test_every_other_value_of_every_slot_is_named() -> None:
    rivals = texts(write(CIRCLE_ABOVE_STAR))

    for colour in set(COLOURS) - {"red"}:
        article = "an" if colour == "orange" else "a"
        assert f"{article} {colour} circle above a blue star" in rivals
    for shape in set(SHAPES) - {"star"}:
        assert f"a red circle above a blue {shape}" in rivals


def test_exchanges_reversal_and_omissions_are_named() -> None:
    assert texts(write(CIRCLE_ABOVE_STAR)) >= {
        "a blue circle above a red star",
        "a red star above a blue circle",
        "a red circle below a blue star",
        "a red circle",
        "a blue star",
    }


@pytest.mark.parametrize(
    ("wording", "reversed_"), [("left of", "right of"), ("to the left of", "to the right of")]
)
def test_a_reversed_relation_keeps_its_wording(wording: str, reversed_: str) -> None:
    content = replace(CIRCLE_ABOVE_STAR, relation="left of")

    rivals = texts(write(content, wording=wording))

    assert f"a red circle {reversed_} a blue star" in rivals
    assert f"a red circle {wording} a blue star" not in rivals


@given(contents(), st.sampled_from(RELATIONS))
@settings(max_examples=60, deadline=None)
def test_no_foil_describes_the_scene_of_its_prompt(content: Content, relation: str) -> None:
    """The reference reads a caption by its words and compares scenes, not structure."""
    if len(content.objects) == 2 and content.relation is not None:
        content = replace(content, relation=relation)
    prompt = write(content)

    for foil in rivals_of(prompt).foils:
        assert scene_of(foil.text) != content.scene, foil


def scene_of(text: str) -> tuple[object, ...]:
    words = [word for word in text.split() if word not in ("a", "an", "the", "to", "and")]
    shapes = {form: shape for shape in SHAPES for form in (shape, f"{shape}s", f"{shape}es")}
    objects = tuple(
        (first, shapes[second])
        for first, second in pairwise(words)
        if first in COLOURS and second in shapes
    )
    relation = next((value for value in RELATIONS if value in text), None)
    count = next((NUMBERS.index(word) + 1 for word in words if word in NUMBERS), None)
    return Content(objects, relation, count).scene


def counted(text: str = "a photo of three dogs", number: str = "three") -> Prompt:
    start = text.index(number)
    noun = text.index("dogs")
    return Prompt(
        "c",
        text,
        "count",
        "",
        (
            Constituent("n", "count", number, start, start + len(number), ("x",)),
            Constituent("x", "object", "dog", noun, noun + 4, ("x",)),
        ),
    )


def test_other_counts_change_the_noun_with_them() -> None:
    changes = {foil.text: foil.change for foil in rivals_of(counted()).foils}

    assert changes["a photo of two dogs"] == "count_minus_one"
    assert changes["a photo of four dogs"] == "count_plus_one"
    assert changes["a photo of one dog"] == "count_replaced"


def test_a_negation_is_dropped_and_nothing_absent_is_left_out() -> None:
    suite = load_suite("relations").prompts
    prompt = next(each for each in suite if " without " in each.text)

    rivals = rivals_of(prompt)

    dropped = prompt.text.replace(" without ", " with ")
    assert dropped in {foil.text for foil in rivals.foils if foil.change == "negation_dropped"}
    assert not rivals.omissions


@given(st.sampled_from(list_grammars()), st.integers(0, 10**6))
@settings(max_examples=12, deadline=None)
def test_rivals_of_every_grammar_are_bounded_distinct_and_repeatable(name: str, seed: int) -> None:
    for prompt in generate(load_grammar(name), 4, seed=seed):
        rivals = rivals_of(prompt)
        everything = [folded(text) for text in (prompt.text, *rivals.texts)]
        assert len(everything) == len(set(everything))
        besides = [foil for foil in rivals.foils if not is_of_attribute(foil.change)]
        assert len(besides) + len(rivals.omissions) <= MOST
        assert rivals.foils[: len(prompt.foils)] == prompt.foils
        assert rivals == rivals_of.__wrapped__(prompt)


def test_where_there_are_too_many_each_kind_of_change_gets_its_share() -> None:
    prompt = next(each for each in load_suite("complex").prompts if each.type == "constituents_8")
    bare = replace(prompt, foils=())

    rivals = rivals_of(bare, most=16)

    counts = Counter(foil.change for foil in rivals.foils if not is_of_attribute(foil.change))
    assert counts.total() + len(rivals.omissions) == 16 and rivals.left_out > 0
    in_full = rivals_of(bare, most=10_000).foils
    made_in_full = Counter(foil.change for foil in in_full if not is_of_attribute(foil.change))
    assert counts.keys() == made_in_full.keys()
    # A kind has fewer than the largest only where it has no more to give, or its turn never came.
    assert all(
        n >= min(made_in_full[change], max(counts.values()) - 1) for change, n in counts.items()
    )


def is_of_attribute(change: str) -> bool:
    return change.endswith("_replaced") and change.removesuffix("_replaced") in ATTRIBUTES


@pytest.mark.parametrize("name", ["attributes", "complex", "counting", "relations"])
def test_a_wrong_attribute_always_has_its_foil(name: str) -> None:
    for prompt in load_suite(name).prompts[::90]:
        held, in_full = (
            {foil.text for foil in each.foils if is_of_attribute(foil.change)}
            for each in (rivals_of(prompt), rivals_of(prompt, most=10_000))
        )
        assert held == in_full


def test_a_kind_that_no_vocabulary_knows_makes_no_foil_but_can_be_left_out() -> None:
    parts = (
        Constituent("a.hue", "hue", "teal", 2, 6, ("a",)),
        Constituent("a.gadget", "gadget", "router", 7, 13, ("a",)),
        Constituent("b.gadget", "gadget", "modem", 20, 25, ("b",)),
    )
    prompt = Prompt("p", "a teal router and a modem", "t", "", parts, (Foil("a modem", "own"),))

    rivals = rivals_of(prompt)

    assert rivals.foils == prompt.foils
    assert [omission.text for omission in rivals.omissions] == ["a teal router"]


def test_a_more_general_word_has_no_foil_that_is_a_kind_of_it() -> None:
    part = Constituent("a.object", "object", "bird", 2, 6, ("a",))

    rivals = texts(Prompt("p", "a bird", "t", "", (part,)))

    assert "a cow" in rivals_of(Prompt("p", "a bird", "t", "", (part,)), most=200).texts
    assert rivals and not rivals & {"an owl", "a duck", "a penguin"}


def test_an_imported_prompt_gets_rivals_of_its_own() -> None:
    drafts = list(
        read_geneval(
            ['{"tag": "position", "include": [{"class": "dog", "count": 1}, {"class": "toilet", '
             '"count": 1, "position": ["left of", 0]}], "prompt": '
             '"a photo of a toilet left of a dog"}'],
            source="test",
        )
    )  # fmt: skip
    (prompt,) = finish(drafts, ImportTally(), vocabularies=geneval_vocabularies(drafts))

    assert texts(prompt) >= {
        "a photo of a toilet right of a dog",
        "a photo of a toilet",
        "a photo of a dog",
    }


@pytest.mark.parametrize(
    ("text", "nouns", "expected"),
    [
        ("a cat, a dog and a cow", "cat dog cow",
         ["a dog and a cow", "a cat and a cow", "a cat and a dog"]),
        ("A cat and a dog.", "cat dog", ["A dog.", "A cat."]),
        ("there are a cat and a dog", "cat dog", []),
        ("a cat and a dog, both asleep", "cat dog", []),
        ("a cat and a dog, the dog asleep", "cat dog", ["a dog, the dog asleep"]),
        ("a cat that bit a dog", "cat dog", []),
        ("a cat", "cat", []),
    ],
)  # fmt: skip
def test_a_thing_is_left_out_only_where_a_sentence_is_left(
    text: str, nouns: str, expected: list[str]
) -> None:
    parts = tuple(
        Constituent(noun, "object", noun, text.index(noun), text.index(noun) + len(noun), (noun,))
        for noun in nouns.split()
    )

    found = omissions_of(Prompt("p", text, "t", "", parts))

    assert [omission.text for omission in found] == expected


@given(contents())
@settings(max_examples=60, deadline=None)
def test_what_is_left_out_is_not_named_and_the_rest_is(content: Content) -> None:
    prompt = write(content)

    for omission in omissions_of(prompt):
        phrases = phrases_of([omission.text])
        for part in prompt.constituents:
            is_out = omission.entity in part.entities
            shared = sum(part.value in other.value for other in prompt.constituents) > 1
            assert shared or (part.value in phrases) is not is_out
