"""Prompts go out and come back as they were, in every format that can say it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.controls import Control, control
from prompts.errors import SuiteFormatError
from prompts.formats import geneval, plain, write_dataset
from prompts.formats.drafts import Duplicates, ImportTally, finish
from prompts.formats.native import (
    Header,
    dump_header,
    dump_prompt,
    json_schema,
    read_header,
    read_lines,
)
from prompts.formats.read_dataset import read_dataset
from prompts.formats.rows import ColumnNames
from prompts.generate import generate
from prompts.grammar.load import list_grammars, load_grammar
from prompts.splits import split_prompts
from prompts.structure import Constituent, Foil, Prompt
from prompts.suite import Suite, load_suite

texts = st.text(
    st.characters(categories=("L", "N", "P", "S", "Zs")).filter(lambda c: c not in "\ufeff"),
    min_size=1,
    max_size=30,
).filter(str.strip)


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    """A prompt of any words, with spans that do not overlap."""
    import unicodedata

    text = unicodedata.normalize("NFC", draw(texts))
    middle = draw(st.integers(0, len(text)))
    parts = tuple(
        Constituent(slot, "kind", draw(texts), start, end, (slot,))
        for slot, start, end in (("a", 0, middle), ("b", middle, len(text)))
        if start < end
    )
    return Prompt("id", text, "type", "template", parts, (), draw(st.sampled_from([None, "seen"])))


@given(prompts())
@settings(max_examples=50, deadline=None)
def test_a_line_says_what_json_says(prompt: Prompt) -> None:
    line = dump_prompt(prompt)

    assert list(read_lines([line], source="test")) == [prompt]
    # The same row by the standard library, in any formatting, has the same hash.
    other = json.dumps(json.loads(line), indent=None, separators=(",", ":"), sort_keys=True)
    (again,) = read_lines([other], source="test")
    assert Suite("a", (again,)).sha256 == Suite("b", (prompt,)).sha256


def test_a_header_is_read_back_and_no_prompt() -> None:
    grammar = load_grammar("world")
    labelled, certificate = split_prompts(lambda: generate(grammar, 90, seed=0), 0.2, seed=0)
    header = Header(source="x", seed=3, control=Control("typical"), certificate=certificate)
    lines = [dump_header(header), *map(dump_prompt, labelled)]

    read, rest = read_header(lines, source="test")

    assert read == header
    assert len(list(read_lines(rest, source="test"))) == 90


def test_a_later_version_is_not_guessed_at() -> None:
    with pytest.raises(SuiteFormatError, match="schema version 99"):
        read_header([dump_header(Header(schema_version=99))], source="test")


def test_the_shipped_schema_is_that_of_the_types() -> None:
    path = Path(__file__).parents[2] / "prompts" / "formats" / "schema.json"

    assert json.loads(path.read_text()) == json.loads(json.dumps(json_schema()))


@pytest.mark.parametrize("name", list_grammars())
def test_tables_keep_the_whole_structure(name: str, tmp_path: Path) -> None:
    own = list(generate(load_grammar(name), 25, seed=2))

    from_csv = finish(plain.read_csv(plain.write_csv(own), source="csv"), ImportTally())
    write_dataset.write_folder(own, tmp_path / "set", name="set", header=None)
    from_hub = finish(read_dataset(str(tmp_path / "set")), ImportTally())

    assert list(from_csv) == own
    assert list(from_hub) == own


def test_a_folder_of_datasets_has_a_card_and_is_never_overwritten(tmp_path: Path) -> None:
    own = list(generate(load_grammar("world"), 9, seed=2))
    header = Header(source="grammar world", licence="CC0-1.0", seed=2)
    write_dataset.write_folder(own, tmp_path / "set", name="set", header=header)

    card = (tmp_path / "set" / "README.md").read_text()
    assert "license: cc0-1.0" in card
    assert "| relation | 3 |" in card
    with pytest.raises(SuiteFormatError, match="already exists"):
        write_dataset.write_folder(own, tmp_path / "set", name="set", header=header)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_dataset_saved_to_disk_is_taken_by_its_column(tmp_path: Path) -> None:
    import datasets

    rows = {"caption_en": ["a red cup", "a dog"], "kind": ["colour", "object"]}
    datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "set")

    read = read_dataset(str(tmp_path / "set"), names=ColumnNames("caption_en", "kind"))

    assert [(p.text, p.type) for p in finish(read, ImportTally())] == [
        ("a red cup", "colour"),
        ("a dog", "object"),
    ]
    with pytest.raises(
        SuiteFormatError, match="it has caption_en, kind: name one with --text-column"
    ):
        list(read_dataset(str(tmp_path / "set")))


@pytest.mark.parametrize("name", ["world", "counting", "attributes", "relations"])
def test_what_geneval_can_say_comes_back_from_it(name: str) -> None:
    own = list(generate(load_grammar(name), 60, seed=5))
    lines = [line for line in geneval.write_geneval(own) if line is not None]
    assert lines

    drafts = list(geneval.read_geneval(lines, source="test"))
    read = {
        p.text: p
        for p in finish(drafts, ImportTally(), vocabularies=geneval.geneval_vocabularies(drafts))
    }

    again = [line for line in geneval.write_geneval(read.values()) if line is not None]
    assert again == lines
    for prompt in own:
        if prompt.text in read:
            values = [(p.value, p.start, p.end) for p in prompt.constituents]
            assert [(p.value, p.start, p.end) for p in read[prompt.text].constituents] == values


def test_what_geneval_cannot_say_is_left_out() -> None:
    world = load_suite("world-smoke").prompts[0]
    part = Constituent("object_1.mood", "mood", "glad", 0, 4, ("object_1",))
    noun = Constituent("object_1.object", "object", "cat", 5, 8, ("object_1",))
    moody = Prompt("x", "glad cat", "t", "t", (part, noun))

    assert [line is None for line in geneval.write_geneval([world, moody])] == [False, True]


@pytest.mark.parametrize(
    ("duplicates", "kept"), [("drop", ["a cat", "a dog"]), ("keep", ["a cat", "A  cat.", "a dog"])]
)
def test_doubles_are_counted_and_dropped_or_kept(duplicates: Duplicates, kept: list[str]) -> None:
    tally = ImportTally()

    read = list(
        finish(
            plain.read_text(["a cat\n", "A  cat.\n", "a dog"], source="t"),
            tally,
            duplicates=duplicates,
        )
    )

    assert [prompt.text for prompt in read] == kept
    assert (tally.rows, tally.duplicates) == (3, 1)
    assert len({prompt.id for prompt in read}) == len(read)


def test_text_is_kept_in_its_composed_form() -> None:
    (draft,) = plain.read_text(["cafe\u0301 中 👩\u200d🚀 a\u00a0b\n"], source="t")

    assert draft.text == "café 中 👩\u200d🚀 a b"


@pytest.mark.parametrize("text", ["a\x00b", "a\x1b[0mb", "a\u202eb", "a\x9bb"])
def test_control_characters_are_refused_with_the_line(text: str) -> None:
    with pytest.raises(SuiteFormatError, match=r"t, line 2: text has a control character"):
        list(plain.read_text(["fine", text], source="t"))


def test_controls_keep_prompts_and_foils_to_what_was_asked() -> None:
    from prompts.recover import read_prompt
    from prompts.vocabulary import load_vocabularies

    typical = load_vocabularies("core")["thing"].table.typical["colour"]
    grammar = load_grammar("relations")
    for plausibility, wanted in (("typical", True), ("atypical", False)):
        controlled, said = control(grammar, plausibility=plausibility, frequency_band=1.5)  # type: ignore[arg-type]
        assert (said.plausibility, said.frequency_band) == (plausibility, 1.5)
        assert all(high - low <= 1.5 for low, high in (said.frequencies or {}).values())
        for prompt in generate(controlled, 20, seed=1):
            for text in (prompt.text, *(foil.text for foil in prompt.foils)):
                read = read_prompt(grammar, text)
                assert read is not None
                for entity in ("object_1", "object_2"):
                    noun = read.constituent(f"{entity}.thing")
                    colour = read.constituent(f"{entity}.colour")
                    if noun is not None and colour is not None:
                        plausible = noun.value not in typical or colour.value in typical[noun.value]
                        assert plausible == wanted


def test_a_foil_equal_to_its_prompt_is_a_fault() -> None:
    line = dump_prompt(Prompt("x", "a cat", "t", "t", (), (Foil("a cat", "none"),)))

    with pytest.raises(SuiteFormatError, match="is identical to the prompt"):
        list(read_lines([line], source="t"))


@pytest.mark.parametrize(
    ("name", "licence"),
    [
        ("pets", "mit\ntags:\n- injected"),
        ("pets\nlicense: injected", "mit"),
        ("# pets: all", "cc0-1.0 # no"),
        ("{pets}", "[mit]"),
    ],
)
def test_names_and_licences_add_no_fields_to_a_dataset_card(name: str, licence: str) -> None:
    from huggingface_hub import DatasetCard

    text = write_dataset.dataset_card(name, Counter({"a|b": 2}), header=Header(licence=licence))
    fields = DatasetCard(text).data.to_dict()

    assert fields.keys() == {
        "pretty_name", "license", "language", "task_categories", "size_categories", "configs",
    }  # fmt: skip
    assert fields["pretty_name"] == name
    assert fields["license"] == licence
    assert "| a\\|b | 2 |" in text
