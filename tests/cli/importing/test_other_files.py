"""A file in another format is refused, with the format that fits."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.importing.helpers import texts, write_parquet


@pytest.mark.parametrize("format_", ["text", "csv", "tsv", "jsonl", "json", "geneval"])
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("parquet", "a Parquet file"),
        ("zip", "a ZIP archive"),
        ("gzip", "a gzip archive"),
        ("png", "a PNG image"),
        ("pdf", "a PDF document"),
        ("html", "a web page"),
        ("noise", "is not text"),
    ],
)
def test_a_file_of_another_kind_is_named(kind: str, said: str, format_: str, refuse: Any) -> None:
    path = Path("a")
    if kind == "parquet":
        write_parquet(path, [{"prompt": "a cat"}])
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", "a cat\n")
    elif kind == "gzip":
        path.write_bytes(gzip.compress(b"a cat\n"))
    elif kind == "html":
        path.write_text("\n<!DOCTYPE html>\n<html><body>a cat</body></html>\n", encoding="utf-8")
    else:
        start = {"png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-1.7\n"}.get(kind, b"")
        path.write_bytes(start + bytes(range(256)) * 8)

    assert said in refuse(format_, "a")


@pytest.mark.parametrize(
    ("content", "format_", "said"),
    [
        ('{"prompt": "a cat", "n": 1}\n', "text", "line 1 is JSON, not a prompt"),
        ('a dog\n{"prompt": "a cat"}\n', "text", "line 2 is JSON, not a prompt"),
        ('[\n {"prompt": "a cat"}\n]\n', "text", "import it with json"),
        ('{"prompt": "a cat", "n": 1}\n', "csv", "import it with jsonl"),
        ("prompt,cat\na red cube,x\n", "text", "import it with csv"),
        ("Prompt\tCategory\na red cube\tx\n", "text", "import it with tsv"),
        ("prompt;cat\na red cube;x\n", "text", "import it with csv"),
        ("a red cube\tx\na blue cube\ty\n", "text", "import it with tsv"),
        ("prompt\na red cube\n", "text", "import it with csv"),
        ("prompt,cat\na red cube,x\n", "jsonl", "line 1 is not JSON"),
        ("a red cube\na blue cube\n", "jsonl", "import it with text"),
        ("a red cube\na blue cube\n", "csv", "import it with text"),
        ("prompt,cat\na red cube,x\n", "geneval", "line 1"),
        ('{"prompt": "a cat"}\n', "compbench", "line 1 is JSON, not a prompt"),
    ],
)
def test_a_format_that_does_not_fit_is_told_with_the_one_that_does(
    content: str, format_: str, said: str, refuse: Any
) -> None:
    Path("color.txt").write_text(content, encoding="utf-8")

    assert said in refuse(format_, "color.txt")


def test_a_prompt_in_braces_or_with_commas_is_still_text(take: Any) -> None:
    wanted = [
        "a red cube, a blue sphere",
        "{a cat}",
        "[masterpiece], a dog, best",
        "42",
        '"an owl"',
    ]
    Path("a.txt").write_text("\n".join(wanted), encoding="utf-8")

    assert texts(take("text", "a.txt")[0]) == wanted


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("- a cat\n- a dog\n", "every line starts with a list marker"),
        ("1. a cat\n2. a dog\n", "every line starts with a number"),
        ('"a cat"\n"a dog"\n', "every line is in quotation marks"),
        ("# cats\na cat\n", "1 line that starts with # was read as a prompt"),
    ],
)
def test_marks_that_are_likely_to_be_no_part_of_prompts_are_noted(
    lines: str, said: str, take: Any
) -> None:
    Path("a.txt").write_text(lines, encoding="utf-8")

    prompts, notes = take("text", "a.txt")

    assert len(prompts) == 2
    assert said in notes


def test_a_pointer_to_a_file_is_not_the_file(refuse: Any) -> None:
    Path("a.txt").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", encoding="utf-8"
    )

    assert "a Git LFS pointer" in refuse("text", "a.txt")
