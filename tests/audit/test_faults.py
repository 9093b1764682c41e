"""Audits that are killed, starved of disk, and damaged; the results stay."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from t2i_audit.cli.main import main
from t2i_audit.run.tables import read_rows, table_path
from tests.audit.damage import unfinish
from tests.audit.small import arguments, results


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(bytes(content))


@pytest.mark.slow
def test_an_audit_broken_at_any_stage_ends_the_same(tmp_path: Path) -> None:
    # Eight stages, each killed once and once out of disk.
    harness = [sys.executable, "-m", "scripts.faults", "--points", "16", "--seed", "3"]

    done = subprocess.run(harness, capture_output=True, text=True, timeout=900)

    assert done.returncode == 0, done.stdout + done.stderr
    broke = re.search(r"16 points \(seed 3\): (\d+) broke the audit", done.stdout)
    assert broke is not None and int(broke[1]) >= 7  # the last stages may end too soon


def edit_a_flaw(path: Path) -> None:
    path.write_text(
        path.read_text(encoding="utf-8").replace('"flaw": ""', '"flaw": "not finite"', 1),
        encoding="utf-8",
    )


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("images/batch_00001.json", edit_a_flaw),
        ("images/000001_000.png", cut_short),
        ("images/000001_000.png", Path.unlink),
        ("images/batch_00001.json", cut_short),
        ("activations/denoiser/batch_00000.npz", flip_a_bit),
    ],
    ids=["record edited", "image cut short", "image gone", "record cut short", "activation bit"],
)
def test_a_damaged_file_of_an_unfinished_run_is_told_and_made_again(
    file: str, damage: Callable[[Path], None], whole: Path, copied: Path, suite: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    unfinish(copied)
    damage(copied / file)

    assert main(arguments(suite, copied)) == 0

    said = capsys.readouterr().err
    assert re.search(rf"{re.escape(file)} is (damaged|missing); the 2 images .* made again", said)
    assert results(copied) == results(whole)


def test_damaged_settings_of_an_unfinished_run_are_told_and_written_again(
    whole: Path, copied: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinish(copied)
    cut_short(copied / "settings.json")

    assert main(arguments(suite, copied)) == 0

    assert "settings.json is damaged; it is written again" in capsys.readouterr().err
    assert (copied / "settings.json").read_bytes() == (whole / "settings.json").read_bytes()


@pytest.mark.parametrize("name", ["probes.parquet", "judgements.parquet", "summary.json"])
def test_a_damaged_result_of_a_finished_run_is_told_and_made_again(
    name: str, whole: Path, copied: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip_a_bit(copied / name)

    assert main(arguments(suite, copied)) == 0

    assert f"{name} is missing or damaged" in capsys.readouterr().err
    assert results(copied) == results(whole)


def test_a_damaged_judgement_shard_is_told_and_judged_again(
    whole: Path, copied: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinish(copied)
    (shard,) = (copied / "judgements").glob("*/batch_00002.parquet")
    flip_a_bit(shard)

    assert main(arguments(suite, copied)) == 0

    assert (
        "batch_00002.parquet is damaged; its 2 images are judged again" in capsys.readouterr().err
    )
    assert results(copied) == results(whole)


@pytest.mark.slow
def test_clock_and_language_do_not_matter(whole: Path, suite: Path, tmp_path: Path) -> None:
    place = {"LC_ALL": "C", "PYTHONUTF8": "0", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-m", "t2i_audit", *arguments(suite, tmp_path / "run")],
        env={**os.environ, **place}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "run") == results(whole)


def test_a_model_that_is_gone_is_one_sentence_and_the_run_goes_on_when_it_is_back(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from t2i_audit.models.builtin import builtin_folder

    model, out = tmp_path / "model", tmp_path / "run"
    shutil.copytree(builtin_folder("builtin:sound"), model)
    command = [str(model) if word == "builtin:sound" else word for word in arguments(suite, out)]
    assert main([*command, "--shard", "1/2"]) == 0
    model.rename(tmp_path / "elsewhere")
    capsys.readouterr()

    assert main(command) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and str(model) in said

    (tmp_path / "elsewhere").rename(model)
    assert main(command) == 0


def test_images_that_are_not_finite_are_counted_and_left_out(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from diffusers import UNet2DConditionModel
    from torch.nn.modules.module import register_module_forward_hook

    def spoil(module: torch.nn.Module, _: object, output: object) -> object:
        if isinstance(module, UNet2DConditionModel):
            sample = output[0]  # type: ignore[index]
            sample[-1] = float("nan")  # the last image of every batch
        return output

    handle = register_module_forward_hook(spoil)  # type: ignore[arg-type]
    try:
        assert main(arguments(suite, tmp_path / "run", "--no-denoiser-station")) == 0
    finally:
        handle.remove()

    rows = read_rows(table_path(tmp_path / "run", "judgements"), "judgements")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert [row["flaw"] for row in rows] == [None, "not finite"] * 4
    assert summary["n_excluded"] == 4
    assert np.isfinite(summary["success"]["overall"]["estimate"])
    assert summary["success"]["overall"]["n"] == 4
    assert re.search(r"\b4\b.*(left out|excluded)", capsys.readouterr().out)
