"""CSV and TSV files in their usual variants, and the faults of a bad table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.cli.main import main
from tests.cli.importing.helpers import texts


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("prompt,cat\na red cube, on a table,x\n", "row 1 (line 2) has 3 cells"),
        ("prompt,cat\n,x\na blue sphere,y\n", "row 1 (line 2): column 'prompt' is empty"),
        ("prompt,cat\na cat,x\n \t,y\n", "row 2 (line 3): column 'prompt' is empty"),
        ("prompt,prompt\na cat,a dog\n", "has the column 'prompt' twice"),
        ('prompt,cat\n"a cat,x\na dog,y\n', "quotation mark"),
        ("prompt,cat\n" + '"' + "x" * 200_000 + '",y\n', "more than"),
        ("prompt,cat\na\x00cat,y\n", "(line 2): text has a control character (U+0000"),
        ("a red cube,x\na blue sphere,y\n", "has no column for the text"),
        ("prompt\na red cube, on a table\n", "row 1 (line 2) has 2 cells"),
        ("prompt,cat\n", "has no rows"),
        ("words:more\na cat:x\n", "import it with text"),
    ],
)
def test_a_bad_table_is_told_by_row_and_line(content: str, said: str, refuse: Any) -> None:
    Path("a.csv").write_text(content, encoding="utf-8")

    assert said in refuse("csv", "a.csv")


def test_the_line_of_a_row_after_cells_of_several_lines_is_right(refuse: Any) -> None:
    Path("a.csv").write_text('prompt,cat\n"a\n\nred cube",x\n,y\n', encoding="utf-8")

    assert "row 2 (line 5): column 'prompt' is empty" in refuse("csv", "a.csv")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str, take: Any) -> None:
    text = "a red cube, a sphere; a cone | a star"
    Path("a.csv").write_text(f'id{delimiter}Prompt\n7{delimiter}"{text}"\n', encoding="utf-8")

    prompts, notes = take("csv", "a.csv")

    assert (prompts[0].id, prompts[0].text) == ("7", text)
    assert ("separated by" in notes) == (delimiter != ",")


def test_a_delimiter_can_be_named(take: Any) -> None:
    Path("a.csv").write_text("prompt~cat\na red cube, on a table~x\n", encoding="utf-8")

    prompts, _ = take("csv", "a.csv", "--delimiter", "~")

    assert texts(prompts) == ["a red cube, on a table"]
    assert prompts[0].metadata == {"cat": "x"}


def test_excels_line_about_the_delimiter_is_no_header(take: Any, refuse: Any) -> None:
    Path("a.csv").write_text(
        "sep=~\r\nprompt~cat\r\na red cube, on a table~x\r\n", encoding="utf-8"
    )

    assert texts(take("csv", "a.csv")[0]) == ["a red cube, on a table"]
    Path("a.csv").write_text("sep=;\nprompt;cat\n;x\n", encoding="utf-8")
    assert "row 1 (line 3): column 'prompt' is empty" in refuse("csv", "a.csv")


def test_columns_and_ids_of_the_source_are_kept(take: Any) -> None:
    Path("a.csv").write_text(
        "prompt_id,caption,source,n\nq1,a red cube,web,1\nq2,a blue cube,book,\n,a cone,web\n,,,\n",
        encoding="utf-8",
    )

    prompts, notes = take("csv", "a.csv")

    assert [prompt.id for prompt in prompts[:2]] == ["q1", "q2"]
    assert prompts[0].metadata == {"source": "web", "n": "1"}
    assert prompts[1].metadata == {"source": "book"}
    assert prompts[2].metadata == {"source": "web"}
    assert "1 empty row was left out" in notes
    assert "1 row has fewer cells" in notes


def test_ids_that_recur_are_told_apart(take: Any) -> None:
    Path("a.csv").write_text(
        "id,prompt\nx,a red cube\nx,a blue cube\nx-2,a cone\n", encoding="utf-8"
    )
    Path("b.csv").write_text("name,prompt\nx,a star\n", encoding="utf-8")

    prompts, notes = take("csv", "a.csv")
    assert [prompt.id for prompt in prompts] == ["x", "x-2", "x-2-2"]
    assert "ids occurred before" in notes

    prompts, _ = take("csv", "b.csv", "--id-column", "name")
    assert [prompt.id for prompt in prompts] == ["x"]


def test_metadata_survives_every_table(take: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.jsonl").write_text(
        json.dumps({"id": "é1", "prompt": "a cat", "tags": ["x", {"y": 1}], "n": 3, "z": None}),
        encoding="utf-8",
    )
    own, _ = take("jsonl", "a.jsonl")
    assert own[0].metadata == {"tags": ["x", {"y": 1}], "n": 3}

    for to, format_ in (("csv", "csv"), ("parquet", "datasets"), ("datasets", "datasets")):
        assert main(["prompts", "export", "out.jsonl", "--to", to, "-o", f"x.{to}"]) == 0
        capsys.readouterr()
        back, _ = take(format_, f"x.{to}")
        assert back == own
    back, _ = take("jsonl", str(Path("out.jsonl").rename("suite.jsonl")))
    assert back == own
