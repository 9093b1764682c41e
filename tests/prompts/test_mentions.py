"""Foils of rewritten prompts, which say a thing or its colour more than once.

The second opinion writes each prompt from a scheme that knows of every word whether it means the
first object, the second, or something else. A foil is consistent if it is the same scheme with
another value: then every mention has changed, and nothing but mentions.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.formats.drafts import ImportTally, finish
from prompts.formats.geneval import COLOURS, geneval_vocabularies, read_geneval
from prompts.structure import Prompt

SHARED = Path(__file__).parents[3] / "shared"
CASES, PEERS = SHARED / "cases", SHARED / "peers"
NOUNS = ("kettle", "vase", "apple", "dog", "lamp")
PLURALS = {f"{noun}s": noun for noun in NOUNS}
NUMBERS = ("one", "two", "three", "four", "five", "six")
# What follows a first sentence. {n} and {m} are the two nouns, {c} and {d} their colours.
CERTAIN_OF_ONE = (
    "The {n} is {c}.",
    "The {n} is matte {c}.",
    "The {c} {n} is old.",
    "This {n} has been here for years, and the {n}'s lid is open.",
    "It is old, and nobody has cleaned it.",
    "A stone lies beside the {c} {n}.",
)
UNCERTAIN_OF_ONE = (
    "It is {c}.",
    "Its colour is {c}, a fine colour.",
    "A {c} stone lies there.",
    "The {n} stands on a {c} cloth.",
    "The shelf beneath the {n} is {c}.",
    "Another {n} hangs on the wall.",
    "The stone is not {c}.",
)
CERTAIN_OF_TWO = (
    "The {c} {n} shines on the {d} {m}.",
    "The {n} is {c}.",
    "The {m} is plain {d}.",
    "They were photographed at noon.",
)


def written(scheme: str, values: Mapping[str, str]) -> str:
    """The text of a scheme, with its articles and capitals."""
    text = scheme.format_map(values)
    text = re.sub(r"\b([Aa])n? (?=([a-z]))", _article, text)
    return re.sub(r"(?:^|(?<=[.] ))[a-z]", lambda match: match.group().upper(), text)


def _article(match: re.Match[str]) -> str:
    return match[1] + ("n " if match[2] in "aeiou" else " ")


def imported(row: dict[str, object]) -> Prompt:
    """The prompt of a metadata row, in a file that has all the nouns."""
    others = [
        {"tag": "x", "include": [{"class": noun, "count": 1}], "prompt": f"a photo of a {noun}"}
        for noun in NOUNS
    ]
    drafts = list(read_geneval([json.dumps(each) for each in (row, *others)], source="test"))
    return next(iter(finish(drafts, ImportTally(), vocabularies=geneval_vocabularies(drafts))))


def changed(values: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """All values that a foil may have: one replaced, or two of a kind exchanged."""
    for name in values:
        for value in COLOURS if name in "cd" else NOUNS:
            if value != values[name]:
                yield {**values, name: value}
    for one, other in (("c", "d"), ("n", "m")):
        if one in values and other in values:
            yield {**values, one: values[other], other: values[one]}


def check(prompt: Prompt, scheme: str, values: Mapping[str, str]) -> set[str]:
    """Hold every foil against the scheme; returns the names of the changes."""
    consistent = {written(scheme, each): each for each in changed(values)}
    for foil in prompt.foils:
        assert foil.text in consistent, (prompt.text, foil)
        if foil.change == "object_replaced":
            (new,) = {*consistent[foil.text].values()} - {*values.values()}
            assert new not in re.findall(r"\w+", prompt.text.lower())
    texts = [
        re.sub(r"\W", "", text.lower())
        for text in (prompt.text, *(foil.text for foil in prompt.foils))
    ]
    assert len(set(texts)) == len(texts)
    return {foil.change for foil in prompt.foils}


@given(st.sampled_from(COLOURS), st.sampled_from(NOUNS), st.lists(st.sampled_from(CERTAIN_OF_ONE)))
@settings(max_examples=60, deadline=None)
def test_what_is_certain_is_changed_everywhere(colour: str, noun: str, more: list[str]) -> None:
    scheme = " ".join(["a {c} {n} stands there.", *more])
    values = {"c": colour, "n": noun}
    clause = {"class": noun, "count": 1, "color": colour}

    prompt = imported({"tag": "t", "include": [clause], "prompt": written(scheme, values)})

    assert check(prompt, scheme, values) == {"colour_replaced", "object_replaced"}


@given(
    st.sampled_from(COLOURS),
    st.sampled_from(NOUNS),
    st.lists(st.sampled_from(CERTAIN_OF_ONE + UNCERTAIN_OF_ONE), min_size=1, max_size=4),
)
@settings(max_examples=120, deadline=None)
def test_what_is_not_certain_gets_no_foil_rather_than_a_contradiction(
    colour: str, noun: str, more: list[str]
) -> None:
    scheme = " ".join(["a {c} {n} stands there.", *more])
    values = {"c": colour, "n": noun}
    clause = {"class": noun, "count": 1, "color": colour}
    prompt = imported({"tag": "t", "include": [clause], "prompt": written(scheme, values)})

    # "It is red" and "a red stone" cannot be told apart by rule, so such a sentence is one more
    # mention in some schemes and another thing in others: neither may be got wrong.
    for own in itertools.product((True, False), repeat=len(more)):
        fixed = [
            sentence if is_own or sentence in CERTAIN_OF_ONE else sentence.replace("{c}", colour)
            for is_own, sentence in zip(own, more, strict=True)
        ]
        check(prompt, " ".join(["a {c} {n} stands there.", *fixed]), values)


@given(
    st.permutations(COLOURS),
    st.permutations(NOUNS),
    st.booleans(),
    st.lists(st.sampled_from(CERTAIN_OF_TWO), max_size=4),
)
@settings(max_examples=80, deadline=None)
def test_a_colour_said_of_both_is_changed_only_where_it_is_meant(
    colours: list[str], nouns: list[str], is_same: bool, more: list[str]
) -> None:
    scheme = " ".join(["a {c} {n} stands by a {d} {m}.", *more])
    second = colours[0] if is_same else colours[1]
    values = {"c": colours[0], "n": nouns[0], "d": second, "m": nouns[1]}
    clauses = [
        {"class": values["n"], "count": 1, "color": values["c"]},
        {"class": values["m"], "count": 1, "color": values["d"]},
    ]

    prompt = imported({"tag": "t", "include": clauses, "prompt": written(scheme, values)})

    changes = {"colour_replaced", "object_replaced"}
    if not is_same:
        changes |= {"colours_swapped", "objects_swapped"}
    assert check(prompt, scheme, values) == changes


@given(
    st.permutations(NOUNS),
    st.sampled_from(
        [
            "a tall {n} hangs there. The {n} is above a {m}.",
            "a {m} stands there. The {n} is above the {m}.",
            "the {n} is above the {m}. The {m} and the {n} are old.",
            "A {n} above a {m}. People like the {n}'s shape, and the {m}.",
        ]
    ),
)
@settings(max_examples=60, deadline=None)
def test_nouns_are_exchanged_everywhere(nouns: list[str], scheme: str) -> None:
    values = {"n": nouns[0], "m": nouns[1]}
    include = [
        {"class": nouns[1], "count": 1},
        {"class": nouns[0], "count": 1, "position": ["above", 0]},
    ]

    prompt = imported({"tag": "t", "include": include, "prompt": written(scheme, values)})

    reversed_ = written(scheme, values).replace("above", "below")
    texts = {foil.change: foil.text for foil in prompt.foils}
    assert texts.pop("relation_reversed") == reversed_
    swapped = {**values, "n": values["m"], "m": values["n"]}
    assert texts.pop("objects_swapped") == written(scheme, swapped)
    assert texts["object_replaced"] in {written(scheme, each) for each in changed(values)}


def test_a_relation_said_again_is_not_reversed() -> None:
    include = [
        {"class": "lamp", "count": 1},
        {"class": "vase", "count": 1, "position": ["above", 0]},
    ]

    prompt = imported(
        {
            "tag": "t",
            "include": include,
            "prompt": "A vase above a lamp. The lamp hangs below the vase.",
        }
    )

    assert {foil.change: foil.text for foil in prompt.foils if "swapped" in foil.change} == {
        "objects_swapped": "A lamp above a vase. The vase hangs below the lamp."
    }
    assert "relation_reversed" not in {foil.change for foil in prompt.foils}


@pytest.mark.parametrize(
    ("text", "is_sure"),
    [
        ("A vase above a lamp. The background is white.", True),
        ("A vase above a lamp. The vase is old.", True),
        ("A vase above a lamp. The jar is old.", False),
        ("A vase above a lamp. These two objects are old.", False),
        ("A vase above a lamp; the thing is old.", False),
        ("A vase above a lamp. Vases are nice.", False),
        ("A vase above a lamp. There is no vase.", False),
        ("A vase above a lamp. A second vase is there.", False),
        ("A vase above a lamp. The blue vase is there.", False),
    ],
)
def test_a_noun_that_may_have_another_name_is_not_changed(text: str, is_sure: bool) -> None:
    include = [
        {"class": "lamp", "count": 1},
        {"class": "vase", "count": 1, "position": ["above", 0]},
    ]

    prompt = imported({"tag": "t", "include": include, "prompt": text})

    assert ("objects_swapped" in {foil.change for foil in prompt.foils}) == is_sure


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (
            "Three dogs sleep. The three dogs are old.",
            {
                "count_plus_one": "Four dogs sleep. The four dogs are old.",
                "count_minus_one": "Two dogs sleep. The two dogs are old.",
            },
        ),
        (
            "Three dogs sleep by two bowls.",
            {
                "count_plus_one": "Four dogs sleep by two bowls.",
                "count_minus_one": "Two dogs sleep by two bowls.",
            },
        ),
        # One dog less would be "the dogs" where there is one.
        (
            "Two dogs sleep. The dogs are old.",
            {"count_plus_one": "Three dogs sleep. The dogs are old."},
        ),
        ("Two dogs sleep. Both dogs are old.", {}),
        ("Three dogs sleep. Two of them are old.", {}),
        ("Three dogs sleep. One dog is old.", {}),
        ("Two dogs sleep, the one beside the other.", {}),
        ("Two dogs sleep. The 2 dogs are old.", {}),
    ],
)  # fmt: skip
def test_a_count_is_changed_everywhere_or_not_at_all(text: str, changes: dict[str, str]) -> None:
    number = NUMBERS.index(text.split()[0].lower()) + 1
    prompt = imported(
        {
            "tag": "t",
            "include": [{"class": "dog", "count": number}],
            "exclude": [{"class": "dog", "count": number + 1}],
            "prompt": text,
        }
    )

    assert prompt.constituents
    assert {f.change: f.text for f in prompt.foils if f.change.startswith("count")} == changes
