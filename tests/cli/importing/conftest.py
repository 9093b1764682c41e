"""Fixtures of the tests of ``t2i-audit prompts import``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prompts.structure import Prompt
from prompts.suite import load_suite
from t2i_audit.cli.main import main


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
