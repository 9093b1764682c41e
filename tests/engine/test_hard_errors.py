"""What goes wrong inside a real actor ends a run as it would in one process."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from t2i_audit.models.builtin import builtin_folder
from t2i_audit.models.out_of_memory import out_of_memory_error
from t2i_audit.run.tables import read_rows, table_path
from tests.audit.small import OPTIONS, arguments, results
from tests.engine.conftest import TwoNodes


@pytest.fixture(scope="module")
def without_blue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose weights for one word are NaN; the dry run has prompts without it."""
    from safetensors.torch import load_file, save_file
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("models") / "without-blue"
    shutil.copytree(builtin_folder("builtin:sound"), folder)
    (token,) = AutoTokenizer.from_pretrained(folder / "tokenizer").encode(
        "blue", add_special_tokens=False
    )
    file = folder / "text_encoder" / "model.safetensors"
    weights = load_file(file)
    name = next(name for name in weights if name.endswith("token_embedding.weight"))
    weights[name][token] = float("nan")
    save_file(weights, file, metadata={"format": "pt"})
    return folder


def test_images_that_are_not_finite_are_left_out_as_in_one_process(
    two_nodes: TwoNodes, without_blue: Path, suite: Path, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    alone, out = tmp_path / "alone", tmp_path / "run"
    words = ["audit", str(without_blue), *OPTIONS, "--batch-size", "4", "--no-denoiser-station"]
    words += ["--suite", str(suite), "--random-weights", "1"]
    assert main([*words, "--out", str(alone)]) == 0, capfd.readouterr().err
    said = capfd.readouterr()

    assert main([*words, "--out", str(out), "--engine", two_nodes.engine]) == 0

    assert results(out) == results(alone)
    rows = read_rows(table_path(out, "judgements"), "judgements")
    assert [row["flaw"] for row in rows] == [None] * 4 + ["not finite"] * 4
    # The notes are the same, too: those of the results are printed.
    assert capfd.readouterr().out.replace(str(out), "") == said.out.replace(str(alone), "")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
def test_memory_that_runs_short_in_an_actor_is_the_sentence_of_one_process(
    two_nodes: TwoNodes, suite: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from t2i_audit.engine import ray_engine
    from tests.engine.short_of_memory import ShortOfMemory

    out = tmp_path / "run"
    words = arguments(suite, out, "--engine", two_nodes.engine, "--seeds", "16")
    words[words.index("--batch-size") + 1] = "64"
    monkeypatch.setattr(ray_engine, "AuditActor", ShortOfMemory)

    assert main([*words, "--no-denoiser-station"]) == 2

    said = capfd.readouterr().err
    assert str(out_of_memory_error(64)) in said and "Traceback" not in said
    # What was read of the text is kept, and the same command goes on.
    assert (out / "manifest.json").is_file() and not list(out.glob("images/*.png"))
    monkeypatch.undo()
    assert main([*words, "--no-denoiser-station"]) == 0
    assert len(list(out.glob("images/*.png"))) == 64
