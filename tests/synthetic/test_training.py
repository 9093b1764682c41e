"""An ensemble learns what its students would learn alone, with torch's own layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from torch import nn

from synthetic.evaluation.evaluate import evaluate
from synthetic.evaluation.probing import probe_place
from synthetic.evaluation.results import result_from_json, result_to_json
from synthetic.evaluation.scores import mean_r2, score
from synthetic.experiments.runner import Work, train_group
from synthetic.settings import (
    HierarchySettings,
    HyperteacherSettings,
    PreferenceSettings,
    RunSettings,
)
from synthetic.students.mlp import EnsembleMLP
from synthetic.training.ensemble import (
    Ensemble,
    data_streams,
    make_ensemble,
    training_batches,
)
from synthetic.training.state import read_state, write_state
from synthetic.training.train import RISING_SHARE, TrainingState, learning_rate, train

TASK = HyperteacherSettings(modules=4, size=3)
SMALL = RunSettings(TASK, width=12, depth=2, steps=60, tasks=8, samples=3)


def as_sequential(student: EnsembleMLP, member: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for weight, bias in zip(student.weights, student.biases, strict=True):
        linear = nn.Linear(*weight.shape[1:])
        linear.weight.data = weight.data[member].T.clone()
        linear.bias.data = bias.data[member, 0].clone()
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def plain_training(ensemble: Ensemble) -> nn.Sequential:
    """The usual eager loop over one student."""
    settings = ensemble.settings[0]
    assert isinstance(ensemble.student, EnsembleMLP)
    model = as_sequential(ensemble.student, 0)
    linears = [layer for layer in model if isinstance(layer, nn.Linear)]
    optimizer = torch.optim.AdamW(
        [
            {"params": [one.weight for one in linears], "weight_decay": settings.weight_decay},
            {"params": [one.bias for one in linears], "weight_decay": 0.0},
        ]
    )
    for step, batch in enumerate(training_batches(ensemble, data_streams(ensemble))):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, step)
        samples = batch.inputs.shape[2]
        codes = batch.encoding[0].repeat_interleave(samples, dim=0)
        outputs = model(torch.cat([codes, batch.inputs[0].flatten(0, 1)], dim=1))
        optimizer.zero_grad()
        nn.functional.mse_loss(outputs, batch.targets[0].flatten(0, 1)).backward()
        optimizer.step()
    return model


@pytest.mark.parametrize("encoding", ["identity", "few-shot"])
def test_students_of_an_ensemble_are_those_trained_one_by_one(encoding: str) -> None:
    runs = [
        replace(
            SMALL,
            task=replace(TASK, encoding=encoding),  # type: ignore[arg-type]
            seed=seed,
            support=support,  # type: ignore[arg-type]
            train_fraction=fraction,
        )
        for seed, support, fraction in (
            (0, "random", 0.7),
            (1, "balanced", 0.5),
            (2, "disconnected", 0.5),
        )
    ]
    together = make_ensemble(runs)
    train(together)
    assert isinstance(together.student, EnsembleMLP)

    for index, run in enumerate(runs):
        alone = plain_training(make_ensemble([run]))
        linears = [layer for layer in alone if isinstance(layer, nn.Linear)]
        for weight, linear in zip(together.student.weights, linears, strict=True):
            np.testing.assert_allclose(
                weight.detach()[index].T, linear.weight.detach(), rtol=1e-3, atol=1e-4
            )


@pytest.mark.parametrize("steps", [1, 7, 100])
def test_the_learning_rate_is_torchs_one_cycle(steps: int) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    # torch counts the first step to the rise, so this share has its peak where ours is.
    share = (RISING_SHARE * steps + 1) / (steps + 1)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.01, total_steps=steps + 1, pct_start=share
    )
    run = replace(SMALL, steps=steps, learning_rate=0.01)

    for step in range(steps):
        assert learning_rate(run, step) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        theirs.step()


def test_the_same_seed_gives_the_same_result() -> None:
    group = (SMALL, replace(SMALL, seed=1))

    # NaN is unlike itself, so the texts are compared.
    assert repr(train_group(group, Work())) == repr(train_group(group, Work()))


def test_a_diverged_student_is_marked_and_leaves_the_others_alone() -> None:
    ensemble = make_ensemble([SMALL, replace(SMALL, seed=1)])
    assert isinstance(ensemble.student, EnsembleMLP)
    with torch.no_grad():
        ensemble.student.weights[0][1] = torch.nan

    healthy, diverged = evaluate(ensemble, train(ensemble))

    assert (healthy.status, diverged.status) == ("finished", "diverged")
    assert np.isfinite(healthy.score_held_out)
    assert np.isnan(diverged.score_held_out)
    assert diverged.probes == ()
    assert result_from_json(result_to_json(diverged)).status == "diverged"


def test_results_survive_being_written_and_read() -> None:
    (result,) = train_group((SMALL,), Work())
    restored = result_from_json(result_to_json(result))

    # NaN is unlike itself, so the texts are compared.
    assert repr(restored) == repr(result)


@pytest.mark.parametrize(
    "run",
    [
        replace(SMALL, student="transformer", width=8, steps=5),
        replace(SMALL, task=PreferenceSettings(modules=4, features=3), steps=5, samples=4),
        replace(
            SMALL,
            task=HierarchySettings(symbols=4, synonyms=2, levels=2),
            codes="k-hot",
            steps=5,
        ),
    ],
    ids=["transformer", "preference", "hierarchy"],
)
def test_other_students_and_families_are_trained_and_probed(run: RunSettings) -> None:
    (result,) = train_group((run,), Work())

    assert result.status == "finished"
    assert result.probes[0].place == "input"
    if run.student == "transformer":
        assert {"attention_1", "attention_2"} <= {probe.place for probe in result.probes}
    if run.task.family == "hierarchy":
        assert 0 <= result.probes[-1].accuracy_held_out <= 1


def test_shuffled_targets_teach_nothing_and_true_ones_something() -> None:
    base = replace(SMALL, steps=400, tasks=32, width=32)
    (true,) = train_group((base,), Work())
    (shuffled,) = train_group((replace(base, targets="shuffled"),), Work())

    assert true.score_in_distribution > 0.3
    assert shuffled.score_in_distribution < 0.05
    assert true.additive_floor == shuffled.additive_floor
    # A student that uses its code fails with the code of another task.
    assert true.score_other_code < true.score_in_distribution - 0.3


def test_the_score_is_r2_within_tasks() -> None:
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(5, 8, 2)) + rng.normal(size=(5, 1, 2)) * 10
    outputs = targets + 0.3 * rng.normal(size=targets.shape)
    means = np.broadcast_to(targets.mean(axis=1, keepdims=True), targets.shape)

    ours = score("squared_error", torch.tensor(outputs), torch.tensor(targets))

    missed = ((outputs - targets) ** 2).sum() / ((targets - means) ** 2).sum()
    assert ours == pytest.approx(1 - missed)
    assert score(
        "squared_error", torch.tensor(means.copy()), torch.tensor(targets)
    ) == pytest.approx(0)


def test_the_probe_is_scikit_learns_ridge() -> None:
    rng = np.random.default_rng(1)
    codes = [rng.uniform(size=(n, 3)) for n in (200, 80)]
    mix = rng.normal(size=(3, 10))
    features = [one @ mix + 0.05 * rng.normal(size=(len(one), 10)) for one in codes]

    ours = probe_place("hidden_1", (features[0], features[1]), (codes[0], codes[1]))

    theirs = Ridge(alpha=1e-3).fit(features[0][:100], codes[0][:100])
    expected = r2_score(codes[1], theirs.predict(features[1]))
    assert ours.r2_held_out == pytest.approx(expected, abs=0.01)
    assert (ours.n_fit, ours.n_held_out) == (100, 80)
    assert mean_r2(theirs.predict(features[1]), codes[1]) == pytest.approx(expected)


def test_categorical_constituents_have_an_accuracy() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(4, size=(300, 2))
    features = np.eye(4)[labels].reshape(300, -1)

    scored = probe_place("input", (features[:200], features[200:]), (labels[:200], labels[200:]))

    assert scored.accuracy_held_out == 1.0
    assert scored.r2_held_out > 0.99


@pytest.mark.parametrize(
    "run",
    [
        # So many tasks that the data of one or a few steps are drawn at once.
        replace(SMALL, tasks=256, samples=16, steps=20),
        replace(
            SMALL,
            student="transformer",
            width=8,
            task=PreferenceSettings(modules=4, features=3),
            tasks=64,
            samples=16,
            steps=4,
        ),
    ],
    ids=["mlp", "transformer"],
)
def test_a_resumed_training_has_the_same_result_as_an_uninterrupted_one(
    run: RunSettings, tmp_path: Path
) -> None:
    path = tmp_path / "state.pt"

    def save(state: TrainingState) -> None:
        if not path.exists():
            write_state(path, state)

    whole, resumed = make_ensemble([run]), make_ensemble([run])
    curve = train(whole, save=save)
    state = read_state(path)
    assert state is not None
    assert 0 < state.steps < run.steps

    curve_on = train(resumed, resume=state)

    assert repr(evaluate(resumed, curve_on)) == repr(evaluate(whole, curve))
