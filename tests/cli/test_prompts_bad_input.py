"""Bad input of the commands for prompt benchmarks is one sentence, and nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prompts.generate import generate
from prompts.grammar.load import load_grammar
from prompts.suite import dump_prompts
from tests.cli.prompts_program import make, prompts

pytestmark = pytest.mark.usefixtures("in_a_folder")


def write_bad_row(_: None = None) -> None:
    """Row 17 of 10,000 is cut short."""
    lines = dump_prompts(generate(load_grammar("world"), 10_000, seed=0)).splitlines()
    lines[16] = lines[16][:40]
    Path("own.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_same_span(_: None = None) -> None:
    make()
    lines = Path("own.jsonl").read_text(encoding="utf-8").splitlines()
    row = json.loads(lines[1])
    row["constituents"][1] |= {key: row["constituents"][0][key] for key in ("start", "end")}
    Path("own.jsonl").write_text("\n".join([lines[0], json.dumps(row)]) + "\n", encoding="utf-8")


BAD = [
    (
        "unknown slot",
        "g",
        "x = a\nt: the {o.y}",
        "line 2: slot 'o.y' has an unknown vocabulary 'y'",
    ),
    ("empty vocabulary", "g", "x =\nt: the {o.x}", "line 1: vocabulary 'x' has an empty value"),
    ("empty file of words", "g", "use w.toml\nt: the {o.x}", "vocabulary 'x' in w.toml is empty"),
    (
        "recursive rule",
        "g",
        "x = a\nr(o) := {o.x} <r(o)>\nt: <r(o)>",
        "line 2: rule 'r' calls itself",
    ),
    ("syntax", "g", "x = a\nt: the {o.x", "nearest form that parses: t: the {o.x}"),
    ("empty grammar", "g", "", "grammar g is empty"),
    ("binary grammar", "g", b"\xff\xfe\x00", "is not UTF-8 text"),
]


@pytest.mark.parametrize(("content", "said"), [bad[2:] for bad in BAD], ids=[bad[0] for bad in BAD])
def test_a_bad_grammar_is_told_and_nothing_is_written(
    content: str | bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("g").write_bytes(content if isinstance(content, bytes) else content.encode())
    Path("w.toml").write_text("[x]\nvalues = []\n", encoding="utf-8")

    assert prompts("generate", "g", "-n", "1", "-o", "out/own.jsonl") == 2

    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.startswith("t2i-audit: ")
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not Path("out/own.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("generate", "wrold"), "did you mean world?"),
        (("generate", "world", "--held-out", "0.9"), "from 1 to"),
        (("generate", "world", "--held-out", "2"), "should be between 0 and 1, not 2"),
        (("generate", "world", "-n", "20000"), "has 16,272 distinct prompts"),
        (("generate", "world", "-n", "0"), "should be at least 1, not 0"),
        (
            ("generate", "world", "--plausibility", "typical"),
            "do not list plausible pairs",
        ),
        (("generate", "world", "--frequency-band", "0.0001"), "use a wider band"),
        (("import", "csv", "a.csv"), "has no column for the text; it has one, two: name one with"),
        (
            ("import", "csv", "a.csv", "--text-column", "three"),
            "has no column 'three'; it has one, two",
        ),
        (("import", "text", "binary"), "binary is not UTF-8 text"),
        (("import", "text", "nulls"), "nulls, line 1: text has a control character"),
        (("import", "text", "empty"), "empty is empty; write one prompt per line"),
        (("import", "csv", "empty"), "empty is empty; a CSV file starts with"),
        (("import", "geneval", "empty"), "empty is empty; write one JSON object per line"),
        (("import", "geneval", "own.jsonl"), "own.jsonl, line 1: tag: Field required"),
        (("import", "text", "missing"), "missing cannot be read: No such file"),
        (("import", "text", "."), ". is a folder; name a file"),
        (("import", "compbench", "a.csv"), "name the file as T2I-CompBench does"),
        (("import", "datasets", "a.csv"), "is not a Parquet file"),
        (
            ("import", "text", "doubles", "--duplicates", "refuse"),
            "doubles, line 2: 'A cat' occurred before",
        ),
        (("export", "missing", "--to", "text"), "is neither a suite nor a file"),
        (("export", "empty", "--to", "text"), "empty is empty"),
        (("export", "binary", "--to", "text"), "binary is not UTF-8 text"),
        (("export", "own.jsonl", "--to", "morse"), "'--to'"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make()
    Path("a.csv").write_text("one,two\n1,2\n", encoding="utf-8")
    Path("binary").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xff")
    Path("nulls").write_bytes(b"a\x00b\n")
    Path("empty").write_text("", encoding="utf-8")
    Path("doubles").write_text("a cat\nA cat\n", encoding="utf-8")
    before = set(Path().iterdir())
    capsys.readouterr()

    assert prompts(*arguments, "-o", "written") == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert said in captured.err
    assert set(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (write_bad_row, "own.jsonl, line 17: "),
        (write_same_span, "of 'object_1.shape' overlaps the one before it, 'object_1.colour'"),
    ],
)
@pytest.mark.parametrize("command", ["export", "show", "stats", "check", "diff"])
def test_a_bad_row_is_named_by_every_command(
    prepare: object, said: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare()  # type: ignore[operator]
    capsys.readouterr()
    more = {"export": ["--to", "text", "-o", "-"], "diff": ["world-smoke"]}.get(command, [])

    assert prompts(command, "own.jsonl", *more) == 2

    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
