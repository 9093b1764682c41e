"""What cannot be measured is refused in one sentence, and nothing is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import t2i_audit as t2i
from prompts.suite import load_suite
from t2i_audit.cli.main import main
from t2i_audit.models.builtin import builtin_folder
from t2i_audit.reporter import SILENT
from t2i_audit.settings import UseSettings
from t2i_audit.stages.use.measure import measure_use
from t2i_audit.using import load_subject, plan_use
from tests.use.small import AUDIT

Make = Callable[[Path, Path, Path], list[str]]
"""From an audit, its suite and an empty folder, what is typed after ``t2i-audit use``."""


def probed(audited: Path, suite: Path, folder: Path) -> list[str]:
    return [str(t2i.probe("builtin:sound", suite=suite, out=folder / "run", report=False).path)]


def elsewhere(audited: Path, suite: Path, folder: Path) -> list[str]:
    images = folder / "images"
    images.mkdir()
    for prompt in load_suite(str(suite)).prompts:
        Image.new("RGB", (64, 64), "white").save(images / f"{prompt.id}.png")
    return [str(t2i.judge(images, judge="oracle", prompts=suite, out=folder / "run").path)]


def few(audited: Path, suite: Path, folder: Path) -> list[str]:
    return [str(t2i.audit("builtin:sound", suite=suite, limit=8, out=folder / "run", **AUDIT).path)]


def with_labels_of_people(audited: Path, suite: Path, folder: Path) -> list[str]:
    run = shutil.copytree(audited, folder / "run")
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["settings"]["judge"] = {"name": "human", "judge": "human"}
    (run / "manifest.json").write_text(json.dumps(manifest))
    return [str(run)]


def own_checkpoint(suite: Path, folder: Path) -> Path:
    shutil.copytree(builtin_folder("builtin:sound"), folder / "model")
    options = {**AUDIT, "guidance_scale": 1.5}
    t2i.audit(str(folder / "model"), suite=suite, out=folder / "run", **options)
    return folder / "run"


def changed_checkpoint(audited: Path, suite: Path, folder: Path) -> list[str]:
    run = own_checkpoint(suite, folder)
    other = builtin_folder("builtin:misbinding") / "unet"
    shutil.copytree(other, folder / "model" / "unet", dirs_exist_ok=True)
    return [str(run)]


def checkpoint_that_is_gone(audited: Path, suite: Path, folder: Path) -> list[str]:
    run = own_checkpoint(suite, folder)
    shutil.rmtree(folder / "model")
    return [str(run)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (probed, "is a probe, which has no images"),
        (elsewhere, "were made elsewhere"),
        (few, "where 5 are needed"),
        (with_labels_of_people, "people judge the images"),
        (changed_checkpoint, "unet/diffusion_pytorch_model.safetensors of the checkpoint has changed"),
        (checkpoint_that_is_gone, "There is no folder"),
        (lambda run, suite, folder: [str(folder)], "holds no run"),
        (lambda run, suite, folder: [str(run), "--use-slots", "relatoin"], "object_1.colour, "),
        (lambda run, suite, folder: [str(run), "--use-slots", "object_1.shape"], "one value"),
        (lambda run, suite, folder: [str(run), "--use-sites", "mid"], "its blocks are not known"),
        (lambda run, suite, folder: [str(run), "--use-kinds", "blur"], "erase, steer, context"),
        (lambda run, suite, folder: [str(run), "--use-prompts", "0"], "at least 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_one_sentence(
    make: Make,
    said: str,
    audited: Path,
    suite: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = make(audited, suite, tmp_path)
    run = Path(arguments[0])
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    capsys.readouterr()

    assert main(["use", *arguments]) == 2

    printed = capsys.readouterr()
    assert said in printed.err.splitlines()[-1]
    assert "Traceback" not in printed.err and not printed.out
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_a_model_that_makes_other_images_is_refused(copied: Path) -> None:
    run = t2i.load_run(copied)
    plan = plan_use(UseSettings(run=copied))
    subject = load_subject(plan, SILENT)
    other = replace(subject, loaded=t2i.load_model("builtin:misbinding", device="cpu"))

    with pytest.raises(t2i.AuditError, match="does not make the images of"):
        measure_use(run, other, plan.design, SILENT)

    assert not (copied / "use.json").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--use", "--shard", "1/2"], "join the shards"),
        (["--use-slots", "relation"], "need --use"),
        (["--use", "--use-slots", "relatoin"], "no slot of the run's prompts"),
        (["--use", "--limit", "8"], "where 5 are needed"),
    ],
)
def test_an_audit_refuses_before_it_begins(
    options: list[str],
    said: str,
    suite: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fixed = ["audit", "builtin:sound", "--suite", str(suite), "--steps", "2", "--device", "cpu"]

    assert main([*fixed, "--out", str(tmp_path / "run"), *options]) == 2

    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
