"""The probe's regression against scikit-learn and against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.linear_model import Ridge

from t2i_audit.probes import rows as chunks_of
from t2i_audit.probes.calibration import (
    INVERSE_TEMPERATURES,
    fit_inverse_temperatures,
)
from t2i_audit.probes.kernel import Kernel, KernelSystem, UnkeptProducts
from t2i_audit.probes.narrow import NarrowSystem
from t2i_audit.probes.ridge import RidgePath
from t2i_audit.probes.rows import Rows
from t2i_audit.probes.system import System
from t2i_audit.probes.tridiagonal import Tridiagonal

# More rows than features, and fewer.
SHAPES = [(60, 12), (20, 50)]


def probability_of(scores: np.ndarray, labels: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Of each row's own label, ``(t, n)``."""
    probabilities = softmax(factors[:, None, None] * scores, axis=2)
    return np.take_along_axis(probabilities, labels[..., None], axis=2)[..., 0]


def regression(rows: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, width)) * rng.gamma(2.0, size=width) + 3
    return features, np.eye(4)[rng.integers(4, size=rows)]


@pytest.mark.parametrize("shape", SHAPES)
def test_predictions_are_scikit_learns_at_every_regularisation(shape: tuple[int, int]) -> None:
    features, targets = regression(*shape)
    new, _ = regression(30, shape[1], seed=1)
    path = RidgePath.of(features)

    for alpha in path.alphas:
        theirs = Ridge(alpha=alpha, solver="svd").fit(features, targets).predict(new)
        ours = path.predict(targets, np.full(4, alpha), Rows.all(new))
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_leave_one_out_is_what_fitting_without_each_row_gives(shape: tuple[int, int]) -> None:
    features, targets = regression(*shape)
    path = RidgePath.of(features)

    for place in (0, len(path.alphas) // 2, len(path.alphas) - 1):
        quick = path.leave_one_out(targets, np.full(4, place))
        for row in range(0, shape[0], 7):
            others = np.arange(shape[0]) != row
            model = Ridge(alpha=path.alphas[place], solver="svd")
            model.fit(features[others], targets[others])
            slow = model.predict(features[row : row + 1])[0]
            np.testing.assert_allclose(quick[row], slow, atol=1e-4)


@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-100, 100))
def test_the_unit_of_the_features_does_not_matter(scale: float, shift: float) -> None:
    features, targets = regression(30, 8)
    one, other = RidgePath.of(features), RidgePath.of(features * scale + shift)

    np.testing.assert_allclose(one.errors(targets), other.errors(targets), rtol=1e-4)


