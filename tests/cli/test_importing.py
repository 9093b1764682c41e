"""Prompt files as users have them: read rightly, with notes, or refused in one sentence."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from prompts.structure import Prompt
from prompts.suites import load_suite
from t2i_audit.cli.main import main

CASES = Path(__file__).parents[3] / "shared" / "cases"


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def take(capsys: pytest.CaptureFixture[str]) -> Any:
    """Import a file and give back the prompts and the notes."""

    def taken(format_: str, *arguments: str) -> tuple[tuple[Prompt, ...], str]:
        assert main(["prompts", "import", format_, *arguments, "-o", "out.jsonl", "--json"]) == 0
        files = json.loads(capsys.readouterr().out)["files"]
        notes = " | ".join(note for file in files.values() for note in file["notes"])
        return load_suite("out.jsonl").prompts, notes

    return taken


@pytest.fixture
def refuse(capsys: pytest.CaptureFixture[str]) -> Any:
    """Import a file that cannot be taken and give back the one sentence."""

    def refused(format_: str, *arguments: str) -> str:
        before = set(Path().rglob("*"))
        assert main(["prompts", "import", format_, *arguments, "-o", "made/out.jsonl"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert "Traceback" not in captured.err
        assert set(Path().rglob("*")) == before
        return captured.err

    return refused


def texts(prompts: tuple[Prompt, ...]) -> list[str]:
    return [prompt.text for prompt in prompts]


# White space and characters that nobody sees


def test_white_space_inside_a_prompt_is_folded_and_counted(take: Any) -> None:
    row = {"tag": "colors", "include": [{"class": "spoon", "count": 1, "color": "red"}]}
    lines = [
        json.dumps(row | {"prompt": "A red spoon.\n\nSoft light."}),
        json.dumps(row | {"prompt": "A red spoon\tand\u00a0light."}),
        json.dumps(row | {"prompt": "A red spoon."}),
    ]
    Path("a.jsonl").write_text("\n".join(lines))

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
        "a bl\u200due cup\nan astronaut 👩\u200d🚀\nplain\n"
    )

    prompts, notes = take("text", "a.txt")

    assert texts(prompts) == [
        "a red cube", "a soft bed", "an owl", "a cat", "a dog", "a blue cup",
        "an astronaut 👩\u200d🚀", "plain",
    ]  # fmt: skip
    assert "invisible characters were removed from 6 prompts" in notes


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x07", "\u202e", "\x9b"])
def test_a_control_character_is_named_with_its_line(character: str, refuse: Any) -> None:
    Path("a.txt").write_text(f"a red cube\na {character} sphere\n")

    said = refuse("text", "a.txt")

    assert "a.txt, line 2: text has a control character" in said
    assert f"U+{ord(character):04X}" in said


def test_signs_of_an_earlier_wrong_decoding_are_noted(take: Any) -> None:
    Path("a.txt").write_text("a caf\u00c3\u00a9\na na\ufffdve cat\na café\n")

    _, notes = take("text", "a.txt")

    assert "look wrongly decoded in 2 prompts" in notes


def test_line_ends_of_any_system_end_a_prompt(take: Any) -> None:
    Path("a.txt").write_bytes(b"a red cube\r\na blue sphere\ra green cone\n")

    prompts, _ = take("text", "a.txt")

    assert texts(prompts) == ["a red cube", "a blue sphere", "a green cone"]


def test_duplicates_are_counted_on_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.txt").write_text("a cat\nA\tcat.\na\u200b cat\n")

    assert main(["prompts", "import", "text", "a.txt", "-o", "out.jsonl"]) == 0

    printed = capsys.readouterr().out
    assert "2 duplicates dropped" in printed
    assert "a.txt: note: white space was replaced by single spaces in 1 prompt" in printed
    assert "a.txt: note: invisible characters were removed from 1 prompt" in printed


# Encodings


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", ""),
        ("utf-8-sig", "byte order mark"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("cp1252", "Windows-1252"),
    ],
)
@pytest.mark.parametrize("format_", ["text", "csv", "jsonl"])
def test_the_encoding_is_found_and_told(encoding: str, said: str, format_: str, take: Any) -> None:
    wanted = ["a café table", "a 5€ note", "two olives", "a naïve “robot”"]
    lines = {
        "text": wanted,
        "csv": ["prompt,n", *(f"{text},1" for text in wanted)],
        "jsonl": [json.dumps({"prompt": text}, ensure_ascii=False) for text in wanted],
    }[format_]
    Path("a").write_bytes(("\n".join(lines) + "\n").encode(encoding))

    prompts, notes = take(format_, "a")

    assert texts(prompts) == wanted
    assert said in notes
    assert bool(notes) == bool(said)


def test_a_spoilt_line_among_utf_8_is_told_and_the_rest_not_garbled(refuse: Any) -> None:
    Path("a.txt").write_bytes("a café\na naïve cat\n".encode() + "crème\n".encode("cp1252"))

    assert "a.txt, line 3 is not UTF-8, unlike the other lines" in refuse("text", "a.txt")


def test_an_encoding_can_be_named(take: Any, refuse: Any) -> None:
    Path("a.txt").write_bytes("červená krychle\n".encode("cp1250"))

    assert texts(take("text", "a.txt", "--encoding", "cp1250")[0]) == ["červená krychle"]
    assert "--encoding 'klingon' is not a text encoding" in refuse(
        "text", "a.txt", "--encoding", "klingon"
    )
    assert "--encoding 'hex' is not a text encoding" in refuse("text", "a.txt", "--encoding", "hex")
    assert "is not valid ascii" in refuse("text", "a.txt", "--encoding", "ascii")


def test_standard_input_is_decoded_as_a_file_is(take: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    data = "prompt;n\na café;1\n".encode("utf-16")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))

    assert texts(take("csv", "-")[0]) == ["a café"]

    monkeypatch.setattr("sys.stdin", io.StringIO("\ufeffa cat\n"))
    assert texts(take("text", "-")[0]) == ["a cat"]


# Files that are something else


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


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
        path.write_text("\n<!DOCTYPE html>\n<html><body>a cat</body></html>\n")
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
    Path("color.txt").write_text(content)

    assert said in refuse(format_, "color.txt")


def test_a_prompt_in_braces_or_with_commas_is_still_text(take: Any) -> None:
    wanted = [
        "a red cube, a blue sphere",
        "{a cat}",
        "[masterpiece], a dog, best",
        "42",
        '"an owl"',
    ]
    Path("a.txt").write_text("\n".join(wanted))

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
    Path("a.txt").write_text(lines)

    prompts, notes = take("text", "a.txt")

    assert len(prompts) == 2
    assert said in notes


def test_a_pointer_to_a_file_is_not_the_file(refuse: Any) -> None:
    Path("a.txt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n")

    assert "a Git LFS pointer" in refuse("text", "a.txt")


# CSV and TSV


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
    Path("a.csv").write_text(content)

    assert said in refuse("csv", "a.csv")


def test_the_line_of_a_row_after_cells_of_several_lines_is_right(refuse: Any) -> None:
    Path("a.csv").write_text('prompt,cat\n"a\n\nred cube",x\n,y\n')

    assert "row 2 (line 5): column 'prompt' is empty" in refuse("csv", "a.csv")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str, take: Any) -> None:
    text = "a red cube, a sphere; a cone | a star"
    Path("a.csv").write_text(f'id{delimiter}Prompt\n7{delimiter}"{text}"\n')

    prompts, notes = take("csv", "a.csv")

    assert (prompts[0].id, prompts[0].text) == ("7", text)
    assert ("separated by" in notes) == (delimiter != ",")


def test_a_delimiter_can_be_named(take: Any) -> None:
    Path("a.csv").write_text("prompt~cat\na red cube, on a table~x\n")

    prompts, _ = take("csv", "a.csv", "--delimiter", "~")

    assert texts(prompts) == ["a red cube, on a table"]
    assert prompts[0].metadata == {"cat": "x"}


def test_excels_line_about_the_delimiter_is_no_header(take: Any, refuse: Any) -> None:
    Path("a.csv").write_text("sep=~\r\nprompt~cat\r\na red cube, on a table~x\r\n")

    assert texts(take("csv", "a.csv")[0]) == ["a red cube, on a table"]
    Path("a.csv").write_text("sep=;\nprompt;cat\n;x\n")
    assert "row 1 (line 3): column 'prompt' is empty" in refuse("csv", "a.csv")


def test_columns_and_ids_of_the_source_are_kept(take: Any) -> None:
    Path("a.csv").write_text(
        "prompt_id,caption,source,n\nq1,a red cube,web,1\nq2,a blue cube,book,\n,a cone,web\n,,,\n"
    )

    prompts, notes = take("csv", "a.csv")

    assert [prompt.id for prompt in prompts[:2]] == ["q1", "q2"]
    assert prompts[0].metadata == {"source": "web", "n": "1"}
    assert prompts[1].metadata == {"source": "book"}
    assert prompts[2].metadata == {"source": "web"}
    assert "1 empty row was left out" in notes
    assert "1 row has fewer cells" in notes


def test_ids_that_recur_are_told_apart(take: Any) -> None:
    Path("a.csv").write_text("id,prompt\nx,a red cube\nx,a blue cube\nx-2,a cone\n")
    Path("b.csv").write_text("name,prompt\nx,a star\n")

    prompts, notes = take("csv", "a.csv")
    assert [prompt.id for prompt in prompts] == ["x", "x-2", "x-2-2"]
    assert "ids occurred before" in notes

    prompts, _ = take("csv", "b.csv", "--id-column", "name")
    assert [prompt.id for prompt in prompts] == ["x"]


def test_metadata_survives_every_table(take: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.jsonl").write_text(
        json.dumps({"id": "é1", "prompt": "a cat", "tags": ["x", {"y": 1}], "n": 3, "z": None})
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


# JSON


@pytest.mark.parametrize(
    "content",
    [
        '{"prompt": "a cat"}\n\n{"prompt": "a dog"}\n',
        '[{"prompt": "a cat"}, {"prompt": "a dog"}]',
        '["a cat", "a dog"]',
        '"a cat"\n"a dog"\n',
        '{"prompt": ["a cat", "a dog"]}',
        '{"prompts": [{"prompt": "a cat"}, {"prompt": "a dog"}], "version": 1}',
        '{\n "x": "a cat",\n "y": "a dog"\n}',
        '{"x": {"prompt": "a cat"}, "y": {"prompt": "a dog"}}',
    ],
)
@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_json_in_its_usual_shapes_is_read(content: str, format_: str, take: Any) -> None:
    Path("a.json").write_text(content)

    prompts, _ = take(format_, "a.json")

    assert texts(prompts) == ["a cat", "a dog"]
    if '"x"' in content:
        assert [prompt.id for prompt in prompts] == ["x", "y"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"prompt": "a cat"}\n{"prompt": "a d', "line 2 is not JSON"),
        ('{"prompt": "a cat"}\n[1]\n', "line 2 holds a list"),
        ('{"prompt": "a cat"}\n{"prompt": 3}\n', "line 2: column 'prompt' should hold text, not 3"),
        ('{"prompt": "a cat"}\n{"other": "x"}\n', "line 2 has no column 'prompt'"),
        ('{"prompt": "a cat"}\n{"prompt": ""}\n', "line 2: column 'prompt' is empty"),
        (
            '{"a": "x", "b": "y"}\n{"a": "x", "b": "y"}\n',
            "it has a, b: name one with --text-column",
        ),
        ("[" * 100_000, "is not JSON"),
        ('{"prompt": ' + "9" * 5000 + "}\n", "is not JSON"),
        ('{"prompt": "a \\ud800 cat"}\n', "line 1: text has a control character"),
        ("[]", "has no prompts"),
        ('{"prompt": ["a", "b"], "n": [1]}', "has 2 prompts and 1 of 'n'"),
        ("3", "import it with text"),
    ],
)
def test_bad_json_is_told_by_line(content: str, said: str, refuse: Any) -> None:
    Path("a.json").write_text(content)

    assert said in refuse("jsonl", "a.json")


def test_a_lone_surrogate_beside_the_prompt_does_no_harm(take: Any) -> None:
    Path("a.jsonl").write_text('{"prompt": "a cat", "note": "\\ud800\\u001b[2J"}\n')

    assert take("jsonl", "a.jsonl")[0][0].metadata == {"note": "\ufffd\x1b[2J"}


def test_metadata_that_no_reader_could_read_again_is_refused(refuse: Any) -> None:
    for nested in ("[" * 300 + "]" * 300, '{"a":' * 300 + "1" + "}" * 300):
        Path("a.jsonl").write_text(f'{{"prompt": "a cat", "more": {nested}}}\n')
        assert "line 1: 'more' is nested more than 50 levels deep" in refuse("jsonl", "a.jsonl")


def test_a_file_whose_name_is_no_text_is_read(take: Any) -> None:
    import os

    name = os.fsdecode(b"caf\xe9.txt")
    Path(name).write_text("a cat\n")

    assert texts(take("text", name)[0]) == ["a cat"]


def test_the_input_is_never_overwritten() -> None:
    Path("a.csv").write_text("prompt,n\na cat,1\n")
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
    Path("a.txt").write_text("a cat\n")
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
    Path("a.txt").write_text("a cat\n")
    own, _ = take("text", "a.txt")
    Path("bom.jsonl").write_bytes(b"\xef\xbb\xbf" + Path("out.jsonl").read_bytes())
    Path("wide.jsonl").write_bytes(Path("out.jsonl").read_text().encode("utf-16"))
    Path("a.csv").write_text("prompt,n\na cat,1\n")

    assert load_suite("bom.jsonl").prompts == own
    for name, said in (
        ("wide.jsonl", "is not UTF-8 text"),
        ("a.csv", "t2i-audit prompts import csv"),
        ("a.txt", "t2i-audit prompts import text"),
    ):
        assert main(["prompts", "stats", name]) == 2
        assert said in capsys.readouterr().err
