"""An ensemble learns what its students would learn alone, by torch's own layers and optimizer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from torch import nn

from synthetic.probing import mean_r2, probe_place
from synthetic.results import evaluate, result_from_json, score
from synthetic.runner import train_group
from synthetic.settings import RunSettings
from synthetic.state import read_state, write_state
from synthetic.students.mlp import EnsembleMLP
from synthetic.train import (
    Members,
    TrainingState,
    batches,
    data_streams,
    learning_rate,
    make_members,
    train,
)
from t2i_audit.io import to_json

SMALL = RunSettings(modules=4, size=3, width=12, depth=2, steps=60, tasks=8, samples=3)


def as_sequential(student: EnsembleMLP, member: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for weight, bias in zip(student.weights, student.biases, strict=True):
        linear = nn.Linear(*weight.shape[1:])
        linear.weight.data = weight.data[member].T.clone()
        linear.bias.data = bias.data[member, 0].clone()
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def plain_training(members: Members) -> nn.Sequential:
    """The usual eager loop over one student."""
    settings = members.settings[0]
    assert isinstance(members.student, EnsembleMLP)
    model = as_sequential(members.student, 0)
    linears = [layer for layer in model if isinstance(layer, nn.Linear)]
    optimizer = torch.optim.AdamW(
        [
            {"params": [one.weight for one in linears], "weight_decay": settings.weight_decay},
            {"params": [one.bias for one in linears], "weight_decay": 0.0},
        ]
    )
    for step, batch in enumerate(batches(members, data_streams(members))):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, step)
        samples = batch.inputs.shape[2]
        told = batch.encoding[0].repeat_interleave(samples, dim=0)
        outputs = model(torch.cat([told, batch.inputs[0].flatten(0, 1)], dim=1))
        optimizer.zero_grad()
        nn.functional.mse_loss(outputs, batch.targets[0].flatten(0, 1)).backward()
        optimizer.step()
    return model


@pytest.mark.parametrize("encoding", ["identity", "few-shot"])
def test_students_of_an_ensemble_are_those_trained_one_by_one(encoding: str) -> None:
    runs = [
        replace(SMALL, encoding=encoding, seed=seed, support=support, train_fraction=fraction)  # type: ignore[arg-type]
        for seed, support, fraction in (
            (0, "random", 0.7),
            (1, "balanced", 0.5),
            (2, "disconnected", 0.5),
        )
    ]
    together = make_members(runs)
    train(together)
    assert isinstance(together.student, EnsembleMLP)

    for index, run in enumerate(runs):
        alone = plain_training(make_members([run]))
        linears = [layer for layer in alone if isinstance(layer, nn.Linear)]
        for weight, linear in zip(together.student.weights, linears, strict=True):
            np.testing.assert_allclose(
                weight.detach()[index].T, linear.weight.detach(), rtol=1e-3, atol=1e-4
            )


def test_the_learning_rate_is_torchs_one_cycle() -> None:
    steps = 100
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps + 1)
    run = replace(SMALL, steps=steps, learning_rate=0.01)

    for step in range(0, steps, 7):
        while theirs.last_epoch < step:
            optimizer.step()
            theirs.step()
        # Theirs peaks one step earlier.
        assert learning_rate(run, step) == pytest.approx(theirs.get_last_lr()[0], rel=0.15)


def test_the_same_seed_gives_the_same_result() -> None:
    group = (SMALL, replace(SMALL, seed=1))

    # NaN is unlike itself, so the texts are compared.
    assert repr(train_group(group, 1)) == repr(train_group(group, 1))


def test_a_diverged_student_is_marked_and_leaves_the_others_alone() -> None:
    members = make_members([SMALL, replace(SMALL, seed=1)])
    assert isinstance(members.student, EnsembleMLP)
    with torch.no_grad():
        members.student.weights[0][1] = torch.nan

    healthy, diverged = evaluate(members, train(members))

    assert (healthy.status, diverged.status) == ("finished", "diverged")
    assert np.isfinite(healthy.score_held_out)
    assert np.isnan(diverged.score_held_out)
    assert diverged.probes == ()
    assert result_from_json(to_json(diverged)).status == "diverged"


def test_results_survive_being_written_and_read() -> None:
    (result,) = train_group((SMALL,), 1)
    restored = result_from_json(to_json(result))

    # NaN is unlike itself, so the texts are compared.
    assert repr(restored) == repr(result)


@pytest.mark.parametrize(
    "run",
    [
        replace(SMALL, student="transformer", width=8, steps=5),
        replace(SMALL, family="preference", steps=5, samples=4),
        replace(
            SMALL, family="hierarchy", encoding="none", codes="k-hot", modules=4, size=2, steps=5
        ),
    ],
    ids=["transformer", "preference", "hierarchy"],
)
def test_other_students_and_families_are_trained_and_probed(run: RunSettings) -> None:
    (result,) = train_group((run,), 1)

    assert result.status == "finished"
    assert result.probes[0].place == "input"
    if run.student == "transformer":
        assert {"attention_1", "attention_2"} <= {probe.place for probe in result.probes}
    if run.family == "hierarchy":
        assert 0 <= result.probes[-1].accuracy_held_out <= 1


def test_shuffled_targets_teach_nothing_and_true_ones_something() -> None:
    base = replace(SMALL, steps=400, tasks=32, width=32)
    (true,) = train_group((base,), 1)
    (shuffled,) = train_group((replace(base, targets="shuffled"),), 1)

    assert true.score_in_distribution > 0.3
    assert shuffled.score_in_distribution < 0.05
    assert true.additive_floor == shuffled.additive_floor
    # A student that uses its code is lost when told another one.
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


def test_categorical_constituents_are_told_by_accuracy() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(4, size=(300, 2))
    features = np.eye(4)[labels].reshape(300, -1)

    reading = probe_place("input", (features[:200], features[200:]), (labels[:200], labels[200:]))

    assert reading.accuracy_held_out == 1.0
    assert reading.r2_held_out > 0.99


@pytest.mark.parametrize(
    "run",
    [
        # So many tasks that a step or few use up what is drawn at once.
        replace(SMALL, tasks=256, samples=16, steps=20),
        replace(
            SMALL,
            student="transformer",
            width=8,
            family="preference",
            tasks=64,
            samples=16,
            steps=4,
        ),
    ],
    ids=["mlp", "transformer"],
)
def test_a_training_goes_on_from_its_state_as_if_it_had_not_been_left(
    run: RunSettings, tmp_path: Path
) -> None:
    path = tmp_path / "state.pt"

    def keep(state: TrainingState) -> None:
        if not path.exists():
            write_state(path, state)

    whole, resumed = make_members([run]), make_members([run])
    curve = train(whole, keep=keep)
    state = read_state(path)
    assert state is not None
    assert 0 < state.steps < run.steps

    curve_on = train(resumed, resume=state)

    assert repr(evaluate(resumed, curve_on)) == repr(evaluate(whole, curve))
