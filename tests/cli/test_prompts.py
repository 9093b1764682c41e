"""The commands for prompt benchmarks, as a user types them."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from prompts.grammar.load import load_grammar
from prompts.grammar.sample import generate
from prompts.splits import compositions
from prompts.suites import load_suite, read_suite_header
from t2i_audit.cli.main import main

COMMANDS = ["generate", "import", "export", "filter", "show", "stats", "diff", "check", "list"]
GRAMMAR = """
colour = red | blue
noun (noun) = cat | dog | cow
t: a {x.colour} {x.noun} and a {y.colour} {y.noun}
"""


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prompts(*arguments: str) -> int:
    return main(["prompts", *arguments])


def make(name: str = "own.jsonl", *arguments: str) -> Path:
    assert prompts("generate", "world", "-n", "60", "-o", name, *arguments) == 0
    return Path(name)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert prompts(command, "--help") == 0
    assert f"t2i-audit prompts {command}" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_file() -> None:
    make("one.jsonl", "--seed", "3", "--held-out", "0.1")
    make("two.jsonl", "--seed", "3", "--held-out", "0.1")
    make("three.jsonl", "--seed", "4", "--held-out", "0.1")

    assert Path("one.jsonl").read_bytes() == Path("two.jsonl").read_bytes()
    assert Path("one.jsonl").read_bytes() != Path("three.jsonl").read_bytes()


def test_a_file_carries_its_origin_its_control_and_its_certificate() -> None:
    arguments = (
        "--seed",
        "1",
        "--held-out",
        "0.1",
        "--plausibility",
        "typical",
        "--frequency-band",
        "2",
    )
    assert prompts("generate", "relations", "-n", "300", "-o", "own.jsonl", *arguments) == 0

    header = read_suite_header(Path("own.jsonl"))
    assert header is not None
    assert header.source.startswith("grammar relations, sha256 ")
    assert header.control is not None
    assert header.control.plausibility == "typical"
    assert header.certificate is not None
    assert header.certificate.leaks == 0
    withheld = set(header.certificate.withheld)
    for prompt in load_suite("own.jsonl").prompts:
        assert bool(withheld & compositions(prompt)) == (prompt.split == "held_out")


def test_streams_carry_prompts_and_the_summary_goes_beside_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prompts("generate", "world", "-n", "9", "-o", "-", "--json") == 0
    written = capsys.readouterr()
    assert json.loads(written.err)["types"] == {"one_object": 3, "two_objects": 3, "relation": 3}

    for arguments in (["show", "-"], ["stats", "-"], ["export", "-", "--to", "text", "-o", "-"]):
        monkeypatch.setattr("sys.stdin", io.StringIO(written.out))
        assert prompts(*arguments) == 0
        assert capsys.readouterr().out


def test_show_prints_prompts_with_slots_and_foils(capsys: pytest.CaptureFixture[str]) -> None:
    make()
    capsys.readouterr()

    assert prompts("show", "own.jsonl", "-n", "2") == 0
    shown = capsys.readouterr().out
    assert prompts("show", "own.jsonl", "-n", "2", "--json") == 0
    rows = json.loads(capsys.readouterr().out)

    assert len(rows) == 2
    for row in rows:
        assert row["text"] in shown
        assert all(foil["text"] in shown for foil in row["foils"])
        assert all(part["slot"] in shown for part in row["constituents"])


def test_stats_counts_what_the_file_holds(capsys: pytest.CaptureFixture[str]) -> None:
    make("own.jsonl", "--held-out", "0.1")
    capsys.readouterr()

    assert prompts("stats", "own.jsonl", "--json", "--model", "builtin:sound") == 0
    counts = json.loads(capsys.readouterr().out)
    assert prompts("stats", "own.jsonl") == 0
    table = capsys.readouterr().out

    suite = load_suite("own.jsonl").prompts
    assert counts["prompts"] == 60
    assert counts["types"] == {"one_object": 20, "two_objects": 20, "relation": 20}
    red = sum("red" in prompt.text.split() for prompt in suite)
    assert counts["constituents"]["colour:red"] == red
    both = sum({"red", "blue"} <= set(prompt.text.split()) for prompt in suite)
    assert counts["together"]["colour:blue + colour:red"] == both
    # Begin, end, and one token for each of the world's words.
    longest = max(len(prompt.text.split()) for prompt in suite) + 2
    assert counts["tokens"]["tokenizer"][2] == longest
    assert counts["header"]["certificate"]["leaks"] == 0
    assert "leaks: 0" in table


@pytest.mark.parametrize("name", ["a.png", "a.svg"])
def test_stats_draws_the_same_figure_for_the_same_file(name: str) -> None:
    make()
    assert prompts("stats", "own.jsonl", "--figure", name) == 0
    first = Path(name).read_bytes()
    assert prompts("stats", "own.jsonl", "--figure", name) == 0

    assert first == Path(name).read_bytes()
    assert first.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")


def test_diff_names_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    own = make()
    lines = own.read_text().splitlines(keepends=True)
    changed = json.loads(lines[2]) | {"split": "seen"}
    Path("other.jsonl").write_text("".join([*lines[3:], json.dumps(changed) + "\n"]))
    Path("turned.jsonl").write_text("".join([lines[0], *lines[:0:-1]]))
    capsys.readouterr()

    assert prompts("diff", "own.jsonl", "turned.jsonl") == 0
    assert "60 the same" in capsys.readouterr().out
    assert prompts("diff", "own.jsonl", "other.jsonl", "--json") == 1
    difference = json.loads(capsys.readouterr().out)
    assert difference["difference"]["changed"] == [[changed["text"], ["split"]]]
    assert difference["difference"]["only_first"] == [json.loads(lines[1])["text"]]
    assert len(set(difference["sha256"])) == 2


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
    Path("bad.jsonl").write_text("\n".join([lines[0], *map(json.dumps, bad)]) + "\n")
    capsys.readouterr()

    assert prompts("check", "bad.jsonl", "--model", "builtin:sound", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert {name: group["count"] for name, group in found["faults"].items()} == {
        "id occurs twice": 1,
        "text occurs twice": 1,
        "split is not what the certificate says": 1 + (rows[1]["split"] is None),
        "no tokenizer's window holds it": 1,
    }
    assert set(found["remarks"]) == {
        "text only, so nothing can be decoded",
        "no foils, so the clip judge cannot judge it",
    }


def test_list_names_grammars_and_suites(capsys: pytest.CaptureFixture[str]) -> None:
    assert prompts("list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)

    assert listed["grammars"]["world"]["relation"] == {"count": 14400, "is_exact": True}
    assert listed["suites"]["world"]["prompts"] == 469
    assert prompts("list") == 0
    assert "14,400" in capsys.readouterr().out


@pytest.mark.parametrize("to", ["text", "csv", "geneval", "parquet", "datasets", "pairs"])
def test_an_export_comes_in_again(to: str, capsys: pytest.CaptureFixture[str]) -> None:
    make()
    assert prompts("export", "own.jsonl", "--to", to, "-o", "out", "--json") == 0
    written = json.loads(capsys.readouterr().out.split("\n", 1)[1])
    assert (written["written"], written["left_out"]) == (60, 0)
    if to == "pairs":
        header, *rows = Path("out").read_text().splitlines()
        assert header == "id,change,text,foil"
        assert len(rows) == sum(len(p.foils) for p in load_suite("own.jsonl").prompts)
        return
    format_ = {"parquet": "datasets"}.get(to, to)

    assert prompts("import", format_, "out", "-o", "back.jsonl", "--json") == 0
    tally = json.loads(capsys.readouterr().out)["files"]["out"]

    own, back = load_suite("own.jsonl").prompts, load_suite("back.jsonl").prompts
    assert [prompt.text for prompt in back] == [prompt.text for prompt in own]
    assert tally["structured"] == (0 if to == "text" else 60)
    if to in ("csv", "parquet", "datasets"):
        assert back == own


def test_an_import_tells_for_each_file_how_much_has_structure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("color_val.txt").write_text(
        "a red cup and a blue hat\none blue, one red\na red cup and a blue hat\n"
    )
    Path("spatial.txt").write_text("a cat near a dog\n")

    assert prompts("import", "compbench", "color_val.txt", "spatial.txt", "-o", "out.jsonl") == 0

    first, second = capsys.readouterr().out.splitlines()
    assert first == (
        "color_val.txt: structure for 2 of 3 rows (66.7%); 1 duplicates dropped; 2 prompts, "
        "1 of them text only"
    )
    assert second.startswith("spatial.txt: structure for 1 of 1 rows (100.0%)")
    assert len(load_suite("out.jsonl").prompts) == 3


def write_bad_row(_: None = None) -> None:
    """Row 17 of 10,000 is cut short."""
    from prompts.suites import dump_prompts

    lines = dump_prompts(generate(load_grammar("world"), 10_000, seed=0)).splitlines()
    lines[16] = lines[16][:40]
    Path("own.jsonl").write_text("\n".join(lines) + "\n")


def write_same_span(_: None = None) -> None:
    make()
    lines = Path("own.jsonl").read_text().splitlines()
    row = json.loads(lines[1])
    row["constituents"][1] |= {key: row["constituents"][0][key] for key in ("start", "end")}
    Path("own.jsonl").write_text("\n".join([lines[0], json.dumps(row)]) + "\n")


BAD = [
    (
        "unknown slot",
        "g",
        "x = a\nt: the {o.y}",
        "line 2: slot 'o.y' is of an unknown vocabulary 'y'",
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
    ("binary grammar", "g", b"\xff\xfe\x00", "is no UTF-8 text"),
]


@pytest.mark.parametrize(("content", "said"), [bad[2:] for bad in BAD], ids=[bad[0] for bad in BAD])
def test_a_bad_grammar_is_told_and_nothing_is_written(
    content: str | bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("g").write_bytes(content if isinstance(content, bytes) else content.encode())
    Path("w.toml").write_text("[x]\nvalues = []\n")

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
            "do not say which pairs are plausible",
        ),
        (("generate", "world", "--frequency-band", "0.0001"), "take a wider band"),
        (("import", "csv", "a.csv"), "has no column for the text; it has one, two: name one with"),
        (
            ("import", "csv", "a.csv", "--text-column", "three"),
            "has no column 'three'; it has one, two",
        ),
        (("import", "text", "binary"), "binary is not UTF-8 text"),
        (("import", "text", "nulls"), "nulls, line 1: text has a control character"),
        (("import", "text", "empty"), "empty is empty; write one prompt a line"),
        (("import", "csv", "empty"), "empty is empty; a CSV file starts with"),
        (("import", "geneval", "empty"), "empty is empty; GenEval's metadata"),
        (("import", "geneval", "own.jsonl"), "own.jsonl, line 1: tag: Field required"),
        (("import", "text", "missing"), "missing cannot be read: No such file"),
        (("import", "text", "."), ". is a folder; name a file"),
        (("import", "compbench", "a.csv"), "name the file as T2I-CompBench does"),
        (("import", "datasets", "a.csv"), "is no Parquet"),
        (
            ("import", "text", "doubles", "--duplicates", "refuse"),
            "doubles, line 2: 'A cat' was there",
        ),
        (("export", "missing", "--to", "text"), "is no suite and no file"),
        (("export", "empty", "--to", "text"), "empty is empty"),
        (("export", "binary", "--to", "text"), "binary is not UTF-8 text"),
        (("export", "own.jsonl", "--to", "morse"), "'--to'"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make()
    Path("a.csv").write_text("one,two\n1,2\n")
    Path("binary").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xff")
    Path("nulls").write_bytes(b"a\x00b\n")
    Path("empty").write_text("")
    Path("doubles").write_text("a cat\nA cat\n")
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


def test_a_reader_that_stops_early_is_no_fault() -> None:
    make("many.jsonl")
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "t2i_audit",
            "prompts",
            "export",
            "many.jsonl",
            "--to",
            "csv",
            "-o",
            "-",
        ],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)

    assert done.stderr == ""


def test_the_readmes_five_lines_make_a_benchmark() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (grammar,) = re.findall(r"```text[^\n]*\n(use core.*?)```", readme, flags=re.DOTALL)
    (command,) = re.findall(r"\$ t2i-audit (prompts generate pets.*)", readme)
    assert grammar.count("\n") == 5
    Path("pets.grammar").write_text(grammar)

    assert main(command.split()) == 0
    assert prompts("check", "pets.jsonl") == 0

    assert len(load_suite("pets.jsonl").prompts) == 500


def test_a_small_grammar_tells_how_many_prompts_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my.grammar").write_text(GRAMMAR)

    assert prompts("generate", "my.grammar", "-n", "12", "-o", "my.jsonl") == 0
    assert prompts("generate", "my.grammar", "-n", "13", "-o", "my.jsonl") == 2

    assert "has 12 distinct prompts" in capsys.readouterr().err
    assert len(load_suite("my.jsonl").prompts) == 12


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
    Path("suite.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

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

    assert judge == {"name": "oracle", "window": None, "unjudgeable": {}, "cut": []}
    assert prompts("check", "own.jsonl", "--judge", "clipp") == 2
