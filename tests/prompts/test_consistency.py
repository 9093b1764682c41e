"""``prompts check`` on suites that can be read, and whose foils, spans or ids are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prompts.suite import list_suites
from t2i_audit.cli.main import main

HAT = "the blue hat"


def check(
    folder: Path, capsys: pytest.CaptureFixture[str], *rows: dict[str, object]
) -> dict[str, dict[str, int]]:
    """What the command finds in a suite of these rows: names of faults and remarks with counts."""
    template = {"type": "t", "template": "t", "constituents": [], "foils": []}
    path = folder / "own.jsonl"
    path.write_text("".join(json.dumps({"id": f"p{n}", **template, **row}) + "\n"
                            for n, row in enumerate(rows)))  # fmt: skip
    code = main(["prompts", "check", str(path), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == (1 if found["faults"] else 0)
    counts = {
        kind: {name: group["count"] for name, group in found[kind].items()}
        for kind in ("faults", "remarks")
    }
    for name in (
        "text only, so no slot can be probed",
        "no foils, so the clip judge cannot judge it",
    ):
        counts["remarks"].pop(name, None)
    return counts


def foils(*texts: str) -> list[dict[str, str]]:
    return [{"text": text, "change": f"change {n}"} for n, text in enumerate(texts)]


def part(slot: str, value: str, start: int, end: int, *entities: str) -> dict[str, object]:
    return {
        "slot": slot,
        "kind": slot,
        "value": value,
        "start": start,
        "end": end,
        "entities": entities or ("object",),
    }


@pytest.mark.parametrize(
    "foil", ["A red cup", "a red  cup", "a red cup.", "a red, cup", "A RED CUP!"]
)
def test_a_foil_that_is_its_prompt(
    foil: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = check(tmp_path, capsys, {"text": "a red cup", "foils": foils("a blue cup", foil)})

    assert found["faults"] == {"foil equals its prompt up to case, spaces and punctuation": 1}


@pytest.mark.parametrize("again", ["a blue cup", "A blue cup", "a blue cup."])
def test_a_foil_that_is_there_twice(
    again: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = check(
        tmp_path,
        capsys,
        {"text": "a red cup", "foils": foils("a blue cup", again, "a green cup")},
        {"text": "a white cup", "foils": foils("a blue cup")},
    )

    assert found["faults"] == {"foil occurs twice": 1}


def test_a_span_of_another_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = check(
        tmp_path,
        capsys,
        {"text": "a red hat", "constituents": [part("colour", "red", 2, 5)]},
        # The colour's span is of another colour, and then of the noun.
        {"text": "a Blue hat", "constituents": [part("colour", "red", 2, 6)]},
        {"text": HAT, "constituents": [part("colour", "blue", 9, 12), part("noun", "hat", 4, 8)]},
    )

    assert found["faults"] == {"span contains the word for another value": 3}


def test_a_span_that_cuts_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = check(
        tmp_path,
        capsys,
        {"text": HAT, "constituents": [part("colour", "blue", 5, 9)]},
        {"text": "two hats", "constituents": [part("noun", "hat", 4, 7)]},
        {"text": "the hat's brim", "constituents": [part("noun", "hat", 4, 7)]},
        {"text": "青い帽子", "constituents": [part("colour", "blue", 0, 2)]},
    )

    assert found["faults"] == {"span begins or ends inside a word": 2}


def test_other_words_for_a_value_are_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = check(
        tmp_path,
        capsys,
        {
            "text": "three mice to the left of a crimson hat",
            "constituents": [
                part("noun", "mouse", 6, 10),
                part("relation", "left of", 11, 25, "a", "b"),
                part("colour", "red", 28, 35),
            ],
        },
    )

    assert found == {"faults": {}, "remarks": {}}


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\x1b[31m", "\u202e"])
def test_an_id_that_cannot_be_read(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = check(
        tmp_path,
        capsys,
        {"id": name, "text": "a cat"},
        {"id": "é/=1+1 中", "text": "a dog"},
    )

    assert found["faults"] == {"id is empty or has control characters": 1}


def test_a_foil_that_changes_one_mention_of_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "A tall vase hangs. The vase is above a lamp."
    parts = [part("one", "vase", 7, 11), part("two", "lamp", 39, 43)]
    halves = ("A tall lamp hangs. The vase is above a vase.", "A wine glass. The vase is above it.")
    whole = ("A tall lamp hangs. The lamp is above a vase.", "A wine glass. The glass is above it.")

    def found(foil: str) -> dict[str, int]:
        row: dict[str, object] = {"text": text, "constituents": parts, "foils": foils(foil)}
        return check(tmp_path, capsys, row)["remarks"]

    for foil in halves:
        assert found(foil) == {"foil changes a word in one place but not in another": 1}
    for foil in whole:
        assert found(foil) == {}


def test_one_of_two_things_of_a_colour_may_be_changed_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = check(
        tmp_path,
        capsys,
        {
            "text": "a red cup and a red hat",
            "foils": foils("a blue cup and a red hat"),
            "constituents": [part("one", "red", 2, 5), part("two", "red", 16, 19)],
        },
    )

    assert found["remarks"] == {}


@pytest.mark.parametrize("name", list_suites())
def test_the_suites_that_ship_are_sound(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompts", "check", name, "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["remarks"] == {}
