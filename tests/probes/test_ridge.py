"""The probe's regression against scikit-learn and against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.linear_model import Ridge

from t2i_audit.probes import rows as chunks_of
from t2i_audit.probes.calibration import (
    INVERSE_TEMPERATURES,
    fit_inverse_temperatures,
)
from t2i_audit.probes.kernel import Kernel, KernelPath, KernelSystem
from t2i_audit.probes.ridge import RidgePath, RidgeSystem
from t2i_audit.probes.rows import Rows

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


@pytest.mark.parametrize("shape", [(60, 20), (40, 100)])
def test_without_a_group_of_rows_it_is_scikit_learns_fit_to_the_others(
    shape: tuple[int, int],
) -> None:
    rng = np.random.default_rng(3)
    features, others = rng.normal(size=shape), rng.normal(size=(7, shape[1]))
    targets = (rng.random((shape[0], 3)) < 0.4).astype(float)
    left_out = np.arange(4)[:, None] == rng.integers(4, size=shape[0])
    path, chosen = RidgePath.of(features), np.array([4, 8, 8])

    quick = path.predict_without(targets, chosen, Rows.all(others), left_out)

    for group, out in enumerate(left_out):
        for column, place in enumerate(chosen):
            slow = Ridge(alpha=path.alphas[place]).fit(features[~out], targets[~out, column])
            np.testing.assert_allclose(quick[group, :, column], slow.predict(others), atol=1e-8)


@pytest.mark.parametrize("shape", [(60, 20), (40, 100)])
def test_a_path_and_a_single_system_predict_the_same(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(4)
    features, others = rng.normal(size=shape), Rows.all(rng.normal(size=(7, shape[1])))
    targets = rng.normal(size=(shape[0], 3))
    path, system = RidgePath.of(features), RidgeSystem.of(Rows.all(features))
    chosen = np.array([0, 5, 12])

    one = system.predict(targets, system.alphas[chosen], others)
    every = path.predict_path(targets, others)

    np.testing.assert_allclose(system.alphas, path.alphas)
    np.testing.assert_allclose(one, path.predict(targets, path.alphas[chosen], others), atol=1e-8)
    np.testing.assert_allclose(one, every[chosen, :, np.arange(3)].T, atol=1e-8)


def test_a_kernel_gives_what_the_features_give_whatever_the_rows_and_their_order() -> None:
    rng = np.random.default_rng(5)
    # Far from zero, as the features of a transformer are.
    features = (rng.normal(size=(50, 80)) + 20).astype(np.float16)
    kernel = Kernel.of(Rows(features, rng.permutation(50)[:45]))
    every = rng.permutation(kernel.rows.places)
    train, tested = Rows(features, every[:30]), Rows(features, every[30:])
    targets = np.eye(3)[rng.integers(3, size=30)]
    chosen = np.array([0, 6, 12])
    left_out = np.arange(4)[:, None] == rng.integers(4, size=30)

    theirs, ours = RidgePath.of(train), KernelPath.of(kernel, train)
    system = KernelSystem.of(kernel, train)

    np.testing.assert_allclose(ours.alphas, theirs.alphas)
    np.testing.assert_allclose(system.alphas, theirs.alphas)
    alphas = theirs.alphas[chosen]
    expected = theirs.predict(targets, alphas, tested)
    for found in (ours.predict(targets, alphas, tested), system.predict(targets, alphas, tested)):
        np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_allclose(
        ours.predict_path(targets, tested), theirs.predict_path(targets, tested), atol=1e-9
    )
    np.testing.assert_allclose(
        ours.predict_without(targets, chosen, tested, left_out),
        theirs.predict_without(targets, chosen, tested, left_out),
        atol=1e-9,
    )


def test_a_kernels_fit_is_scikit_learns() -> None:
    rng = np.random.default_rng(6)
    features = rng.normal(size=(40, 100))
    targets = rng.normal(size=(30, 2))
    train, tested = Rows(features, np.arange(30)), Rows(features, np.arange(30, 40))
    path = KernelPath.of(Kernel.of(Rows.all(features)), train)

    for place in (0, 6, 12):
        theirs = Ridge(alpha=path.alphas[place]).fit(features[:30], targets)
        ours = path.predict_path(targets, tested)[place]
        np.testing.assert_allclose(ours, theirs.predict(features[30:]), atol=1e-9)
