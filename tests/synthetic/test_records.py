"""Settings as flat records: what earlier versions wrote is read, and nothing else is taken."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from synthetic.evaluation.results import result_from_json, result_to_json
from synthetic.evaluation.run_files import read_run, run_path, write_run
from synthetic.experiments.runner import Work, train_group
from synthetic.presets import preset_settings
from synthetic.records import COLUMNS, record_of, run_of
from synthetic.settings import (
    HierarchySettings,
    HyperteacherSettings,
    PreferenceSettings,
    RunSettings,
)
from synthetic.training.ensemble import make_ensemble
from synthetic.training.process_state import limited_threads, thread_variables
from synthetic.training.train import train
from t2i_audit.errors import AuditError, RunDirectoryError
from t2i_audit.io import write_json

# The settings in the result files of version 0.1.0, and the names of these files.
EARLIER: dict[str, dict[str, Any]] = {
    "503b8ba0d16a893a579c": {
        "family": "hyperteacher",
        "encoding": "identity",
        "codes": "discrete",
        "support": "random",
        "train_fraction": 0.75,
        "modules": 4,
        "active": 2,
        "size": 3,
        "student": "mlp",
        "width": 8,
        "depth": 2,
        "seed": 0,
        "steps": 60,
        "tasks": 8,
        "samples": 3,
        "learning_rate": 0.003,
        "schedule": "one-cycle",
        "weight_decay": 0.003,
        "targets": "true",
        "invertible_scale": 1.5,
    },
    "38e1a5459d3442981f0d": {
        "family": "hierarchy",
        "encoding": "none",
        "codes": "discrete",
        "support": "random",
        "train_fraction": 0.6,
        "modules": 4,
        "active": 2,
        "size": 2,
        "student": "mlp",
        "width": 8,
        "depth": 2,
        "seed": 0,
        "steps": 40,
        "tasks": 8,
        "samples": 1,
        "learning_rate": 0.003,
        "schedule": "one-cycle",
        "weight_decay": 0.003,
        "targets": "true",
        "invertible_scale": 1.5,
    },
}
RUNS = [
    RunSettings(HyperteacherSettings(encoding="invertible", invertible_scale=0.1)),
    RunSettings(PreferenceSettings(features=5), seed=3),
    RunSettings(HierarchySettings(symbols=5, synonyms=2, levels=4), codes="k-hot"),
]
SMALL = RunSettings(
    HyperteacherSettings(modules=4, size=2), width=4, depth=1, steps=2, tasks=4, samples=2
)


@pytest.mark.parametrize("name", EARLIER)
def test_the_files_of_an_earlier_version_are_found_by_their_settings(
    name: str, tmp_path: Path
) -> None:
    run = run_of(EARLIER[name])

    assert run_path(tmp_path, run).stem == name
    assert record_of(run) == EARLIER[name]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.task.family)
def test_a_run_is_its_record(run: RunSettings) -> None:
    assert run_of(record_of(run)) == run
    assert tuple(record_of(run)) == COLUMNS


def test_each_family_has_its_own_settings() -> None:
    assert run_of(
        {"family": "hierarchy", "modules": 5, "active": 2, "size": 3}
    ).task == HierarchySettings(symbols=5, synonyms=2, levels=3)
    assert run_of({"family": "preference", "size": 7}).task == PreferenceSettings(features=7)


@pytest.mark.parametrize(
    ("record", "part"),
    [
        ({"family": "preference", "encoding": "few-shot"}, "hyperteacher"),
        ({"family": "hierarchy", "encoding": "identity"}, "takes the encoding none"),
        ({"encoding": "none"}, "give hyperteacher another --encoding"),
        ({"learning_rate": 0.0}, "--learning-rate should be above 0"),
        ({"weight_decay": -1.0}, "--weight-decay should be at least 0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(record: dict[str, Any], part: str) -> None:
    with pytest.raises(AuditError, match=part):
        run_of(record)


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown setting 'colour'"):
        run_of({"colour": "red"})


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"status": "lost"}, "status Input should be 'finished' or 'diverged'"),
        ({"probes": [{"place": "input"}]}, r"probes\.0\.r2_in_distribution Field required"),
        ({"curve": 3}, "curve Input should be a valid tuple"),
        ({"settings": {**EARLIER["503b8ba0d16a893a579c"], "width": 0}}, "--width should be at"),
        ({"settings": {"width": 3}}, "the setting 'active' is missing"),
        ({"settings": 3}, "a record of settings is missing"),
    ],
)
def test_a_damaged_result_is_one_sentence(
    change: dict[str, Any], part: str, tmp_path: Path
) -> None:
    (result,) = train_group((SMALL,), Work())
    path = run_path(tmp_path, SMALL)
    write_json(path, {**result_to_json(result), **change})

    with pytest.raises(RunDirectoryError, match=part) as caught:
        read_run(tmp_path, SMALL)

    assert str(caught.value).startswith(f"{path} cannot be used (it is not the result of a run: ")
    assert "\n" not in str(caught.value)


def test_a_written_result_is_read_back(tmp_path: Path) -> None:
    (result,) = train_group((replace(SMALL, steps=0),), Work())
    write_run(tmp_path, result)

    # NaN is not equal to itself, so the texts are compared.
    assert repr(read_run(tmp_path, result.settings)) == repr(result)
    assert repr(result_from_json(result_to_json(result))) == repr(result)


@pytest.mark.parametrize(
    ("options", "codes"),
    [({}, "k-hot"), ({"encoding": "none"}, "discrete")],
    ids=["by default", "with an encoding"],
)
def test_the_hierarchys_preset_keeps_its_own_codes(options: dict[str, str], codes: str) -> None:
    defaults = {"encoding": "identity", "codes": "discrete"}

    run = preset_settings("small", family="hierarchy", **{**defaults, **options})

    assert run.task == HierarchySettings(symbols=6, synonyms=3, levels=3)
    assert run.codes == codes


def test_threads_are_restored_after_the_block() -> None:
    before = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")

    with limited_threads(3), thread_variables(3):
        assert (torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]) == (3, "3")

    assert (torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")) == before


def test_training_leaves_the_precision_of_the_process_as_it_was() -> None:
    before = torch.backends.cuda.matmul.allow_tf32

    train(make_ensemble([SMALL]), precision="tf32")

    assert torch.backends.cuda.matmul.allow_tf32 == before
