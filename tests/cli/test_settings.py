"""Settings and their defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from t2i_audit.errors import AuditError
from t2i_audit.settings import (
    AuditSettings,
    ImageOptions,
    ModelOptions,
    ProbeSettings,
    default_out,
    settings_from,
)


@pytest.mark.parametrize(
    ("model", "suite", "expected"),
    [
        ("builtin:patchy", "world-relations", "runs/patchy-world-relations"),
        ("org/model-v1.5", "world-relations", "runs/org-model-v1.5-world-relations"),
        ("builtin:patchy", "/data/my suite.jsonl", "runs/patchy-my-suite"),
        ("../..", "x", "runs/x"),
    ],
)
def test_the_default_folder_is_named_for_model_and_suite(
    model: str, suite: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    if model == "../..":
        expected = "runs/a-x"

    assert default_out(model, suite) == Path(expected)


def test_a_local_checkpoint_goes_by_its_folders_name(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()

    assert default_out(str(tmp_path / "mine"), "s", ending="-probe") == Path("runs/mine-s-probe")


def test_the_head_of_a_suite_and_a_sample_of_it_exclude_each_other() -> None:
    with pytest.raises(AuditError, match="give one of the two"):
        AuditSettings(model="builtin:sound", out=Path("runs/a"), limit=8, sample=8)


@pytest.mark.parametrize(
    ("field", "bad", "good"),
    [
        ("seeds", 0, 1),
        ("batch_size", 0, 1),
        ("steps", 0, 1),
        ("limit", 0, 1),
        ("sample", 0, 1),
        ("judge_batch_size", 0, 1),
        ("guidance_scale", -0.5, 0.0),
        ("guidance_scale", float("inf"), 30.0),
        ("dtype", "float64", "float32"),
        ("device", "tpu", "cpu"),
        ("suite", " ", "s"),
        ("judge", "", "oracle"),
    ],
)
def test_a_value_out_of_range_is_refused_and_its_neighbour_taken(
    field: str, bad: object, good: object
) -> None:
    settings: dict[str, Any] = {"model": "builtin:sound", "out": Path("runs/a")}

    AuditSettings(**settings | {field: good})
    with pytest.raises(AuditError, match=f"--{field.replace('_', '-')} should"):
        AuditSettings(**settings | {field: bad})


def test_settings_are_built_from_flat_values() -> None:
    values = {"model": "org/m", "seeds": 2, "height": 64, "lora": ("a:0.5",), "judge": None}

    assert settings_from(AuditSettings, values) == AuditSettings(
        model="org/m",
        out=Path("runs/org-m-world-relations"),
        seeds=2,
        judge="clip:ViT-L-14/openai",
        image_options=ImageOptions(height=64),
        model_options=ModelOptions(lora=("a:0.5",)),
    )


def test_a_setting_that_does_not_exist_is_named() -> None:
    with pytest.raises(TypeError, match="ProbeSettings has no setting 'seeds'"):
        settings_from(ProbeSettings, {"model": "builtin:sound", "seeds": 2})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "neither is given"),
        ({"model": "builtin:sound", "text_encoder": "folder"}, "not both"),
        ({"model": "builtin:sound", "tokenizer": Path("a")}, "--tokenizer needs --text-encoder"),
        ({"text_encoder": "folder", "variant": "fp16"}, "fetches, changes or places"),
    ],
)
def test_settings_of_a_probe_that_exclude_each_other_are_refused(
    values: dict[str, Any], said: str
) -> None:
    with pytest.raises(AuditError, match=said):
        settings_from(ProbeSettings, values)
