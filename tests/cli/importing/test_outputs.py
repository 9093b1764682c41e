"""Imported suites: never written over their input, and their ids and metadata reach a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prompts.formats.native import dump_prompt
from prompts.suite import Suite, load_suite
from t2i_audit.cli.main import main


def test_the_input_is_never_overwritten() -> None:
    Path("a.csv").write_text("prompt,n\na cat,1\n", encoding="utf-8")
    before = Path("a.csv").read_bytes()

    assert main(["prompts", "import", "csv", "a.csv", "-o", "./a.csv"]) == 2
    assert Path("a.csv").read_bytes() == before
    Path("folder").mkdir()
    assert main(["prompts", "import", "csv", "a.csv", "-o", "folder"]) == 2
    assert list(Path("folder").iterdir()) == []


@pytest.mark.parametrize("to", ["text", "csv", "parquet"])
def test_an_export_goes_into_no_folder_and_not_over_its_suite(
    to: str, take: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.txt").write_text("a cat\n", encoding="utf-8")
    own, _ = take("text", "a.txt")
    Path("folder").mkdir()

    for output, said in (("folder", "is a folder"), ("out.jsonl", "would be overwritten")):
        assert main(["prompts", "export", "out.jsonl", "--to", to, "-o", output]) == 2
        captured = capsys.readouterr()
        assert said in captured.err
        assert captured.err.count("\n") == 1
    assert load_suite("out.jsonl").prompts == own


def test_a_suite_with_a_byte_order_mark_is_read(
    take: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.txt").write_text("a cat\n", encoding="utf-8")
    own, _ = take("text", "a.txt")
    Path("bom.jsonl").write_bytes(b"\xef\xbb\xbf" + Path("out.jsonl").read_bytes())
    Path("wide.jsonl").write_bytes(Path("out.jsonl").read_text(encoding="utf-8").encode("utf-16"))
    Path("a.csv").write_text("prompt,n\na cat,1\n", encoding="utf-8")

    assert load_suite("bom.jsonl").prompts == own
    for name, said in (
        ("wide.jsonl", "is not UTF-8 text"),
        ("a.csv", "t2i-audit prompts import csv"),
        ("a.txt", "t2i-audit prompts import text"),
    ):
        assert main(["prompts", "stats", name]) == 2
        assert said in capsys.readouterr().err


def test_ids_and_columns_reach_the_tables_of_a_run() -> None:
    from t2i_audit.run.tables import read_rows, table_path

    with Path("own.jsonl").open("w", encoding="utf-8") as file:
        for number, prompt in enumerate(load_suite("world-smoke").prompts[:12]):
            more = {"id": f"mine/{number}", "metadata": {"source": "web", "n": number}}
            file.write(json.dumps(json.loads(dump_prompt(prompt)) | more) + "\n")

    assert main(["probe", "builtin:sound", "--suite", "own.jsonl", "--out", "run"]) == 0

    table = read_rows(table_path(Path("run"), "prompts"), "prompts")
    assert [row["prompt_id"] for row in table[:2]] == ["mine/0", "mine/1"]
    assert table[3]["metadata"] == {"source": "web", "n": 3}


def test_a_suites_hash_knows_its_metadata_and_is_the_same_without() -> None:
    world = load_suite("world-smoke")
    other = tuple(replace(prompt, metadata={"n": 1}) for prompt in world.prompts)

    # As it was before prompts could have metadata.
    assert world.sha256 == "71dcc807cfda475d65e7ff72266ae516188fe74635c9a874830d5aee4d114ee5"
    assert Suite("x", other).sha256 != world.sha256
