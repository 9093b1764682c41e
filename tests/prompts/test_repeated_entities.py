"""Things that an imported prompt mentions again are neither further objects nor left unchanged."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prompts.analysis.check import check_prompts
from prompts.analysis.consistency import HALF_CHANGED
from prompts.formats.compbench import read_compbench
from prompts.formats.compbench_words import compbench_vocabularies
from prompts.formats.drafts import ImportTally, finish
from prompts.formats.geneval import geneval_vocabularies, read_geneval
from prompts.structure import Prompt
from prompts.suite import load_suite
from t2i_audit.cli.main import main

SHARED = Path(__file__).parents[3] / "shared"
CASES, PEERS = SHARED / "cases", SHARED / "peers"


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
