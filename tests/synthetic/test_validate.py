"""The conclusions of `validate`, from a suite small enough for a test."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from synthetic.evaluation.results import ProbeScore, RunResult
from synthetic.evaluation.statistics import control_verdict, correlate
from synthetic.experiments.runner import group_runs
from synthetic.experiments.validate import validate
from synthetic.presets import preset_settings
from synthetic.settings import HyperteacherSettings, RunSettings
from synthetic.students.base import INPUT
from synthetic.suite import ValidationSuite, default_suite

SMALL = RunSettings(
    HyperteacherSettings(modules=4, active=2, size=2),
    width=8,
    depth=2,
    steps=30,
    tasks=8,
    samples=2,
)


def hyperteacher(run: RunSettings) -> HyperteacherSettings:
    assert isinstance(run.task, HyperteacherSettings)
    return run.task


def result(seed: int, held_out: float, at_input: float, at_hidden: float) -> RunResult:
    probes = tuple(
        ProbeScore(place, value, value, math.nan, math.nan, 10, 10)
        for place, value in ((INPUT, at_input), ("hidden_1", at_hidden))
    )
    return RunResult(
        settings=replace(SMALL, seed=seed),
        status="finished",
        compositional=True,
        connected=True,
        n_trained=7,
        n_held_out=3,
        parameters=100,
        score_in_distribution=0.9,
        score_held_out=held_out,
        additive_floor=0.5,
        score_other_code=0.0,
        probes=probes,
        curve=(),
    )


def test_the_correlation_is_scipys() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=30)
    y = x + rng.normal(size=30)
    runs = [result(i, y[i], 1.0, x[i]) for i in range(30)]

    found = correlate(runs, "hidden_1")

    assert found.pearson.estimate == pytest.approx(pearsonr(x, y)[0])
    # Fisher's interval, for comparison: both are approximations.
    fisher = pearsonr(x, y).confidence_interval()
    assert found.pearson.lower == pytest.approx(fisher.low, abs=0.15)
    assert found.pearson.upper == pytest.approx(fisher.high, abs=0.15)


def test_the_correlation_within_groups_ignores_how_much_a_student_was_trained_on() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    few = np.arange(40) < 20
    # Students of few compositions decode as well, and generalize worse throughout.
    runs = [
        replace(result(i, x[i] - 3 * few[i], 1.0, x[i]), n_trained=4 if few[i] else 7)
        for i in range(40)
    ]

    found = correlate(runs, "hidden_1")

    assert found.pearson_within.estimate == pytest.approx(1)
    y = x - 3 * few
    assert found.pearson.estimate == pytest.approx(pearsonr(x, y)[0])
    assert found.spearman.estimate == pytest.approx(spearmanr(x, y)[0])
    assert found.pearson.estimate < 0.7


def test_diverged_runs_are_excluded_and_counted() -> None:
    runs = [result(i, i / 10, 1.0, i / 10) for i in range(8)]
    runs.append(replace(runs[0], status="diverged", score_held_out=math.nan, probes=()))

    found = correlate(runs, "hidden_1")

    assert (found.pearson.n, found.n_diverged) == (8, 1)
    assert found.pearson.estimate == pytest.approx(1)


@pytest.mark.parametrize(
    ("at_input", "verdict"),
    [
        ([0.999, 1.0] * 10, "saturated"),
        (list(np.tile([0.2, 0.8, 0.5, 0.4], 5)), "no_relation"),
        (list(np.linspace(0, 1, 20)), "related"),
    ],
)
def test_the_input_control_is_named(at_input: list[float], verdict: str) -> None:
    runs = [result(i, i / 20, value, 0.5) for i, value in enumerate(at_input)]

    assert control_verdict(correlate(runs, INPUT)) == verdict


def test_validate_writes_everything_and_is_resumed(tmp_path: Path) -> None:
    full = default_suite()

    def small(runs: tuple[RunSettings, ...]) -> tuple[RunSettings, ...]:
        return tuple(
            dict.fromkeys(
                replace(
                    run,
                    task=replace(hyperteacher(run), modules=4, active=2, size=2),
                    depth=2,
                    tasks=8,
                    samples=2,
                    width=min(run.width, 16),
                    steps=min(run.steps, 20),
                    # A single one of 10 compositions cannot connect 4 modules.
                    train_fraction=max(run.train_fraction, 0.3),
                )
                for run in runs
                if run.seed % 3 < 2
            )
        )

    suite = ValidationSuite(
        *(small(part) for part in (full.scale, full.encodings, full.supports, full.floors))
    )
    found = validate(tmp_path / "v", jobs=1, suite=suite)

    assert found.n_runs == len(suite.runs)
    names = {path.name for path in (tmp_path / "v").iterdir()}
    for figure in ("decodability", "scaling", "supports", "construction"):
        assert {f"{figure}.png", f"{figure}.svg"} <= names
    for table in ("runs", "probes", "curves"):
        assert {f"{table}.csv", f"{table}.parquet"} <= names
    summary = (tmp_path / "v" / "summary.json").read_bytes()
    assert len(json.loads(summary)["checks"]) == len(found.checks)
    # 20 steps teach nothing, and the verdict says so.
    assert found.verdict.startswith("Not shown")

    validate(tmp_path / "v", jobs=1, suite=suite)
    assert (tmp_path / "v" / "summary.json").read_bytes() == summary


def test_groups_hold_every_run_once_and_only_one_shape() -> None:
    runs = default_suite().runs
    groups = group_runs(runs)

    assert sorted(map(repr, (run for group in groups for run in group))) == sorted(map(repr, runs))
    assert all(len({run.ensemble_key() for run in group}) == 1 for group in groups)


def test_the_paper_preset_is_the_papers_setting() -> None:
    run = preset_settings("paper", family="hyperteacher")

    assert run.task == HyperteacherSettings(modules=16, active=3, size=16, invertible_scale=0.1)
    assert (run.tasks, run.samples) == (128, 16)
    assert (run.width, run.depth, run.steps, run.learning_rate) == (1024, 4, 300_000, 3e-4)
    imitation = preset_settings("paper", family="preference")
    # The official sweeps draw 384 million tasks, 128 a step.
    assert (imitation.depth, imitation.steps * imitation.tasks) == (2, 384_000_000)
