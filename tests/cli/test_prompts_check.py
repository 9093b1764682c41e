"""The command ``prompts check``, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.prompts_program import make, prompts

pytestmark = pytest.mark.usefixtures("in_a_folder")


def test_check_finds_nothing_in_a_generated_file_and_the_faults_in_a_bad_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = make("own.jsonl", "--held-out", "0.1")
    assert prompts("check", "own.jsonl", "--model", "builtin:sound") == 0

    lines = own.read_text().splitlines()
    rows = [json.loads(line) for line in lines[1:]]
    flipped = rows[0] | {"split": "seen" if rows[0]["split"] == "held_out" else "held_out"}
    long = {"id": "long", "text": "a red circle and " * 20, "type": "t", "template": "t"}
    bad = [flipped, rows[1], rows[1], long | {"constituents": []}]
    Path("bad.jsonl").write_text(
        "\n".join([lines[0], *map(json.dumps, bad)]) + "\n", encoding="utf-8"
    )
    capsys.readouterr()

    assert prompts("check", "bad.jsonl", "--model", "builtin:sound", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert {name: group["count"] for name, group in found["faults"].items()} == {
        "id occurs twice": 1,
        "text occurs twice": 1,
        "split contradicts the certificate": 1 + (rows[1]["split"] is None),
        "longer than what any tokenizer's encoder reads": 1,
    }
    assert set(found["remarks"]) == {
        "text only, so no slot can be probed",
        "no foils, so the clip judge cannot judge it",
    }


def test_check_says_what_a_judge_cannot_judge_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    """The built-in judge reads 16 tokens."""
    start = "a red circle and a blue square and a red star and a "
    pairs = {
        "far": (start + "purple cross", start + "purple star"),
        "near": (start + "purple square", "a star"),
        "bare": ("a star", None),
        "strange": ("a red teapot", "a blue teapot"),
        "fine": ("a red star", "a blue star"),
    }
    rows = [
        {
            "id": name, "text": text, "type": "t", "template": "t", "constituents": [],
            "foils": [] if foil is None else [{"text": foil, "change": "c"}],
        }
        for name, (text, foil) in pairs.items()
    ]  # fmt: skip
    Path("suite.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
    )

    assert prompts("check", "suite.jsonl", "--judge", "clip", "--json") == 1
    judge = json.loads(capsys.readouterr().out)["judge"]

    assert (judge["name"], judge["window"], judge["cut"]) == ("clip", 16, ["near"])
    assert sorted(judge["unjudgeable"].values()) == [["bare"], ["far"], ["strange"]]
    assert prompts("check", "suite.jsonl", "--judge", "clip") == 1
    said = capsys.readouterr().out
    assert "clip cannot judge: there are no foils to choose from: 1 ('bare')" in said
    assert "3 faults" in said.splitlines()[-1]


def test_check_passes_where_a_judge_can_judge_every_prompt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    make()
    capsys.readouterr()

    assert prompts("check", "own.jsonl", "--judge", "oracle", "--json") == 0
    judge = json.loads(capsys.readouterr().out)["judge"]

    assert judge == {
        "name": "oracle", "window": None, "unjudgeable": {}, "cut": [], "remarks": []
    }  # fmt: skip
    assert prompts("check", "own.jsonl", "--judge", "clipp") == 2
