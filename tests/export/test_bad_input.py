"""What cannot be exported is one sentence, and nothing is left behind."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

import t2i_audit as t2i
from t2i_audit.cli.main import main


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def sentence(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line that a refused export prints; it writes nothing."""
    before = sorted(Path.cwd().rglob("*"))
    assert main(["export", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = [each for each in captured.err.splitlines() if not each.startswith("images: ")]
    assert sorted(Path.cwd().rglob("*")) == before
    return line


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--to", "arff", "-o", "x"], "'--to'"),
        (["--to", "csv"], "give --out PATH"),
        (["--to", "model-index"], "give --out PATH or --card README.md"),
        (["--to", "csv", "--card", "x.md", "-o", "x"], "--card is for --to model-index"),
        (["--to", "datasets", "--source", "https://a.b", "-o", "x"], "--source is for --to"),
        (["--to", "model-index", "--card", "x.md", "-o", "x"], "give one of them"),
        (["--to", "model-index", "--source", "a page", "-o", "x"], "begins with https://"),
        (["--to", "datasets", "-o", "-"], "--to datasets makes a folder; name one with --out"),
        (["--to", "model-index", "--card", "none.md"], "the card none.md does not exist"),
        (["--to", "model-index", "--card", "."], "give ./README.md"),
        (["--to", "csv", "-o", "."], "-o should name a file, and . is a folder"),
    ],
)
def test_options_that_cannot_be_used(
    options: list[str], part: str, audit: t2i.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert part in sentence(capsys, audit.path, *options)


@pytest.mark.parametrize("to", ["datasets", "geneval", "csv", "model-index"])
def test_a_place_inside_the_run_is_refused(
    to: str, audit: t2i.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    out = audit.path / "exported"

    assert "lies in the run directory" in sentence(capsys, audit.path, "--to", to, "-o", out)
    assert not out.exists()


@pytest.mark.parametrize("to", ["datasets", "geneval"])
def test_a_folder_that_holds_something_is_refused(
    to: str, audit: t2i.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("keep", encoding="utf-8")

    said = sentence(capsys, audit.path, "--to", to, "-o", "mine")
    assert said == "t2i-audit: mine exists and is not empty; give a new -o, or remove it"


@pytest.mark.parametrize("to", ["datasets", "geneval"])
def test_a_file_in_the_place_of_a_folder_is_refused(
    to: str, audit: t2i.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine").write_text("keep", encoding="utf-8")

    assert "mine is a file or a link" in sentence(capsys, audit.path, "--to", to, "-o", "mine")
    assert "is a file, so mine/set cannot be made" in sentence(
        capsys, audit.path, "--to", to, "-o", "mine/set"
    )


@pytest.mark.parametrize("to", ["datasets", "geneval"])
@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (Path.unlink, "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "was changed since it was judged"),
    ],
    ids=["missing", "cut"],
)
def test_a_damaged_image_is_named_and_nothing_is_left(
    to: str,
    damage: object,
    part: str,
    copied: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = copied / "images" / "000011_001.png"
    damage(image)  # type: ignore[operator]

    said = sentence(capsys, copied, "--to", to, "-o", "out")
    assert f"{image} {part}" in said


@pytest.mark.parametrize("to", ["datasets", "geneval", "csv"])
def test_a_probe_has_no_images_to_export(
    to: str, probe: t2i.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    said = sentence(capsys, probe.path, "--to", to, "-o", "out")

    assert "made no images; give --to model-index" in said


def test_an_unfinished_run_is_refused(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = copied / "manifest.json"
    record = json.loads(manifest.read_text())
    record["stages"]["results"]["state"] = "running"
    manifest.write_text(json.dumps(record))

    assert "is not finished" in sentence(capsys, copied, "--to", "csv", "-o", "x.csv")


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("README.md", b"---\na: [\n---\n", "the metadata of README.md are no YAML (line 3"),
        ("README.md", b"\xff\xfe\x00", "it is not UTF-8 text"),
        ("model.safetensors", b"weights", "it is no Markdown file"),
    ],
)
def test_a_card_that_is_none_stays_as_it_is(
    name: str, content: bytes, part: str, audit: t2i.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(name).write_bytes(content)

    assert part in sentence(capsys, audit.path, "--to", "model-index", "--card", name)
    assert Path(name).read_bytes() == content


@pytest.mark.parametrize("to", ["datasets", "geneval"])
def test_a_full_disk_leaves_nothing_behind(
    to: str,
    audit: t2i.Run,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    # The card and the results file are the last to be written.
    monkeypatch.setattr(Path, "write_text", full)

    assert "the disk is full" in sentence(capsys, audit.path, "--to", to, "-o", "out")


def test_an_empty_folder_is_used_and_the_run_stays_as_it_is(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out").mkdir()
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}

    assert main(["export", str(copied), "--to", "geneval", "-o", "out"]) == 0

    assert capsys.readouterr().out == "out: 24 images written\n"
    image = Path("out/00000/samples/0000.png")
    image.write_bytes(b"")  # a copy, and no link
    assert {path: path.read_bytes() for path in before} == before
