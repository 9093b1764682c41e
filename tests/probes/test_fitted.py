"""A probe that is kept equals scikit-learn's ridge, and is the same after it was saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import Ridge

from t2i_audit.errors import AuditError
from t2i_audit.probes.fitted import FittedProbe, fit_ridge
from t2i_audit.probes.system import RELATIVE_ALPHAS
from t2i_audit.results.place import Place, Position

CLASSES = ("blue", "green", "red")


def data(n: int, d: int, classes: int = 3) -> tuple[np.ndarray, list[str]]:
    """Features that hold the class, with noise on top."""
    rng = np.random.default_rng(0)
    index = rng.integers(classes, size=n)
    values = rng.normal(size=(classes, d))[index] + rng.normal(size=(n, d)) + 3.0
    return values, [CLASSES[each] for each in index]


@pytest.mark.parametrize(("n", "d"), [(60, 10), (30, 80)])
@pytest.mark.parametrize("classes", [2, 3])
def test_it_is_the_ridge_of_scikit_learn(n: int, d: int, classes: int) -> None:
    features, labels = data(n, d, classes)
    probe = fit_ridge(features, labels, alpha=2.5)

    hot = np.array([[label == each for each in probe.classes] for label in labels], dtype=float)
    theirs = Ridge(alpha=2.5).fit(features, hot)
    np.testing.assert_allclose(probe.coefficients, theirs.coef_.T, atol=1e-8)
    np.testing.assert_allclose(probe.intercept, theirs.intercept_, atol=1e-8)
    new = np.random.default_rng(1).normal(size=(7, d))
    np.testing.assert_allclose(probe.scores(new), theirs.predict(new), atol=1e-8)
    guessed = np.array(probe.classes)[theirs.predict(new).argmax(axis=1)]
    np.testing.assert_array_equal(probe.predict(new), guessed)


def test_the_regularisation_is_the_one_with_the_least_leave_one_out_error() -> None:
    features, labels = data(40, 20)
    probe = fit_ridge(features, labels)

    hot = np.array([[label == each for each in CLASSES] for label in labels], dtype=float)
    centred = features - features.mean(axis=0)
    # In the same units as the audit's: the mean eigenvalue of the centred Gram matrix.
    unit = (centred**2).sum() / min(features.shape)
    errors = {}
    for alpha in unit * np.array(RELATIVE_ALPHAS):
        missed = [
            Ridge(alpha=alpha)
            .fit(np.delete(features, row, 0), np.delete(hot, row, 0))
            .predict(features[[row]])[0]
            - hot[row]
            for row in range(len(labels))
        ]
        errors[alpha] = float((np.array(missed) ** 2).sum())
    assert probe.alpha == pytest.approx(min(errors, key=errors.__getitem__))


def test_probabilities_sum_to_one_and_agree_with_the_labels() -> None:
    features, labels = data(60, 10)
    probe = fit_ridge(features, labels)
    probabilities = probe.predict_proba(features)

    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    guessed = np.array(probe.classes)[probabilities.argmax(axis=1)]
    np.testing.assert_array_equal(probe.predict(features), guessed)
    assert (guessed == labels).mean() > 0.9


def test_a_probe_that_was_saved_and_loaded_predicts_the_same(tmp_path: Path) -> None:
    features, labels = data(60, 10)
    probe = fit_ridge(features, labels)
    place = Place("unet", "mid_block", 4, Position.of_slot('odd "@" name', tokens_of="t5"))
    own = FittedProbe(**{**vars(probe), "slot": "object_1.colour", "place": place})

    own.save(tmp_path / "probe.safetensors")
    read = FittedProbe.load(tmp_path / "probe.safetensors")

    np.testing.assert_array_equal(read.predict_proba(features), probe.predict_proba(features))
    kept = (read.classes, read.alpha, read.inverse_temperature, read.slot, read.place)
    assert kept == (CLASSES, probe.alpha, probe.inverse_temperature, "object_1.colour", place)


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])


def anothers(path: Path) -> None:
    save_file({"weight": np.zeros(3)}, path)


def narrowed(path: Path) -> None:
    arrays = load_file(path)
    metadata = {"format": "t2i-audit probe 1", "classes": '["a"]', "alpha": "1.0",
                "inverse_temperature": "1.0", "slot": "", "place": "null"}  # fmt: skip
    save_file(arrays, path, metadata=metadata)


@pytest.mark.parametrize("harm", [damaged, anothers, narrowed, Path.unlink])
def test_what_is_no_probe_is_refused_in_one_sentence(
    harm: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "probe.safetensors"
    fit_ridge(*data(20, 4)).save(path)
    harm(path)

    with pytest.raises(AuditError, match=r"probe\.safetensors is not a probe of t2i-audit"):
        FittedProbe.load(path)


@pytest.mark.parametrize(
    ("features", "labels", "alpha", "said"),
    [
        (np.zeros((3, 2)), ["a", "b"], None, "one row per label; got \\(3, 2\\) and 2 labels"),
        (np.zeros(3), ["a", "b", "c"], None, "should have shape \\(n, d\\)"),
        (np.full((2, 2), np.nan), ["a", "b"], None, "should be finite"),
        (np.zeros((2, 2)), ["a", "a"], None, "at least two classes; got 1"),
        (np.eye(2), ["a", "b"], -1.0, "`alpha` should be a positive number"),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    features: np.ndarray, labels: list[str], alpha: float | None, said: str
) -> None:
    with pytest.raises(AuditError, match=said):
        fit_ridge(features, labels, alpha=alpha)


def test_features_of_another_width_are_refused() -> None:
    with pytest.raises(AuditError, match=r"should have shape \(n, 4\).*got \(2, 5\)"):
        fit_ridge(*data(20, 4)).predict(np.zeros((2, 5)))
