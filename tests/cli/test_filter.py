"""``prompts filter``: prompts chosen by condition, and samples that are even over groups."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.formats.native import dump_prompt, read_lines
from prompts.selection.conditions import PromptFilter, parse_condition
from prompts.selection.subset import Sample, choose
from prompts.structure import Prompt
from prompts.suite import load_suite, read_suite_header
from tests.cli.prompts_program import filter_

pytestmark = pytest.mark.usefixtures("in_a_folder")

SUITE = load_suite("attributes").prompts
HEADER = read_suite_header(Path("prompts/suites/attributes.jsonl"))


def said_of(error: str) -> str:
    assert error.count("\n") == 1
    return error


def colours(prompt: Prompt) -> list[str]:
    return [part.value for part in prompt.constituents if part.kind == "colour"]


def value(prompt: Prompt, slot: str) -> str | None:
    part = prompt.constituent(slot)
    return part.value if part else None


CLAUSES: list[tuple[str, Callable[[Prompt], bool]]] = [
    ("type=colours", lambda p: p.type == "colours"),
    ("type==colours", lambda p: p.type == "colours"),
    (" type = colours ", lambda p: p.type == "colours"),
    ("type!=colours", lambda p: p.type != "colours"),
    ("type=colours|shapes", lambda p: p.type in ("colours", "shapes")),
    ("type!=colours|shapes", lambda p: p.type not in ("colours", "shapes")),
    ("split=held_out", lambda p: p.split == "held_out"),
    ("object_1.colour=red", lambda p: value(p, "object_1.colour") == "red"),
    ("object_1.colour!=red", lambda p: value(p, "object_1.colour") != "red"),
    ("object_1.colour", lambda p: p.constituent("object_1.colour") is not None),
    ("!object_1.colour", lambda p: p.constituent("object_1.colour") is None),
    ("colour=red", lambda p: "red" in colours(p)),
    ("colour!=red|blue", lambda p: not {"red", "blue"} & set(colours(p))),
    ("words<7", lambda p: len(p.text.split()) < 7),
    ("words>=7", lambda p: len(p.text.split()) >= 7),
    ("words=5|6", lambda p: len(p.text.split()) in (5, 6)),
    ("entities=2", lambda p: len({e for c in p.constituents for e in c.entities}) == 2),
    ("constituents!=4", lambda p: len(p.constituents) != 4),
    ("foils>3", lambda p: len(p.foils) > 3),
    ("foils", lambda p: bool(p.foils)),
    ("foil=colours_swapped", lambda p: any(f.change == "colours_swapped" for f in p.foils)),
    ("foil!=colours_swapped", lambda p: all(f.change != "colours_swapped" for f in p.foils)),
    ("text~A Photo", lambda p: "a photo" in p.text),
    ("text!~a photo", lambda p: "a photo" not in p.text),
    ("kind=shape", lambda p: any(c.kind == "shape" for c in p.constituents)),
]


@pytest.mark.parametrize(("clause", "holds"), CLAUSES, ids=[text for text, _ in CLAUSES])
def test_a_clause_keeps_what_it_says_in_its_order(
    clause: str, holds: Callable[[Prompt], bool]
) -> None:
    assert filter_("attributes", "--where", clause, "-o", "out.jsonl") == 0

    expected = [prompt for prompt in SUITE if holds(prompt)]
    assert 0 < len(expected) < len(SUITE) or clause == "foils"
    assert list(load_suite("out.jsonl").prompts) == expected


@given(st.lists(st.sampled_from(CLAUSES), max_size=4))
@settings(max_examples=30, deadline=None)
def test_several_clauses_must_all_hold(
    clauses: list[tuple[str, Callable[[Prompt], bool]]],
) -> None:
    chosen = PromptFilter([parse_condition(text) for text, _ in clauses])

    kept = list(chosen.passing(SUITE))

    assert kept == [p for p in SUITE if all(holds(p) for _, holds in clauses)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--where", "object_1.color=red"], "field 'object_1.color'; did you mean object_1.colour"),
        (["--where", "type=colour"], "did you mean colours or one_colour?"),
        (["--where", "split=test"], "; split is seen, held_out"),
        (
            ["--where", "type=colours", "--where", "words>50"],
            "--where 'words>50' leaves none of the 150 prompts left by the conditions before it",
        ),
        (["--where", "!foils"], "--where '!foils' leaves none of the 1,080 prompts of attributes"),
        (["--where", "words<abc"], "words is a whole number, but 'abc' is not"),
        (["--where", "words<²"], "words is a whole number, but '²' is not"),
        (["--where", f"words<{'9' * 5000}"], "words is a whole number, but '999"),
        (["--where", "words<3|4"], "give one number after '<'"),
        (["--where", "words~3"], "words is a number; compare it with =, < or >"),
        (["--where", "type<3"], "type is not a number; compare it with"),
        (["--where", "="], "is not a condition; write for example type=relation"),
        (["--where", ""], "is not a condition; write for example type=relation"),
        (["--where", "split="], "lacks a value after '='; for prompts without any write '!split'"),
        (["--where", "type=a|"], "lacks a value after '='"),
        ([], "give --where or --sample, or both"),
        (["--by", "type"], "give --where or --sample, or both"),
        (["--where", "foils", "--by", "type"], "give --sample N as well"),
        (["--where", "foils", "--seed", "1"], "give --sample N as well"),
        (["--sample", "0"], "--sample should be at least 1, not 0"),
        (["--sample", "5", "--by", "tpe"], "a field 'tpe'; did you mean type"),
    ],
)  # fmt: skip
def test_what_leaves_nothing_or_is_wrong_is_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filter_("attributes", *arguments, "-o", "out.jsonl") == 2

    captured = capsys.readouterr()
    assert said in said_of(captured.err)
    assert captured.out == ""
    assert list(Path().iterdir()) == []


def test_prompts_without_a_split_or_foils_can_be_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows: list[dict[str, object]] = [
        {"id": name, "text": name, "type": "t", "template": "t", "constituents": []}
        for name in ("a|b", "c")
    ]
    Path("own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    for clause in ("split=none", "!split", "foils=0", "!foils", "constituents<1"):
        assert filter_("own.jsonl", "--where", clause, "-o", "out.jsonl") == 0
        assert len(load_suite("out.jsonl").prompts) == 2
    assert filter_("own.jsonl", "--where", "id=a\\|b", "-o", "out.jsonl") == 0
    assert [prompt.id for prompt in load_suite("out.jsonl").prompts] == ["a|b"]
    assert filter_("own.jsonl", "--where", "split", "-o", "out.jsonl") == 2
    assert "--where 'split' leaves none of the 2 prompts" in capsys.readouterr().err


def test_a_sample_is_even_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("attributes", "--sample", "300", "--by", "type", "-o")
    assert filter_(*arguments, "out.jsonl", "--json") == 0

    told = json.loads(capsys.readouterr().out)
    counts = Counter(prompt.type for prompt in load_suite("out.jsonl").prompts)
    # 28 prompts of one object, and the other 272 from seven types.
    assert counts["one_object"] == 28
    assert {counts[name] for name in counts if name != "one_object"} == {38, 39}
    assert told["groups"]["one_object"] == {"prompts": 28, "taken": 28}
    assert told["kept"] == 300
    (note,) = (note for note in told["notes"] if "fewer" in note)
    assert note == (
        "one_object (28) had fewer prompts than the 39 taken from other groups; all were taken"
    )


def test_the_seed_decides_the_sample_whatever_the_order_of_the_file() -> None:
    lines = [dump_prompt(prompt) for prompt in SUITE]
    Path("turned.jsonl").write_text("".join(reversed(lines)), encoding="utf-8")

    def sample(source: str, *seed: str) -> list[str]:
        assert filter_(source, "--sample", "50", "--by", "type", *seed, "-o", "out.jsonl") == 0
        return [prompt.id for prompt in load_suite("out.jsonl").prompts]

    first = sample("attributes")
    assert sample("attributes", "--seed", "0") == first
    assert sample("turned.jsonl") == first[::-1]
    assert set(sample("attributes", "--seed", "1")) != set(first)


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 12), min_size=1),
    st.integers(1, 50),
    st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_no_group_gives_less_than_it_could(sizes: dict[str, int], count: int, seed: int) -> None:
    prompts = [
        Prompt(f"{name}{n}", f"{name} {n}", name, "t", ())
        for name, size in sizes.items()
        for n in range(size)
    ]

    subset, lines = choose(
        prompts, None, [], Sample(count, ("type",), seed), io.StringIO(), source="test"
    )

    kept = list(read_lines(lines, source="test"))
    taken = Counter(prompt.type for prompt in kept)
    assert len(kept) == subset.kept == min(count, sum(sizes.values()))
    assert [prompt for prompt in prompts if prompt in kept] == kept
    most = max(taken.values())
    for name, size in sizes.items():
        assert taken[name] in (size, most, most - 1)
    is_short = any(taken[name] < most - 1 for name in sizes)
    is_less = len(kept) < count or any(not taken[name] for name in sizes)
    assert bool(subset.notes) == (is_short or is_less)


def test_groups_of_several_fields_and_of_none() -> None:
    arguments = ("--sample", "8", "--by", "split", "--by", "entities", "-o", "out.jsonl")
    assert filter_("attributes", *arguments) == 0

    counts = Counter(
        (p.split, len({e for c in p.constituents for e in c.entities}))
        for p in load_suite("out.jsonl").prompts
    )

    assert set(counts.values()) == {2}
    assert len(counts) == 4


def test_a_stream_goes_through(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(map(dump_prompt, SUITE))
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    assert filter_("-", "--where", "type=colours", "-o", "-") == 0

    captured = capsys.readouterr()
    header, *rows = captured.out.splitlines()
    assert json.loads(header)["header"]["source"] == "standard input; where type=colours"
    assert len(rows) == 150
    assert "150 of 1,080 prompts kept" in captured.err


def test_the_header_says_where_the_prompts_come_from() -> None:
    assert filter_("attributes", "--where", "type=colours", "--sample", "9", "-o", "a.jsonl") == 0

    header = read_suite_header(Path("a.jsonl"))

    assert HEADER is not None
    assert header is not None
    assert header.licence == HEADER.licence
    assert header.source == f"{HEADER.source}; where type=colours; sample of 9, seed 0"


def test_prompts_with_foils_are_chosen_for_a_judge_that_needs_them() -> None:
    rows = [
        {"id": name, "text": f"a {name}", "type": "t", "template": "t", "constituents": [],
         "foils": [{"text": "a cow", "change": "c"}] if name == "cat" else []}
        for name in ("cat", "dog")
    ]  # fmt: skip
    Path("own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    assert filter_("own.jsonl", "--where", "foils", "-o", "out.jsonl") == 0

    assert [prompt.id for prompt in load_suite("out.jsonl").prompts] == ["cat"]
