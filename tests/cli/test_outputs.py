"""Commands of ``prompts`` never write over what they read, nor over what is no file."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.prompts_program import prompts

GRAMMAR = "use words.toml\ntint = red | blue\nt: a {x.tint} {x.noun}\n"
WORDS = '[noun]\nrole = "noun"\nvalues = ["cat", "dog"]\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a grammar, its vocabulary, a suite, and other names for each of them."""
    monkeypatch.chdir(tmp_path)
    Path("own.grammar").write_text(GRAMMAR, encoding="utf-8")
    Path("words.toml").write_text(WORDS, encoding="utf-8")
    assert prompts("generate", "own.grammar", "-n", "4", "-o", "suite.jsonl") == 0
    Path("lines.txt").write_text("a cat\na dog\n", encoding="utf-8")
    Path("folder.svg").mkdir()
    for name in ("own.grammar", "words.toml", "suite.jsonl", "lines.txt"):
        Path(f"link-to-{name}").symlink_to(name)
        os.link(name, f"hard-{name}")
    return tmp_path


def content() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def command(name: str, source: str, output: str) -> list[str]:
    return {
        "generate": ["generate", source, "-n", "4", "-o", output],
        "export": ["export", source, "--to", "csv", "-o", output],
        "parquet": ["export", source, "--to", "parquet", "-o", output],
        "import": ["import", "text", source, "-o", output],
        "stats": ["stats", source, "--figure", output],
        "filter": ["filter", source, "--where", "words>0", "-o", output],
    }[name]


COMMANDS = [
    ("generate", "own.grammar"),
    ("export", "suite.jsonl"),
    ("parquet", "suite.jsonl"),
    ("import", "lines.txt"),
    ("stats", "suite.jsonl"),
    ("filter", "suite.jsonl"),
]


@pytest.mark.parametrize(("name", "source"), COMMANDS)
@pytest.mark.parametrize("other", ["{}", "./{}", "folder.svg/../{}", "link-to-{}", "hard-{}"])
def test_no_command_overwrites_what_it_reads(
    name: str, source: str, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content()
    output = other.format(source)

    assert prompts(*command(name, source, output)) == 2

    said = capsys.readouterr().err
    assert f" is {source} itself, which is being read and would be overwritten" in said
    assert said.count("\n") == 1
    assert content() == before


def test_a_grammars_vocabulary_is_read_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert prompts("generate", "own.grammar", "-n", "4", "-o", "words.toml") == 2

    assert "-o words.toml is words.toml itself" in capsys.readouterr().err
    assert Path("words.toml").read_text(encoding="utf-8") == WORDS


def test_a_second_file_of_an_import_is_read_too(capsys: pytest.CaptureFixture[str]) -> None:
    Path("more.txt").write_text("a cow\n", encoding="utf-8")

    assert prompts("import", "text", "lines.txt", "more.txt", "-o", "more.txt") == 2

    assert "-o more.txt is more.txt itself" in capsys.readouterr().err
    assert Path("more.txt").read_text(encoding="utf-8") == "a cow\n"


def test_a_file_of_a_dataset_that_is_read_is_not_overwritten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert prompts("export", "suite.jsonl", "--to", "datasets", "-o", "set") == 0
    before = content()
    capsys.readouterr()

    assert prompts("import", "datasets", "set", "-o", "set/prompts.parquet") == 2

    assert "is a file of the folder set, which is being read" in capsys.readouterr().err
    assert content() == before


@pytest.mark.parametrize(("name", "source"), COMMANDS)
@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("folder.svg", "folder.svg is a folder; name a file"),
        ("lines.txt/x.svg", "lines.txt, which is a file; name a folder"),
    ],
)
def test_an_output_that_cannot_be_a_file_is_one_sentence(
    name: str, source: str, output: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content()

    assert prompts(*command(name, source, output)) == 2

    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert content() == before


def run(*arguments: str, **streams: object) -> subprocess.CompletedProcess[str]:
    """The program as a process of its own, with real standard streams."""
    return subprocess.run(
        [sys.executable, "-m", "t2i_audit", "prompts", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        **streams,  # type: ignore[call-overload]
    )


def test_the_file_on_standard_input_is_not_overwritten() -> None:
    before = content()

    with Path("suite.jsonl").open(encoding="utf-8") as file:
        done = run("export", "-", "--to", "csv", "-o", "suite.jsonl", stdin=file)

    assert done.returncode == 2
    assert "-o suite.jsonl is the file on standard input itself" in done.stderr
    assert content() == before


def test_a_file_is_not_appended_to_itself() -> None:
    before = content()

    with Path("suite.jsonl").open("a", encoding="utf-8") as file:
        done = run("export", "suite.jsonl", "--to", "text", "-o", "-", stdout=file)

    assert done.returncode == 2
    assert "standard output is suite.jsonl itself" in done.stderr
    assert content() == before


def test_a_named_pipe_is_written_to_and_stays_one(capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo("pipe")
    read: list[str] = []
    reader = threading.Thread(
        target=lambda: read.append(Path("pipe").read_text(encoding="utf-8")), daemon=True
    )
    reader.start()

    assert prompts("export", "suite.jsonl", "--to", "text", "-o", "pipe") == 0

    reader.join(timeout=10)
    assert read[0].count("\n") == 4
    assert Path("pipe").is_fifo()
    assert prompts("export", "suite.jsonl", "--to", "parquet", "-o", "pipe") == 2
    assert "is a device or a pipe; name a plain file" in capsys.readouterr().err
    assert Path("pipe").is_fifo()
