"""White space and invisible characters are cleaned up, with a note for each change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.cli.main import main
from tests.cli.importing.helpers import CASES, texts


def test_white_space_inside_a_prompt_is_folded_and_counted(take: Any) -> None:
    row = {"tag": "colors", "include": [{"class": "spoon", "count": 1, "color": "red"}]}
    lines = [
        json.dumps(row | {"prompt": "A red spoon.\n\nSoft light."}),
        json.dumps(row | {"prompt": "A red spoon\tand\u00a0light."}),
        json.dumps(row | {"prompt": "A red spoon."}),
    ]
    Path("a.jsonl").write_text("\n".join(lines), encoding="utf-8")

    prompts, notes = take("geneval", "a.jsonl")

    assert texts(prompts) == ["A red spoon. Soft light.", "A red spoon and light.", "A red spoon."]
    assert all(len(prompt.constituents) == 2 for prompt in prompts)
    assert "white space was replaced by single spaces" in notes
    assert "in 2 prompts" in notes


@pytest.mark.parametrize(
    ("format_", "name", "expected"),
    [
        ("geneval", "newline_geneval.jsonl", ["A red spoon. Soft light."]),
        ("csv", "multiline.csv", ["a red cube photographic style", "a blue sphere"]),
        ("csv", "tabprompt.csv", ["a red cube"]),
        ("csv", "semicolon.csv", ["a red cube", "a blue sphere"]),
        ("csv", "bom.csv", ["a red cube", "a blue sphere"]),
        ("text", "bom.txt", ["a red cube", "a blue sphere"]),
    ],
)
def test_the_cases_are_read(format_: str, name: str, expected: list[str], take: Any) -> None:
    if not CASES.is_dir():
        pytest.skip("the shared cases are not here")

    prompts, notes = take(format_, str(CASES / name))

    assert texts(prompts) == expected
    assert notes


def test_characters_that_nobody_sees_are_taken_out_and_counted(take: Any) -> None:
    Path("a.txt").write_text(
        "a re\u200bd cube\na so\u00adft bed\nan \ufeffowl\na \u2060cat\na \u200fdog\n"
        "a bl\u200due cup\nan astronaut 👩\u200d🚀\nplain\n",
        encoding="utf-8",
    )

    prompts, notes = take("text", "a.txt")

    assert texts(prompts) == [
        "a red cube", "a soft bed", "an owl", "a cat", "a dog", "a blue cup",
        "an astronaut 👩\u200d🚀", "plain",
    ]  # fmt: skip
    assert "invisible characters were removed from 6 prompts" in notes


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x07", "\u202e", "\x9b"])
def test_a_control_character_is_named_with_its_line(character: str, refuse: Any) -> None:
    Path("a.txt").write_text(f"a red cube\na {character} sphere\n", encoding="utf-8")

    said = refuse("text", "a.txt")

    assert "a.txt, line 2: text has a control character" in said
    assert f"U+{ord(character):04X}" in said


def test_signs_of_an_earlier_wrong_decoding_are_noted(take: Any) -> None:
    Path("a.txt").write_text("a caf\u00c3\u00a9\na na\ufffdve cat\na café\n", encoding="utf-8")

    _, notes = take("text", "a.txt")

    assert "look wrongly decoded in 2 prompts" in notes


def test_line_ends_of_any_system_end_a_prompt(take: Any) -> None:
    Path("a.txt").write_bytes(b"a red cube\r\na blue sphere\ra green cone\n")

    prompts, _ = take("text", "a.txt")

    assert texts(prompts) == ["a red cube", "a blue sphere", "a green cone"]


def test_duplicates_are_counted_on_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.txt").write_text("a cat\nA\tcat.\na\u200b cat\n", encoding="utf-8")

    assert main(["prompts", "import", "text", "a.txt", "-o", "out.jsonl"]) == 0

    printed = capsys.readouterr().out
    assert "2 duplicates dropped" in printed
    assert "a.txt: note: white space was replaced by single spaces in 1 prompt" in printed
    assert "a.txt: note: invisible characters were removed from 1 prompt" in printed
