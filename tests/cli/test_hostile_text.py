"""Text from outside never reaches the terminal as control characters."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2i_audit.cli.main import main
from t2i_audit.io import dump_json
from t2i_audit.models.builtin import builtin_folder
from t2i_audit.printable import printable, printable_messages

# Sets the window's title; as the byte that some terminals take for ESC [; and reverses text.
TITLE, CLEAR, REVERSED = "\x1b]0;owned\x07", "\x9b2J", "\u202e"
HOSTILE = TITLE + CLEAR + REVERSED


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code and all that was printed, none of which may be a control character."""
    code = main(arguments)
    printed = "".join(capsys.readouterr())

    assert [letter for letter in printed if letter != "\n" and printable(letter) != letter] == []
    return code, printed


def hostile_prompt(number: int, *, colour: str, shape: str) -> dict[str, object]:
    """A prompt of the rendered world whose names are hostile wherever they are free to be."""
    text = f"a {colour} {shape}"
    parts = [("colour", colour, 2), ("shape", shape, 3 + len(colour))]
    return {
        "id": f"p{number}{HOSTILE}",
        "text": text,
        "type": f"one{HOSTILE}",
        "template": f"one{HOSTILE}",
        "constituents": [
            {
                # Two dollars would make a formula of what stands between them in a figure.
                "slot": f"{kind}{HOSTILE}$^$",
                "kind": kind,
                "value": value,
                "start": start,
                "end": start + len(value),
                "entities": ["object"],
            }
            for kind, value, start in parts
        ],
        "foils": [{"text": f"a {colour} ring", "change": f"shape{HOSTILE}"}],
        "split": None,
    }


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite that is hostile in its own name, its header, ids, types, slots and foils."""
    path = tmp_path_factory.mktemp("suite") / f"suite{TITLE}.jsonl".replace("/", "")
    prompts = [
        hostile_prompt(3 * i + j, colour=colour, shape=shape)
        for i, colour in enumerate(("red", "green", "blue", "yellow"))
        for j, shape in enumerate(("circle", "square", "star"))
    ]
    path.write_text("\n".join(map(json.dumps, prompts)) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "command",
    [
        ["prompts", "show"],
        ["prompts", "stats"],
        ["prompts", "check"],
        ["prompts", "show", "--json"],
        ["prompts", "stats", "--json"],
        ["prompts", "check", "--json"],
    ],
)
def test_a_suite_is_shown_with_its_control_characters_spelled_out(
    command: list[str], suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, printed = run(capsys, *command, str(suite))

    assert "x1b]0;owned" in printed or "u001b]0;owned" in printed or "faults" in printed


def test_the_figure_of_a_suite_shows_its_names_safely(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = tmp_path / "together.svg"

    code, _ = run(capsys, "prompts", "stats", str(suite), "--figure", str(figure))

    assert code == 0
    assert figure.is_file()


def test_two_suites_are_compared_safely(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = run(capsys, "prompts", "diff", str(suite), "world-smoke")

    assert code == 1
    assert r"only in" in printed


def test_a_prompt_that_reverses_text_is_told_safely(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.jsonl"
    record: dict[str, object] = {
        "id": "x",
        "text": f"a cat{REVERSED}",
        "type": "t",
        "template": "t",
        "constituents": [],
        "foils": [],
        "split": None,
    }
    other.write_text(json.dumps(record) + "\n", encoding="utf-8")

    _, printed = run(capsys, "prompts", "show", str(other))

    assert "a cat" in printed or "control character" in printed


def test_a_probe_and_its_tables_are_shown_safely(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"run{TITLE}".replace("/", "")

    code, printed = run(
        capsys, "probe", "builtin:sound", "--suite", str(suite), "--out", str(out), "--device=cpu"
    )

    assert code == 0
    assert r"colour\x1b]0;owned\x07" in "".join(printed.split())
    assert main(["probe", "builtin:sound", "--suite", str(suite), "--out", str(out), "--json"]) == 0
    slots = json.loads(capsys.readouterr().out)["stations"]["text_encoder"]["slots"]
    assert f"colour{HOSTILE}$^$" in slots


def test_a_class_name_of_a_checkpoint_is_told_safely(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / f"model{TITLE}".replace("/", "")
    shutil.copytree(builtin_folder("builtin:sound"), folder)
    index = json.loads((folder / "model_index.json").read_text())
    index["_class_name"] = f"Pipeline{HOSTILE}"
    (folder / "model_index.json").write_text(json.dumps(index))

    code, printed = run(capsys, "audit", str(folder), "--out", str(tmp_path / "run"))

    assert code == 2
    assert r"\x1b]0;owned" in printed


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit", f"no-model{HOSTILE}"],
        ["audit", "builtin:sound", f"--no-option{HOSTILE}"],
        ["audit", "builtin:sound", "--judge", f"judge{HOSTILE}"],
        ["audit", "builtin:sound", "--suite", f"suite{HOSTILE}"],
        ["leaderboard", f"run{HOSTILE}", "-o", "board.csv"],
        ["prompts", "generate", f"grammar{HOSTILE}", "-o", "-"],
        ["probe", "builtin:sound", "--out", "bytes\udcff"],
    ],
)
def test_what_the_user_typed_is_repeated_safely(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bytes\udcff").write_text("in the way")

    code, printed = run(capsys, *arguments)

    assert code == 2
    assert r"\x1b]0;owned" in printed or r"\udcff" in printed


def test_the_line_of_a_grammar_that_is_wrong_is_shown_safely(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grammar = tmp_path / "pets.grammar"
    grammar.write_text(f"pet (noun) = cat | {TITLE} <\n", encoding="utf-8")

    code, printed = run(capsys, "prompts", "generate", str(grammar), "-o", "-")

    assert code == 2
    assert r"\x1b]0;owned" in printed


def test_what_libraries_warn_of_is_printed_safely(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler()
    logger = logging.getLogger("a library")
    logger.addHandler(handler)
    with printable_messages():
        warned = warnings.formatwarning(f"config has {TITLE}", UserWarning, "library.py", 1)
        logger.warning("config has %s", TITLE)
    logger.removeHandler(handler)

    logged = capsys.readouterr().err
    assert all(r"config has \x1b]0;owned\x07" in each for each in (warned, logged))
    assert "\x1b" not in warned + logged


@given(st.text())
def test_json_keeps_its_value_and_holds_no_control_character(text: str) -> None:
    written = dump_json({"text": text})

    assert json.loads(written) == {"text": text}
    assert all(printable(letter) == letter for letter in written if letter != "\n")


@given(st.text(alphabet=st.characters(blacklist_categories=["C", "Z"]), min_size=1))
def test_ordinary_text_of_any_script_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text
