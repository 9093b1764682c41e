"""Suites on disk: what is written is read back, and nothing else is accepted."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from prompts.suite import Suite, SuiteFormatError, dump_prompts, load_suite, read_prompts
from prompts.world import sample_prompt


def rows(count: int = 3) -> list[dict[str, Any]]:
    rng = random.Random(0)
    prompts = tuple(sample_prompt(rng, "relation") for _ in range(count))
    return [json.loads(line) for line in dump_prompts(prompts).splitlines()]


def written(path: Path, content: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
    return path


def test_a_suite_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    suite = load_suite("world")
    path = tmp_path / "copy.jsonl"
    path.write_text(dump_prompts(suite.prompts))

    copy = load_suite(str(path))

    assert copy.prompts == suite.prompts
    assert (copy.name, copy.sha256) == ("copy", suite.sha256)


def test_the_hash_is_of_the_content_not_of_its_order() -> None:
    suite = load_suite("world-smoke")

    assert Suite("x", suite.prompts[::-1]).sha256 == suite.sha256
    assert Suite("x", suite.prompts[:-1]).sha256 != suite.sha256


def test_a_limit_keeps_the_first_prompts() -> None:
    suite = load_suite("world-smoke")

    assert suite.limited(5).prompts == suite.prompts[:5]
    assert suite.limited(None) is suite
    assert suite.limited(10_000) is suite


def test_a_mistyped_name_is_offered_the_nearest() -> None:
    with pytest.raises(SuiteFormatError, match="did you mean world-relations"):
        load_suite("world-relation")


def test_a_folder_is_no_suite(tmp_path: Path) -> None:
    with pytest.raises(SuiteFormatError, match="is a folder"):
        load_suite(str(tmp_path))


def change(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return row | changes


def part(row: dict[str, Any], index: int, **changes: Any) -> dict[str, Any]:
    parts = [dict(each) for each in row["constituents"]]
    parts[index] |= changes
    return row | {"constituents": parts}


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        (lambda row: {k: v for k, v in row.items() if k != "text"}, "text: Field required"),
        (lambda row: change(row, text=" "), "text is empty"),
        (lambda row: change(row, text="a\x1b[31m" + row["text"]), "control character"),
        (lambda row: change(row, split="both"), "split"),
        (lambda row: part(row, 0, end=999), "outside the text"),
        (lambda row: part(row, 0, start=-1), "outside the text"),
        (lambda row: part(row, 1, start=row["constituents"][0]["start"]), "overlaps"),
        (lambda row: part(row, 0, slot="relation"), "filled twice"),
        (lambda row: part(row, 0, slot="presence.colour"), "another meaning"),
        (lambda row: part(row, 0, entities=[]), "belongs to no entity"),
        (lambda row: part(row, 0, start="x"), "start"),
    ],
)
def test_a_faulty_line_is_named(spoiled: Any, said: str, tmp_path: Path) -> None:
    content = rows()
    content[1] = spoiled(content[1])
    path = written(tmp_path / "suite.jsonl", content)

    with pytest.raises(SuiteFormatError, match=r"suite\.jsonl, line 2: .*") as caught:
        read_prompts(path)
    assert said in str(caught.value)


def test_an_id_may_occur_once(tmp_path: Path) -> None:
    path = written(tmp_path / "suite.jsonl", [rows()[0]] * 2)

    with pytest.raises(SuiteFormatError, match=r"prompt 2: id .* occurs twice"):
        read_prompts(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"\n \n", "is empty"), (b"\xff\xfe", "UTF-8"), (b"{oops", "line 1")],
)
def test_an_unusable_file_is_said_to_be_so(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "suite.jsonl"
    path.write_bytes(content)

    with pytest.raises(SuiteFormatError, match=said):
        read_prompts(path)
