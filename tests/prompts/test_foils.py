"""Foils are false of every picture that their prompt is true of.

The second opinion is a world of its own: pictures of up to three things are listed in full, and a
text is held against each by reading its words, without its structure.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.formats.compbench import read_compbench
from prompts.formats.compbench_words import compbench_vocabularies
from prompts.formats.drafts import ImportTally, finish
from prompts.formats.geneval import geneval_vocabularies, read_geneval
from prompts.generate import capacities, generate
from prompts.grammar.load import Grammar, list_grammars, load_grammar, make_grammar
from prompts.structure import Prompt

NOUNS, TINTS, NUMBERS = ("cat", "dog", "cow"), ("red", "blue"), ("one", "two", "three")
VOCABULARY = """
use core
noun (noun) = cat | dog | cow
tint = red | blue
number (count) = one | two | three
"""


@dataclass(frozen=True)
class Thing:
    noun: str
    tint: str


@dataclass(frozen=True)
class Picture:
    """Things from left to right; how near each two are; who chases whom."""

    things: tuple[Thing, ...]
    near: bool = False
    chases: tuple[int, int] | None = None


ALL_THINGS = [Thing(noun, tint) for noun in NOUNS for tint in TINTS]
PICTURES = [
    Picture(things, near, chases)
    for size in (1, 2, 3)
    for things in itertools.product(ALL_THINGS, repeat=size)
    for near in (False, True)
    for chases in (None, *itertools.permutations(range(size), 2))
]
CROWDS = [
    Picture(
        tuple(
            Thing(noun, tint)
            for (noun, tint), n in zip(kinds, counts, strict=True)
            for _ in range(n)
        )
    )
    for kinds in itertools.combinations(itertools.product(NOUNS, TINTS), 2)
    for counts in itertools.product(range(4), repeat=2)
]
THING = r"an? (?:(red|blue) )?(cat|dog|cow)"
BETWEEN = {
    "and": lambda picture, i, j: True,
    "to the left of": lambda picture, i, j: i < j,
    "left of": lambda picture, i, j: i < j,
    "to the right of": lambda picture, i, j: i > j,
    "right of": lambda picture, i, j: i > j,
    "next to": lambda picture, i, j: picture.near,
    "close to": lambda picture, i, j: picture.near,
    "far from": lambda picture, i, j: not picture.near,
    "far away from": lambda picture, i, j: not picture.near,
    "chasing": lambda picture, i, j: picture.chases == (i, j),
    "with": lambda picture, i, j: True,
}


def is_thing(thing: Thing, tint: str | None, noun: str) -> bool:
    return thing.noun == noun and tint in (None, thing.tint)


def is_true(text: str, picture: Picture) -> bool:
    """Whether `text` describes `picture`, which shows nothing that is not named."""
    things = picture.things
    places = range(len(things))
    if match := re.fullmatch(THING, text):
        return len(things) == 1 and is_thing(things[0], match[1], match[2])
    if match := re.fullmatch(f"{THING} without {THING}", text):
        (own,) = things if len(things) == 1 else (None,)
        return own is not None and is_thing(own, match[1], match[2])
    if match := re.fullmatch(f"{THING} ({'|'.join(BETWEEN)}) {THING}", text):
        tint, noun, relation, other_tint, other_noun = match.groups()
        return len(things) == 2 and any(
            is_thing(things[i], tint, noun)
            and is_thing(things[j], other_tint, other_noun)
            and BETWEEN[relation](picture, i, j)
            for i, j in itertools.permutations(places)
        )
    if match := re.fullmatch(f"{THING}, {THING} (and|left of|right of) {THING}", text):
        parts = match.groups()
        relation = parts[4]
        return len(things) == 3 and any(
            is_thing(things[h], parts[0], parts[1])
            and is_thing(things[i], parts[2], parts[3])
            and is_thing(things[j], parts[5], parts[6])
            and BETWEEN[relation](picture, i, j)
            for h, i, j in itertools.permutations(places)
        )
    if match := re.fullmatch(r"(\w+) (?:(red|blue) )?(\w+?)s?(?: and (\w+) (\w+?)s?)?", text):
        count, tint, noun, other_count, other = match.groups()
        wanted = {noun: NUMBERS.index(count) + 1}
        if other is not None:
            wanted[other] = NUMBERS.index(other_count) + 1
        shown = {each: sum(thing.noun == each for thing in things) for each in NOUNS}
        tints = all(thing.tint == tint for thing in things) if tint else True
        return tints and {each: n for each, n in shown.items() if n} == wanted
    raise AssertionError(f"the test cannot read {text!r}")


BODIES = {
    "one": "a {x.tint} {x.noun}",
    "plain": "a {x.noun} and a {y.noun}",
    "half": "a {x.tint} {x.noun} and a {y.noun}",
    "both": "a {x.tint} {x.noun} and a {y.tint} {y.noun}",
    "plain_near": "a {x.noun} {nearness(x, y)} a {y.noun}",
    "near": "a {x.tint} {x.noun} {nearness(x, y)} a {y.tint} {y.noun}",
    "chase": "a {x.noun} {chase(x, y)} a {y.noun}",
    "sides": "a {x.noun} {side(x, y)} a {y.noun}",
    "half_sides": "a {x.noun} {side(x, y)} a {y.tint} {y.noun}",
    "three": "a {x.tint} {x.noun}, a {y.noun} {side(y, z)} a {z.tint} {z.noun}",
    "three_plain": "a {x.noun}, a {y.tint} {y.noun} and a {z.noun}",
    "absent": "a {x.tint} {x.noun} {company(x, y)} a {y.tint} {y.noun}",
    "counts": "{x.number} {x.noun} and {y.number} {y.noun}",
    "tinted_count": "{x.number} {x.tint} {x.noun}",
}


@pytest.fixture(scope="module", params=BODIES)
def grammar(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Grammar:
    folder = tmp_path_factory.mktemp("words")
    (folder / "mine.toml").write_text(
        '[side]\nrole = "relation"\nvalues = ["left of", "right of"]\n'
        'inverse = [["left of", "right of"]]\n'
        '[chase]\nrole = "relation"\nvalues = ["chasing"]\n'
    )
    text = f"{VOCABULARY}use mine.toml\nt: {BODIES[request.param]}\n"
    return make_grammar(text, folder=folder)


def test_no_picture_is_described_by_a_prompt_and_its_foil(grammar: Grammar) -> None:
    (capacity,) = capacities(grammar).values()
    foils = 0
    for prompt in generate(grammar, min(40, capacity.count), seed=1):
        pictures = CROWDS if "number" in prompt.template else PICTURES
        own = [picture for picture in pictures if is_true(prompt.text, picture)]
        assert own, prompt.text
        for foil in prompt.foils:
            foils += 1
            assert any(is_true(foil.text, picture) for picture in pictures), foil.text
            assert not any(is_true(foil.text, picture) for picture in own), (prompt.text, foil)
    assert foils


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        ("plain", {"object_replaced"}),
        ("one", {"tint_replaced", "object_replaced"}),
        ("both", {"tints_swapped", "objects_swapped", "object_replaced"}),
        ("plain_near", {"object_replaced", "nearness_reversed"}),
        ("counts", {"counts_swapped", "object_replaced", "count_plus_one", "count_minus_one"}),
        ("absent", {"negation_dropped", "negation_added", "objects_swapped"}),
    ],
)
def test_every_change_that_is_possible_is_made_and_named(body: str, changes: set[str]) -> None:
    grammar = make_grammar(f"{VOCABULARY}t: {BODIES[body]}\n")
    (capacity,) = capacities(grammar).values()

    made = {
        foil.change for prompt in generate(grammar, capacity.count, seed=0) for foil in prompt.foils
    }

    if body == "plain_near":
        assert "objects_swapped" not in made
    assert changes <= made
    if body == "plain":
        assert made == changes


@given(st.sampled_from(list_grammars()), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_a_foil_is_written_as_its_grammar_writes(name: str, seed: int) -> None:
    from prompts.recover import read_prompt

    grammar = load_grammar(name)
    for prompt in generate(grammar, 4, seed=seed):
        texts = [foil.text for foil in prompt.foils]
        assert len({prompt.text, *texts}) == 1 + len(texts)
        for foil in prompt.foils:
            read = read_prompt(grammar, foil.text)
            assert read is not None
            assert read.type == prompt.type
            own, other = (
                {part.slot: part.value for part in each.constituents} for each in (prompt, read)
            )
            differing = [slot for slot in own if own[slot] != other[slot]]
            assert len(differing) == (2 if foil.change.endswith("swapped") else 1)


def imported(texts: list[str], kind: str) -> list[Prompt]:
    drafts = list(read_compbench(texts, kind, source="test"))
    return list(finish(drafts, ImportTally(), vocabularies=compbench_vocabularies(drafts, kind)))


def test_an_import_has_no_foil_that_says_the_same() -> None:
    prompts = imported(
        [
            "a chicken hidden by a chicken",
            "a cat near a dog",
            "a woman on the left of a person",
        ],
        "spatial",
    ) + imported(["a gold ring and a yellow ring", "a red cup and a red plate"], "color")

    foils = {prompt.text: {foil.change for foil in prompt.foils} for prompt in prompts}

    assert "objects_swapped" not in foils["a chicken hidden by a chicken"]
    assert "objects_swapped" not in foils["a cat near a dog"]
    assert "objects_swapped" not in foils["a woman on the left of a person"]
    assert "colours_swapped" not in foils["a gold ring and a yellow ring"]
    assert not {"colours_swapped", "objects_swapped"} & foils["a red cup and a red plate"]


def test_foils_of_an_import_keep_capital_article_and_number() -> None:
    (prompt,) = imported(["An orange cup and a green plate."], "color")
    drafts = list(
        read_geneval(
            ['{"tag": "counting", "include": [{"class": "knife", "count": 2}], "exclude": '
             '[{"class": "knife", "count": 3}], "prompt": "a photo of two knifes"}'],
            source="test",
        )
    )  # fmt: skip
    (counted,) = finish(drafts, ImportTally(), vocabularies=geneval_vocabularies(drafts))

    swapped = next(foil.text for foil in prompt.foils if foil.change == "colours_swapped")
    assert swapped == "A green cup and an orange plate."
    assert {foil.text for foil in counted.foils} == {
        "a photo of three knifes",
        "a photo of one knife",
    }


def test_values_that_differ_in_capitals_alone_are_no_foils_of_one_another() -> None:
    grammar = make_grammar(
        "tint = red | Red | blue\nnoun (noun) = cat | dog\n"
        "t: a {x.tint} {x.noun} and a {y.tint} {y.noun}\n"
    )

    foils = {prompt.text: prompt.foils for prompt in generate(grammar, 8, seed=0)}

    assert len(foils) == 8
    for text, own in foils.items():
        texts = [text.lower(), *(foil.text.lower() for foil in own)]
        assert len(set(texts)) == len(texts)
