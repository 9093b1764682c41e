"""Bad input is refused in one sentence, before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.audit.program import command, run


def empty_folder_with(name: str) -> Any:
    def make(folder: Path) -> list[str]:
        (folder / "out").mkdir()
        (folder / "out" / name).write_text("something")
        return []

    return make


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: ["--suite", "world-smok"], "world-smoke"),
        (lambda folder: ["--suite", str(folder)], "folder"),
        (lambda folder: ["--judge", "clipp"], "clip"),
        (lambda folder: ["--judge", f"clip:local-dir:{folder}"], "open_clip_config.json"),
        (lambda folder: ["--judge", "clip:ViT-B-32/nonsense"], "its tags are"),
        (empty_folder_with("thesis.tex"), "thesis.tex"),
    ],
    ids=["suite name", "suite folder", "judge", "judge folder", "judge tag", "full folder"],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(make: Any, said: str, tmp_path: Path) -> None:
    changes = make(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))

    done = run(command(tmp_path / "out", *changes))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("t2i-audit: ")
    assert said in done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("model", "said"),
    [("builtin:sonud", "sound"), ("builtin:clip-judge", "judge"), ("nowhere/../x", "nowhere")],
)
def test_an_unknown_model_is_one_sentence(model: str, said: str, tmp_path: Path) -> None:
    arguments = command(tmp_path / "out")
    arguments[arguments.index("builtin:sound")] = model

    done = run(arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert said in done.stderr
    assert not (tmp_path / "out").exists()
