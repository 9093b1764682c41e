"""What can be known to fail of several audits is refused before the first begins."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.errors import AuditError
from t2i_audit.many import AuditsPlan, plan_audits
from tests.many.small import PATCHY, SOUND


def plan(out: Path | None, *models: str | Mapping[str, Any], **given: Any) -> AuditsPlan:
    processes = given.pop("processes", None)
    return plan_audits(models, {"suite": "world-smoke", **given}, out=out, processes=processes)


def test_a_models_own_settings_come_before_the_commands_and_these_before_the_files(
    tmp_path: Path,
) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(
        "defaults: {seeds: 5, limit: 6, steps: 7}\n"
        f"models: [{{model: '{SOUND}', steps: 9}}, '{PATCHY}']"
    )

    planned = plan(tmp_path / "out", str(file), seeds=2, steps=3)

    assert [
        (each.name, each.settings.seeds, each.settings.limit, each.settings.steps)
        for each in planned.audits
    ] == [("sound-steps-9", 2, 6, 9), ("patchy", 2, 6, 3)]
    assert [each.settings.out.name for each in planned.audits] == ["sound-steps-9", "patchy"]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("builtin:soud", "Nearest: builtin:sound"),
        ("./nowhere", "There is no folder './nowhere'"),
        ("weights.ckpt", "is a pickle"),
        ({"model": PATCHY, "steps": 0}, r"entry 2 \(builtin:patchy\): --steps should be at least"),
        ({"model": PATCHY, "lora": ["no.safetensors"]}, "--lora no.safetensors should name"),
        ({"model": PATCHY, "embedding": ["no.pt"]}, "--embedding no.pt should name"),
        ({"model": PATCHY, "revision": "main"}, "--revision is for a hub id"),
        ({"model": PATCHY, "judge": "oracel"}, "there is no judge 'oracel'; did you mean oracle"),
        ({"model": PATCHY, "suite": "word-smoke"}, r"entry 2 \(builtin:patchy\): .*word-smoke"),
        ({"model": PATCHY, "limit": 2, "sample": 2}, "give one of the two"),
        ({"model": PATCHY, "device": "mps"}, "mps"),
        (SOUND, "builtin:sound: it is the same audit as builtin:sound; leave one of them out"),
        ({"model": SOUND, "name": "again"}, "it is the same audit as builtin:sound"),
    ],
)
def test_one_bad_model_is_named_and_nothing_is_written(
    bad: str | Mapping[str, Any], said: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    with pytest.raises(AuditError, match=said):
        plan(out, SOUND, bad)

    assert not out.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"shard": "1/2"}, "--shard divides the images of one model"),
        ({"trust_remote_code": "org/other"}, "names 'org/other', which is none of the models"),
        ({"device_map": "balanced", "processes": 2}, "give --processes 1"),
    ],
)
def test_options_that_are_for_one_model_are_refused(
    given: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(AuditError, match=said):
        plan(tmp_path, SOUND, PATCHY, **given)


def test_a_launcher_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")

    with pytest.raises(AuditError, match="without torchrun or accelerate"):
        plan(tmp_path, SOUND, PATCHY)


def test_a_folder_must_be_named_and_can_hold_runs(board: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for out, said in (
        (None, "give --out DIR"),
        (board / "sound", "is the run directory of one model"),
        (file, "is a file; --out should name a folder"),
        (file / "deeper", "file is a file"),
    ):
        with pytest.raises(AuditError, match=said):
            plan(out, SOUND, PATCHY)


def test_a_folder_with_the_run_of_another_model_is_refused(board: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(board / "sound", out / "patchy")

    with pytest.raises(AuditError, match="holds a run of builtin:sound; give a `name` of its own"):
        plan(out, PATCHY, SOUND)