def test_rows_read_in_chunks_give_what_all_at_once_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    features, targets = regression(60, 12)
    rows = np.random.default_rng(3).permutation(60)[:50]
    chosen = np.array([0, 4, 8, 12])

    def everything() -> list[np.ndarray]:
        path = RidgePath.of(Rows(features, rows))
        own = targets[rows]
        predicted = path.predict(own, path.alphas[chosen], Rows(features, rows[::-1]))
        return [path.errors(own), path.leave_one_out(own, chosen), predicted]

    at_once = everything()
    monkeypatch.setattr(chunks_of, "CHUNK", 7 * 12)
    assert len(list(Rows(features, rows).chunks())) == 8
    assert RidgePath.of(Rows(features, rows)).left is None

    for one, other in zip(everything(), at_once, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_constant_features_predict_the_mean() -> None:
    _, targets = regression(20, 3)
    path = RidgePath.of(np.ones((20, 3)))

    predicted = path.predict(targets, np.full(4, path.alphas[0]), Rows.all(np.ones((2, 3))))

    np.testing.assert_allclose(predicted, np.tile(targets.mean(axis=0), (2, 1)))


def test_the_temperature_is_the_likeliest_one() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(5, size=400)
    scores = np.eye(5)[labels] * 0.4 + rng.normal(size=(400, 5)) * 0.2

    def surprise(factor: float) -> float:
        return -float(log_softmax(factor * scores, axis=1)[np.arange(400), labels].mean())

    best = minimize_scalar(surprise, bounds=(0.25, 64), method="bounded")
    chosen = fit_inverse_temperatures(scores[None], labels[None])

    assert surprise(chosen[0]) == pytest.approx(best.fun, abs=0.005)
    told = probability_of(scores[None], labels[None], chosen)
    assert -np.log(told).mean() == pytest.approx(surprise(chosen[0]))


@given(tasks=st.integers(1, 4), classes=st.integers(2, 5), seed=st.integers(0, 99))
def test_halving_finds_the_likeliest_of_all_factors(tasks: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=(tasks, 30))
    scores = rng.gamma(1.0, size=(tasks, 1, 1)) * np.eye(classes)[labels]
    scores = scores + 0.3 * rng.normal(size=scores.shape)

    chosen = fit_inverse_temperatures(scores, labels)

    surprises = [
        -np.log(probability_of(scores, labels, np.full(tasks, factor))).mean(axis=1)
        for factor in INVERSE_TEMPERATURES
    ]
    told = -np.log(probability_of(scores, labels, chosen)).mean(axis=1)
    np.testing.assert_allclose(told, np.min(surprises, axis=0), atol=1e-9)


def test_a_class_that_cannot_be_does_not_move_the_temperature() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(3, size=(1, 50))
    scores = np.eye(3)[labels] + 0.4 * rng.normal(size=(1, 50, 3))
    more = np.concatenate([scores, np.full((1, 50, 1), -np.inf)], axis=2)
    # One row whose own class cannot be says nothing.
    more = np.concatenate([more, more[:, :1]], axis=1)

    chosen = fit_inverse_temperatures(more, np.append(labels, 3)[None])

    assert chosen == fit_inverse_temperatures(scores, labels)


def systems_of(rows: Rows) -> list[System]:
    """The same training rows in every form that serves their number of features."""
    if len(rows) > rows.width:
        return [NarrowSystem.of(rows)]
    kernel = Kernel.of(Rows.all(rows.features))
    return [KernelSystem.of(kernel, rows), KernelSystem.of(UnkeptProducts(), rows)]


@pytest.mark.parametrize("shape", [(60, 20), (40, 100)])
def test_without_a_group_of_rows_it_is_scikit_learns_fit_to_the_others(
    shape: tuple[int, int],
) -> None:
    rng = np.random.default_rng(3)
    n = shape[0] - 7
    features = rng.normal(size=shape) + 20
    train, others = Rows(features, np.arange(n)), Rows(features, np.arange(n, shape[0]))
    targets = (rng.random((n, 3)) < 0.4).astype(float)
    left_out = np.arange(5)[:, None] == rng.integers(4, size=n)
    # A fit needs rows, so without all of them it stays as it is; without none of them, too.
    left_out = np.concatenate([left_out, np.ones((1, n), dtype=bool)])

    for system in systems_of(train):
        alphas = system.alphas[[4, 8, 8]]
        quick = system.predict_without(targets, alphas, others, left_out)

        for group, out in enumerate(left_out):
            kept = ~out if not out.all() else out
            for column, alpha in enumerate(alphas):
                slow = Ridge(alpha=alpha).fit(features[:n][kept], targets[kept, column])
                expected = slow.predict(features[n:])
                np.testing.assert_allclose(quick[group, :, column], expected, atol=1e-8)


@settings(deadline=None)
@given(
    seed=st.integers(0, 99),
    rows=st.integers(2, 40),
    width=st.integers(1, 60),
    columns=st.integers(1, 3),
    # Fewer and more than there are solutions: which of the two are turned depends on it.
    tests=st.sampled_from([5, 60]),
)
def test_a_system_predicts_what_scikit_learn_does_at_every_regularisation(
    seed: int, rows: int, width: int, columns: int, tests: int
) -> None:
    rng = np.random.default_rng(seed)
    # Far from zero, as the features of a transformer are.
    features = (rng.normal(size=(rows + tests, width)) + 20).astype(np.float16)
    order = rng.permutation(rows + tests)
    train, tested = Rows(features, order[:rows]), Rows(features, order[rows:])
    targets = rng.normal(size=(rows, columns))
    wide = features.astype(np.float64)

    for system in systems_of(train):
        every = system.predict_path(targets, tested)
        for place in (0, 6, 12):
            theirs = Ridge(alpha=system.alphas[place], solver="svd")
            theirs.fit(wide[train.places], targets)
            expected = theirs.predict(wide[tested.places]).reshape(-1, columns)
            alphas = np.full(columns, system.alphas[place])
            np.testing.assert_allclose(every[place], expected, atol=1e-7)
            np.testing.assert_allclose(system.predict(targets, alphas, tested), expected, atol=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_system_has_the_strengths_of_a_path(shape: tuple[int, int]) -> None:
    features, _ = regression(*shape)

    for system in systems_of(Rows.all(features)):
        np.testing.assert_allclose(system.alphas, RidgePath.of(features).alphas)


@pytest.mark.parametrize("shape", [(20, 3), (4, 9)])
def test_a_system_of_constant_features_predicts_the_mean(shape: tuple[int, int]) -> None:
    targets = np.random.default_rng(0).normal(size=(shape[0], 2))
    mean = targets.mean(axis=0)
    rows = Rows.all(np.ones(shape))

    for system in systems_of(rows):
        np.testing.assert_allclose(system.predict_path(targets, rows)[[0, -1], 1], [mean, mean])


def test_a_narrow_system_read_in_chunks_gives_what_all_at_once_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features, targets = regression(60, 12)
    left_out = np.arange(3)[:, None] == np.arange(60) % 3

    def everything() -> list[np.ndarray]:
        rows = Rows.all(features)
        system = NarrowSystem.of(rows)
        alphas = system.alphas[[0, 4, 8, 12]]
        return [
            system.predict(targets, alphas, rows),
            system.predict_path(targets, rows),
            system.predict_without(targets, alphas, rows, left_out),
        ]

    at_once = everything()
    monkeypatch.setattr(chunks_of, "CHUNK", 7 * 12)

    for one, other in zip(everything(), at_once, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@settings(deadline=None)
@given(size=st.integers(1, 30), seed=st.integers(0, 99))
def test_a_tridiagonal_form_has_the_matrix_and_solves_it_at_every_shift(
    size: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    matrix, right = root @ root.T, rng.normal(size=(size, 3))
    form = Tridiagonal.of(matrix)
    turns = form.turned(np.eye(size))
    middle = np.diag(form.diagonal) + np.diag(form.beside, 1) + np.diag(form.beside, -1)

    np.testing.assert_allclose(turns @ middle @ turns.T, matrix, atol=1e-9)
    np.testing.assert_allclose(form.into(right), turns.T @ right, atol=1e-9)
    np.testing.assert_allclose(form.out_of(right), turns @ right, atol=1e-9)
    for shift, found in zip((0.1, 7.0), form.solve(np.array([0.1, 7.0]), right), strict=True):
        expected = np.linalg.solve(middle + shift * np.eye(size), right)
        np.testing.assert_allclose(found, expected, atol=1e-8)
