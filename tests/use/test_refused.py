"""What cannot be measured is refused in one sentence, and nothing is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import t2i_audit as t2i
from t2i_audit.cli.main import main
from t2i_audit.models.builtin import builtin_folder
from t2i_audit.reporter import SILENT
from t2i_audit.settings import UseSettings
from t2i_audit.stages.use.measure import measure_use
from t2i_audit.using import load_subject, plan_use
from tests.use.small import AUDIT

Make = Callable[[Path, Path], list[str]]
"""From an audit and an empty folder, what is typed after ``t2i-audit use``."""


def typed(*options: str) -> Make:
    return lambda audited, folder: [str(audited), *options]


def of_another_kind(**settings: Any) -> Make:
    """A run with other settings in its manifest, as of a run that another command made."""

    def make(audited: Path, folder: Path) -> list[str]:
        run = shutil.copytree(audited, folder / "run")
        manifest = json.loads((run / "manifest.json").read_text())
        manifest["settings"] |= settings
        (run / "manifest.json").write_text(json.dumps(manifest))
        return [str(run)]

    return make


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (of_another_kind(command="probe"), "is a probe, which has no images"),
        (of_another_kind(command="images"), "were made elsewhere"),
        (of_another_kind(judge={"name": "human", "judge": "human"}), "people judge the images"),
        (lambda audited, folder: [str(folder)], "holds no run"),
        (typed("--use-slots", "relatoin"), "they have object_1.colour, object_1.shape, relation"),
        (typed("--use-slots", "object_1.shape"), "has the one value 'circle'"),
        (typed("--use-sites", "mid"), "its blocks are not known"),
        (typed("--use-kinds", "blur"), "erase, steer, context"),
        (typed("--use-prompts", "0"), "at least 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_one_sentence(
    make: Make, said: str, audited: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = make(audited, tmp_path)
    run = Path(arguments[0])
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    capsys.readouterr()

    assert main(["use", *arguments]) == 2

    printed = capsys.readouterr()
    assert said in printed.err.splitlines()[-1]
    assert "Traceback" not in printed.err and not printed.out
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_a_checkpoint_that_is_another_one_or_gone_is_refused(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = shutil.copytree(builtin_folder("builtin:sound"), tmp_path / "model")
    run = tmp_path / "run"
    t2i.audit(str(model), suite=suite, out=run, **{**AUDIT, "guidance_scale": 1.5})
    shutil.copytree(
        builtin_folder("builtin:misbinding") / "unet", model / "unet", dirs_exist_ok=True
    )

    assert main(["use", str(run)]) == 2
    assert "model.safetensors of the checkpoint has changed" in capsys.readouterr().err

    shutil.rmtree(model)
    assert main(["use", str(run)]) == 2
    assert "There is no folder" in capsys.readouterr().err
    assert not (run / "use").exists()


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
        (["--use", "--limit", "8"], "too few prompts to measure use"),
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
