"""What goes wrong inside a real actor ends a run as it would in one process."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from t2i_audit.models.builtin import builtin_folder
from t2i_audit.run.tables import read_rows, table_path
from tests.audit.small import OPTIONS, results
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
    assert {row["flaw"] for row in rows} == {None, "not finite"}
    # The notes are the same, too: those of the results are printed.
    printed = capfd.readouterr().out.replace(str(out), "")
    assert _untimed(printed) == _untimed(said.out.replace(str(alone), ""))


def _untimed(printed: str) -> str:
    return re.sub(r"took [\d.]+ s", "", printed)
