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

from prompts.analysis.check import check_prompts
from prompts.analysis.consistency import HALF_CHANGED
from prompts.formats.compbench import read_compbench
from prompts.formats.compbench_words import compbench_vocabularies
from prompts.formats.drafts import ImportTally, finish
from prompts.formats.geneval import COLOURS, geneval_vocabularies, read_geneval
from prompts.structure import Prompt
from prompts.suites import load_suite
from t2i_audit.cli.main import main

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


def compbench(kind: str, *texts: str) -> tuple[list[Prompt], ImportTally]:
    drafts = list(read_compbench(texts, kind, source="test"))
    tally = ImportTally()
    made = finish(drafts, tally, vocabularies=compbench_vocabularies(drafts, kind))
    return list(made), tally


def test_an_object_said_again_is_no_second_object() -> None:
    (prompt, *_), _ = compbench(
        "color", "A red car stands by a blue bus. The red car is old.", "a green cup"
    )

    assert [part.value for part in prompt.constituents] == ["red", "car", "blue", "bus"]
    texts = {foil.change: foil.text for foil in prompt.foils}
    assert texts["colours_swapped"] == "A blue car stands by a red bus. The blue car is old."
    assert texts["objects_swapped"] == "A red bus stands by a blue car. The red bus is old."


def test_where_two_objects_may_be_one_the_prompt_stays_text_and_is_counted() -> None:
    prompts, tally = compbench(
        "color",
        "A red car stands by a green bus. The big car is old.",
        "Two red cars stand by a green bus. The red car is old.",
        "a red cup and a red cup",
        "the red cup and the blue cup",
    )

    assert [len(prompt.constituents) for prompt in prompts] == [0, 0, 4, 4]
    assert (tally.parsed, tally.text_only) == (2, 2)


def test_a_noun_of_a_relation_is_one_thing() -> None:
    (prompt, _), tally = compbench("spatial", "a cat near a dog near a cow", "a cow near a cat")

    assert prompt.constituents == ()
    assert tally.text_only == 1


def test_a_foil_names_nothing_that_the_prompt_names_elsewhere() -> None:
    texts = ["one candle lit up a cozy cup", "one cup and two candles"]

    prompts, _ = compbench("numeracy", *texts)

    assert "object_replaced" not in {foil.change for foil in prompts[0].foils}


def test_a_grammars_foils_name_nothing_that_its_own_words_name(tmp_path: Path) -> None:
    from prompts.generate import generate
    from prompts.grammar.load import make_grammar

    grammar = make_grammar("noun (noun) = cat | dog | table\nt: a {x.noun} on a table\n")

    prompts = list(generate(grammar, 3, seed=0))

    assert {foil.text for prompt in prompts for foil in prompt.foils} == {
        "a cat on a table",
        "a dog on a table",
    }


def test_capitals_stay_as_they_are() -> None:
    (shouted, quiet), _ = compbench("color", "A RED CUP AND AN ORANGE HAT", "a hat. A red cup")

    swapped = {foil.change: foil.text for foil in shouted.foils}["colours_swapped"]
    assert swapped == "AN ORANGE CUP AND A RED HAT"
    assert [foil.text for foil in quiet.foils] == ["a hat. An orange cup"]


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")
def test_the_foils_of_rewritten_geneval_prompts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = CASES / "long_geneval.jsonl", tmp_path / "out.jsonl"

    assert main(["prompts", "import", "geneval", str(source), "-o", str(out)]) == 0

    kettle, vase, _ = load_suite(str(out)).prompts
    for foil in kettle.foils:
        words = re.findall(r"\w+", foil.text.lower())
        assert words.count("black") in (0, 2)
        assert words.count("kettle") in (0, 2)
    assert "A tall lamp hangs on the wall. The lamp is above a vase." in [
        foil.text for foil in vase.foils
    ]


@pytest.mark.skipif(not PEERS.is_dir(), reason="the peers' files are not here")
@pytest.mark.parametrize("kind", ["geneval", "color", "texture", "numeracy", "3d_spatial"])
def test_the_peers_foils_are_other_prompts_and_change_what_they_change_everywhere(
    kind: str,
) -> None:
    if kind == "geneval":
        lines = (PEERS / "geneval" / "evaluation_metadata.jsonl").read_text().splitlines()
        drafts = list(read_geneval(lines, source="test"))
        vocabularies = geneval_vocabularies(drafts)
    else:
        lines = (PEERS / "t2i_compbench" / f"{kind}_val.txt").read_text().splitlines()
        drafts = list(read_compbench(lines, kind, source="test"))
        vocabularies = compbench_vocabularies(drafts, kind)

    findings = check_prompts(finish(drafts, ImportTally(), vocabularies=vocabularies), None)

    assert findings.faults == {}
    assert HALF_CHANGED not in findings.remarks
