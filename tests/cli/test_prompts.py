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

from prompts.splits import compositions
from prompts.suite import load_suite, read_suite_header
from t2i_audit.cli.main import main
from tests.cli.prompts_program import make, prompts

pytestmark = pytest.mark.usefixtures("in_a_folder")

COMMANDS = ["generate", "import", "export", "filter", "show", "stats", "diff", "check", "list"]
GRAMMAR = """
colour = red | blue
noun (noun) = cat | dog | cow
t: a {x.colour} {x.noun} and a {y.colour} {y.noun}
"""


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
    Path("other.jsonl").write_text(
        "".join([*lines[3:], json.dumps(changed) + "\n"]), encoding="utf-8"
    )
    Path("turned.jsonl").write_text("".join([lines[0], *lines[:0:-1]]), encoding="utf-8")
    capsys.readouterr()

    assert prompts("diff", "own.jsonl", "turned.jsonl") == 0
    assert "60 the same" in capsys.readouterr().out
    assert prompts("diff", "own.jsonl", "other.jsonl", "--json") == 1
    difference = json.loads(capsys.readouterr().out)
    assert difference["difference"]["changed"] == [[changed["text"], ["split"]]]
    assert difference["difference"]["only_first"] == [json.loads(lines[1])["text"]]
    assert len(set(difference["sha256"])) == 2


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
        header, *rows = Path("out").read_text(encoding="utf-8").splitlines()
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
        "a red cup and a blue hat\none blue, one red\na red cup and a blue hat\n", encoding="utf-8"
    )
    Path("spatial.txt").write_text("a cat near a dog\n", encoding="utf-8")

    assert prompts("import", "compbench", "color_val.txt", "spatial.txt", "-o", "out.jsonl") == 0

    first, second = capsys.readouterr().out.splitlines()
    assert first == (
        "color_val.txt: structure for 2 of 3 rows (66.7%); 1 duplicates dropped; 2 prompts, "
        "1 of them text only"
    )
    assert second.startswith("spatial.txt: structure for 1 of 1 rows (100.0%)")
    assert len(load_suite("out.jsonl").prompts) == 3


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
    Path("pets.grammar").write_text(grammar, encoding="utf-8")

    assert main(command.split()) == 0
    assert prompts("check", "pets.jsonl") == 0

    assert len(load_suite("pets.jsonl").prompts) == 500


def test_a_small_grammar_tells_how_many_prompts_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my.grammar").write_text(GRAMMAR, encoding="utf-8")

    assert prompts("generate", "my.grammar", "-n", "12", "-o", "my.jsonl") == 0
    assert prompts("generate", "my.grammar", "-n", "13", "-o", "my.jsonl") == 2

    assert "has 12 distinct prompts" in capsys.readouterr().err
    assert len(load_suite("my.jsonl").prompts) == 12


@pytest.mark.parametrize("option", ["-o", "--out", "--output"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("generate", "world", "-n", "9"),
        ("import", "text", "a.txt"),
        ("export", "smoke", "--to", "text"),
        ("filter", "smoke", "--where", "foils"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_every_command_that_writes_takes_the_same_option(
    arguments: tuple[str, ...], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.txt").write_text("a cat\n", encoding="utf-8")

    assert prompts(*arguments, option, "out") == 0
    capsys.readouterr()
    assert prompts(*arguments, option, "-") == 0

    assert capsys.readouterr().out == Path("out").read_text(encoding="utf-8")
