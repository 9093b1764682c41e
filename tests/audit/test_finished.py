"""A finished run whose files are deleted, cut short, exchanged or edited notices it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from tests.audit.damage import (
    DAMAGES,
    contents,
)
from tests.audit.small import arguments


def audit(suite: Path, out: Path, *more: str) -> int:
    return main(arguments(suite, out, *more))


@pytest.mark.parametrize(("damage", "named"), DAMAGES.values(), ids=DAMAGES)
def test_what_was_changed_is_told_and_made_again(
    damage: Callable[[Path], None], named: str, whole: Path, copied: Path, suite: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    damage(copied)

    assert audit(suite, copied) == 0

    said = capsys.readouterr().err
    assert named in said and "missing or damaged" in said
    assert contents(copied) == contents(whole)


def test_an_intact_run_is_shown_without_a_word(
    copied: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in copied.rglob("*.*")}

    assert audit(suite, copied) == 0

    assert capsys.readouterr().err == ""
    after = {path: path.stat().st_mtime_ns for path in copied.rglob("*.*")}
    assert {path for path in before if after[path] != before[path]} <= {
        copied / "manifest.json",
        copied / ".lock",
    }


def test_changed_settings_of_a_command_are_written_again(
    whole: Path, copied: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied / "settings.json").write_text("[]")

    assert audit(suite, copied) == 0

    said = capsys.readouterr().err
    assert "settings.json is missing or damaged; it is written again" in said
    assert "images" not in said  # nothing else is made again
    assert contents(copied) == contents(whole)


def test_what_is_damaged_is_not_made_again_with_other_versions(
    copied: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["versions"]["torch"] = "1.0"
    (copied / "manifest.json").write_text(json.dumps(manifest))
    assert audit(suite, copied) == 0  # only shown
    (copied / "images" / "000001_000.png").unlink()
    before = contents(copied)
    capsys.readouterr()

    assert audit(suite, copied) == 2

    said = capsys.readouterr().err
    assert "torch is '1.0' there" in said.splitlines()[-1]
    assert contents(copied) == before


def test_a_damaged_probe_is_made_again(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "probe"
    arguments = ["probe", "builtin:sound", "--suite", str(suite), "--out", str(out)]
    assert main(arguments) == 0
    before = contents(out)
    (out / "activations" / "random_weights_2" / "index.json").unlink()
    capsys.readouterr()

    assert main(arguments) == 0

    assert "index.json is missing or damaged" in capsys.readouterr().err
    assert contents(out) == before


def test_a_record_that_leads_elsewhere_is_not_followed(
    whole: Path, copied: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = copied / "images" / "000000_000.png"
    elsewhere = tmp_path / "elsewhere.png"
    own.rename(elsewhere)
    path = copied / "images" / "batch_00000.json"
    path.write_text(path.read_text().replace("images/000000_000.png", "../elsewhere.png"))
    content = elsewhere.read_bytes()

    assert audit(suite, copied) == 0

    assert "batch_00000.json is missing or damaged" in capsys.readouterr().err
    assert contents(copied) == contents(whole) and elsewhere.read_bytes() == content


@pytest.mark.parametrize("name", ["../elsewhere", "/etc/passwd", "images/../../elsewhere", "", "."])
def test_a_manifest_that_leads_elsewhere_is_refused(
    name: str, copied: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").write_text("dear")
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["files"][name] = "0" * 64
    (copied / "manifest.json").write_text(json.dumps(manifest))

    assert audit(suite, copied) == 2

    said = capsys.readouterr().err
    assert f"{name!r}, which is no file of the run directory" in said and said.count("\n") == 1
    assert (tmp_path / "elsewhere").read_text() == "dear"
