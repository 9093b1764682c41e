"""T2I-CompBench's and GenEval's own files: what is parsed, and that it is parsed right."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from prompts.errors import SuiteFormatError
from prompts.formats.compbench import kind_of, read_compbench
from prompts.formats.compbench_words import compbench_vocabularies
from prompts.formats.drafts import Draft, ImportTally, finish
from prompts.formats.geneval import facts_of, geneval_vocabularies, read_geneval, write_geneval
from prompts.formats.native import fault_of

PEERS = Path(__file__).parents[3] / "shared" / "peers"
COMPBENCH, GENEVAL = PEERS / "t2i_compbench", PEERS / "geneval" / "evaluation_metadata.jsonl"
needs_peers = pytest.mark.skipif(not GENEVAL.is_file(), reason="the peers' files are not here")
PARSED = ("color", "shape", "texture", "spatial", "3d_spatial", "numeracy")
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def drafts(*lines: str, kind: str) -> list[Draft]:
    return list(read_compbench(lines, kind, source="test"))


def bindings(draft: Draft) -> list[tuple[str, ...]]:
    """For each entity the words of its constituents, as they stand in the text."""
    entities: dict[str, list[str]] = {}
    for part in draft.constituents:
        if len(part.entities) == 1:
            entities.setdefault(part.entities[0], []).append(draft.text[part.start : part.end])
    return [tuple(words) for words in entities.values()]


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("a red cup and a blue wine glass", [("red", "cup"), ("blue", "wine glass")]),
        ("A small white sofa.", [("small", "white", "sofa")]),
        ("a black and white cat", [("black", "white", "cat")]),
        ("a red orange and an orange bus", [("red", "orange"), ("orange", "bus")]),
        (
            "The round rug and the square stool were old.",
            [("round", "rug"), ("square", "stool")],
        ),
        (
            "The oval dish and the tall oak tree stood in the garden.",
            [("oval", "dish"), ("tall", "oak tree")],
        ),
        (
            "The wooden boat and metallic anchor drift over the plastic reef.",
            [("wooden", "boat"), ("metallic", "anchor"), ("plastic", "reef")],
        ),
        (
            "The glass lamp with its conical shade lit the square room.",
            [("glass", "lamp"), ("conical", "shade"), ("square", "room")],
        ),
        (
            "A woman in a red coat holds a green apple near a grey wall.",
            [("red", "coat"), ("green", "apple"), ("grey", "wall")],
        ),
        (
            "The rubber tyre rolls down the hill while the plastic cart follows.",
            [("rubber", "tyre"), ("plastic", "cart")],
        ),
        ("two doors, one blue and the other red", []),
        ("a triangular slice of cake", [("triangular", "slice")]),
    ],
)
def test_attributes_are_bound_to_the_nouns_they_stand_before(
    text: str, bound: list[tuple[str, ...]]
) -> None:
    (draft,) = drafts(text, kind="color")

    assert bindings(draft) == bound


def test_numbers_are_bound_to_the_nouns_that_the_file_counts() -> None:
    listed, sentence, unsure = drafts(
        "two mice, three knives and one fish",
        "four mice and a knife lay beside the house",
        "two very old mice",
        kind="numeracy",
    )

    assert bindings(listed) == [("two", "mice"), ("three", "knives"), ("one", "fish")]
    assert [part.value for part in listed.constituents][1::2] == ["mouse", "knife", "fish"]
    assert bindings(sentence) == [("four", "mice"), ("knife",)]
    assert unsure.constituents == ()


def test_relations_are_read_by_their_wordings() -> None:
    (draft,) = drafts("a pig on the bottom of a key", kind="spatial")

    assert [part.value for part in draft.constituents] == ["pig", "at the bottom of", "key"]
    assert draft.constituents[1].entities == ("object_1", "object_2")


def test_a_file_is_known_by_its_name() -> None:
    assert kind_of("data/3d_spatial_val.txt") == "3d_spatial"
    with pytest.raises(SuiteFormatError, match="name the file as T2I-CompBench does"):
        kind_of("prompts.txt")


@needs_peers
@pytest.mark.parametrize("kind", PARSED)
@pytest.mark.parametrize("half", ["", "_val"])
def test_nearly_all_lines_have_structure(kind: str, half: str) -> None:
    lines = (COMPBENCH / f"{kind}{half}.txt").read_text(encoding="utf-8").splitlines()

    read = drafts(*lines, kind=kind)

    assert sum(bool(draft.constituents) for draft in read) / len(read) >= 0.95


def expected(kind: str, text: str) -> list[tuple[str, ...]] | None:
    """What a line says by one pattern for the whole of it, or None for freer lines."""
    if kind in ("spatial", "3d_spatial"):
        between = (
            "near|next to|on side of|on the (?:left|right|top|bottom) of|in front of|behind"
            "|hidden by"
        )
        match = re.fullmatch(rf"an? (.+?) (?:{between}) an? (.+)", text)
        return [(match[1],), (match[2],)] if match else None
    if kind == "numeracy":
        parts = re.split(r", and |, | and ", text)
        pairs = [tuple(part.split(" ")) for part in parts]
        is_list = all(len(pair) == 2 and pair[0] in NUMBERS for pair in pairs)
        return pairs if is_list else None
    match = re.fullmatch(
        r"(?:an? )?([a-z]+) ([a-z'-]+(?: [a-z]+)?) and (?:an? )?([a-z]+) ([a-z'-]+(?: [a-z]+)?)",
        text,
    )
    return [(match[1], match[2]), (match[3], match[4])] if match else None


@needs_peers
@pytest.mark.parametrize("kind", PARSED)
def test_lines_of_a_fixed_form_are_read_as_their_form_says(kind: str) -> None:
    lines = (COMPBENCH / f"{kind}.txt").read_text(encoding="utf-8").splitlines()
    compared = wrong = 0

    for draft in drafts(*lines, kind=kind):
        assert all(draft.text[p.start : p.end].strip() for p in draft.constituents)
        known = expected(kind, draft.text)
        if known is not None and draft.constituents:
            compared += 1
            wrong += bindings(draft) != known

    # The pattern takes "slice of" for a noun and "black" in "black white and" for none.
    assert compared > 0.6 * len(lines)
    assert wrong <= 0.03 * compared


@needs_peers
@pytest.mark.parametrize("kind", PARSED)
def test_imported_lines_are_sound_prompts_with_foils(kind: str) -> None:
    lines = (COMPBENCH / f"{kind}_val.txt").read_text(encoding="utf-8").splitlines()
    read = drafts(*lines, kind=kind)
    tally = ImportTally()

    prompts = list(finish(read, tally, vocabularies=compbench_vocabularies(read, kind)))

    assert tally.rows == len(read)
    assert tally.structured + tally.text_only + tally.duplicates == tally.rows
    assert all(fault_of(prompt) is None for prompt in prompts)
    with_foils = sum(bool(prompt.foils) for prompt in prompts if prompt.constituents)
    assert with_foils >= 0.95 * tally.structured


@needs_peers
def test_every_prompt_of_geneval_has_structure_and_goes_back_as_it_came() -> None:
    lines = GENEVAL.read_text(encoding="utf-8").splitlines(keepends=True)
    read = list(read_geneval(lines, source="test"))
    tally = ImportTally()

    prompts = list(finish(read, tally, vocabularies=geneval_vocabularies(read)))

    assert (tally.structured, tally.text_only, tally.duplicates) == (553, 0, 0)
    assert list(write_geneval(prompts)) == lines
    for prompt, line in zip(prompts, lines, strict=True):
        row = json.loads(line)
        assert facts_of(prompt) == {**row, "include": facts(row)}
        words = [prompt.text[p.start : p.end] for p in prompt.constituents if p.kind == "colour"]
        assert sorted(words) == sorted(c["color"] for c in row["include"] if "color" in c)
        assert all(prompt.foils for prompt in prompts)


def facts(row: dict[str, object]) -> object:
    """Clauses as they are, with positions as tuples or lists alike."""
    return row["include"]
