"""The rendered world's grammar, and the suites that ship."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.structure import Prompt
from prompts.suite import SHIPPED, dump_prompts, list_suites, load_suite, read_suite_header
from prompts.world import (
    COLOURS,
    COUNTS,
    HELD_OUT_PAIRS,
    SHAPES,
    WORDINGS,
    SceneType,
    content_of,
    counting_vocabulary,
    foil_contents,
    sample_prompt,
    vocabulary,
    write,
)
from scripts.build_suites import GRAMMAR_RECIPES, RECIPES, suite_lines

PLURALS = {
    "circle": "circles",
    "square": "squares",
    "triangle": "triangles",
    "diamond": "diamonds",
    "cross": "crosses",
    "star": "stars",
}
KINDS = st.sampled_from(["one_object", "two_objects", "relation", "count"])


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    return sample_prompt(random.Random(draw(st.integers(0, 10**6))), cast(SceneType, draw(KINDS)))


@given(prompts())
def test_every_span_is_the_words_of_its_value(prompt: Prompt) -> None:
    for part in prompt.constituents:
        words = prompt.text[part.start : part.end]
        if part.kind == "relation":
            assert words in WORDINGS[part.value]
        elif part.kind == "shape" and content_of(prompt).count not in (None, 1):
            assert words == PLURALS[part.value]
        else:
            assert words == part.value


@given(prompts())
def test_the_content_can_be_told_from_the_structure(prompt: Prompt) -> None:
    content = content_of(prompt)
    relation = prompt.constituent("relation")
    wording = prompt.text[relation.start : relation.end] if relation else None
    opening = "a picture of " if prompt.text.startswith("a picture of ") else ""

    assert write(content, opening=opening, wording=wording).text == prompt.text
    assert content.type == prompt.type
    assert content.split == prompt.split


@given(prompts())
def test_a_foil_is_true_of_other_pictures_and_changes_one_thing(prompt: Prompt) -> None:
    assert len({foil.text for foil in prompt.foils} | {prompt.text}) == 1 + len(prompt.foils)
    assert set(prompt.text.split()) <= {*vocabulary(), *counting_vocabulary()}
    for _, other_content in foil_contents(content_of(prompt), random.Random(0)):
        assert other_content.scene != content_of(prompt).scene
    for foil in prompt.foils:
        own, other = prompt.text.split(), foil.text.split()
        if foil.change == "relation_reversed":
            assert [w for w in own if w in COLOURS + SHAPES] == [
                w for w in other if w in COLOURS + SHAPES
            ]
        elif foil.change == "colours_swapped":
            assert sorted(w for w in own if w in COLOURS) == sorted(
                w for w in other if w in COLOURS
            )
        elif foil.change.startswith("count_"):
            number, another = (
                COUNTS.index(word) for words in (own, other) for word in words if word in COUNTS
            )
            assert another - number == {"count_plus_one": 1, "count_minus_one": -1}[foil.change]
        else:
            named = (*COLOURS, *SHAPES, *PLURALS.values())
            said, false = ([w for w in words if w in named] for words in (own, other))
            changed = [pair for pair in zip(said, false, strict=True) if pair[0] != pair[1]]
            assert len(changed) == 1


def test_every_number_has_its_neighbours_for_foils() -> None:
    for prompt in load_suite("world-counting").prompts:
        said = content_of(prompt)
        counts = [foil.text for foil in prompt.foils if foil.change.startswith("count_")]
        assert said.count is not None
        near = [count for count in (said.count - 1, said.count + 1) if 1 <= count <= 4]
        opening = "a picture of " if prompt.text.startswith("a picture of ") else ""
        assert sorted(counts) == sorted(
            write(replace(said, count=count), opening=opening).text for count in near
        )


@given(prompts())
def test_articles_agree(prompt: Prompt) -> None:
    words = prompt.text.split()
    for article, word in itertools.pairwise(words):
        if article in ("a", "an"):
            assert (article == "an") == (word[0] in "aeiou")


def test_the_training_support_is_compositional_and_connected() -> None:
    seen = {(c, s) for c in COLOURS for s in SHAPES} - HELD_OUT_PAIRS
    reached, border = set(), {("red", "circle")}
    while border:
        reached |= border
        border = {
            pair
            for pair in seen - reached
            if any(pair[0] == other[0] or pair[1] == other[1] for other in reached)
        }

    assert {colour for colour, _ in seen} == set(COLOURS)
    assert {shape for _, shape in seen} == set(SHAPES)
    assert reached == seen


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_suite_is_what_its_recipe_says(name: str) -> None:
    _, counts = RECIPES[name]
    suite = load_suite(name)

    for scene_type, split, count in counts:
        own = [p for p in suite.prompts if p.type == scene_type and p.split == split]
        assert len(own) == count
    assert len({p.text for p in suite.prompts}) == len(suite.prompts)
    assert all(len(p.foils) >= 2 for p in suite.prompts)


@pytest.mark.parametrize("name", GRAMMAR_RECIPES)
def test_a_suite_of_a_grammar_can_be_built_again(name: str) -> None:
    path = SHIPPED / f"{name}.jsonl"
    header = read_suite_header(path)

    assert "".join(suite_lines(name, GRAMMAR_RECIPES[name])) == path.read_text(encoding="utf-8")
    assert header is not None
    assert header.licence == "CC0-1.0"
    assert header.certificate is None or header.certificate.holds


@pytest.mark.parametrize("name", sorted(set(GRAMMAR_RECIPES) - {"smoke"}))
def test_a_rate_over_a_shipped_suite_is_known_within_three_points(name: str) -> None:
    n = len(load_suite(name).prompts)

    # A rate of one half, all pictures of a prompt alike: the widest interval there is.
    assert 1.96 * (0.25 / n) ** 0.5 <= 0.03


def test_every_suite_has_a_recipe() -> None:
    assert set(list_suites()) == RECIPES.keys() | GRAMMAR_RECIPES.keys()


def test_partners_of_a_slot_are_never_the_slot_itself() -> None:
    prompt = load_suite("world-relations").prompts[0]

    assert {part.slot for part in prompt.partners("object_1.colour")} == {"object_1.shape"}
    assert {part.slot for part in prompt.heads("relation")} == {"object_1.shape", "object_2.shape"}
    assert prompt.partners("nothing") == ()


def test_dumped_prompts_are_one_line_each() -> None:
    suite = load_suite("world-smoke")

    assert dump_prompts(suite.prompts).count("\n") == len(suite.prompts)
