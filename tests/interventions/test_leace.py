"""Linear erasure does what its theorem says, and what EleutherAI's implementation does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from t2i_audit.interventions.leace import LinearEraser, Whitening, fit

sizes = st.tuples(st.integers(12, 60), st.integers(2, 80), st.integers(2, 4))
data = st.tuples(sizes, st.integers(0, 2**32 - 1))


def vectors_of(n: int, d: int, classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors of very unequal channels whose means differ from class to class."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    means = rng.normal(size=(classes, d)) * 2
    x = (rng.normal(size=(n, d)) + means[labels]) * np.exp(rng.normal(size=d)) + 3
    return torch.tensor(x), torch.tensor(labels)


def covariance(x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    one_hot = torch.nn.functional.one_hot(labels).double()
    return (x - x.mean(0)).T @ (one_hot - one_hot.mean(0)) / len(x)


@settings(max_examples=30, deadline=None)
@given(data)
def test_nothing_covaries_with_the_labels_after_erasure(
    drawn: tuple[tuple[int, int, int], int],
) -> None:
    (n, d, classes), seed = drawn
    x, labels = vectors_of(n, d, classes, seed)
    eraser = fit(x, labels)

    scale = float(covariance(x, labels).abs().max())
    assert scale > 0
    assert float(covariance(eraser.erase(x), labels).abs().max()) < 1e-9 * scale


@settings(max_examples=20, deadline=None)
@given(data)
def test_erasing_twice_is_erasing_once(drawn: tuple[tuple[int, int, int], int]) -> None:
    (n, d, classes), seed = drawn
    x, labels = vectors_of(n, d, classes, seed)
    once = (eraser := fit(x, labels)).erase(x)

    torch.testing.assert_close(eraser.erase(once), once, atol=1e-8, rtol=1e-8)


@settings(max_examples=20, deadline=None)
@given(data)
def test_a_value_that_is_put_has_that_value_s_mean(drawn: tuple[tuple[int, int, int], int]) -> None:
    (n, d, classes), seed = drawn
    x, labels = vectors_of(n, d, classes, seed)
    eraser = fit(x, labels)
    put = eraser.put(x, torch.full((n,), classes - 1))

    expected = x[labels == classes - 1].mean(0)
    torch.testing.assert_close(put.mean(0), expected, atol=1e-8, rtol=1e-8)
    assert float(covariance(put, labels).abs().max()) < 1e-8


@pytest.mark.parametrize(("n", "d"), [(200, 24), (40, 150)])
def test_the_projection_is_that_of_concept_erasure(n: int, d: int) -> None:
    from concept_erasure import LeaceEraser

    x, labels = vectors_of(n, d, 4, 0)
    one_hot = torch.nn.functional.one_hot(labels).double()
    theirs = LeaceEraser.fit(x, one_hot, constrain_cov_trace=False, svd_tol=1e-9)
    ours = fit(x, labels)

    torch.testing.assert_close(ours.left @ ours.right.T, theirs.proj_left @ theirs.proj_right)
    torch.testing.assert_close(ours.erase(x), theirs(x))


@pytest.mark.parametrize("probe", [RidgeClassifier(), LogisticRegression(max_iter=2000)])
def test_a_linear_probe_learns_something_before_and_nothing_after(probe: object) -> None:
    x, labels = vectors_of(300, 20, 3, 1)
    erased = fit(x, labels).erase(x)
    majority = float(labels.bincount().max()) / len(labels)

    assert probe.fit(x, labels).score(x, labels) > majority + 0.3  # type: ignore[attr-defined]
    # The probe's penalty may move its offset, so a vector at a border may go either way.
    assert probe.fit(erased, labels).score(erased, labels) <= majority + 0.01  # type: ignore[attr-defined]


def test_the_random_control_has_the_same_rank_and_leaves_the_labels_decodable() -> None:
    x, labels = vectors_of(300, 40, 3, 2)
    whitening = Whitening.of(x)
    eraser = whitening.eraser(labels, 3)
    control = whitening.random(eraser.rank, torch.Generator().manual_seed(0))
    other = control.erase(x)

    assert control.rank == eraser.rank == 2
    assert np.linalg.matrix_rank(control.left @ control.right.T) == 2
    assert RidgeClassifier().fit(other, labels).score(other, labels) > 0.9
    torch.testing.assert_close(control.erase(other), other)


def test_nothing_is_erased_for_a_label_that_is_always_the_same() -> None:
    x, _ = vectors_of(30, 8, 2, 3)
    eraser = Whitening.of(x).eraser(torch.zeros(30), 2)

    assert eraser.rank == 0
    torch.testing.assert_close(eraser.erase(x), x)


def test_nothing_is_erased_from_vectors_that_differ_by_rounding() -> None:
    vector = torch.randn(16, generator=torch.Generator().manual_seed(0))
    x = vector + 1e-7 * torch.randn(40, 16, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(40) % 2

    assert Whitening.of(x, rounding=1e-6).eraser(labels, 2).rank == 0
    assert Whitening.of(x).eraser(labels, 2).rank == 1


def test_many_channels_need_no_matrix_of_channels_by_channels() -> None:
    """At 20,000 channels such a matrix would take 3.2 GB."""
    x, labels = vectors_of(60, 20_000, 5, 4)
    eraser = fit(x, labels)

    assert eraser.left.shape == (20_000, 4)
    assert float(covariance(eraser.erase(x), labels).abs().max()) < 1e-8


def test_an_eraser_keeps_its_values_on_another_dtype() -> None:
    x, labels = vectors_of(50, 10, 3, 5)
    eraser: LinearEraser = fit(x, labels)

    found = eraser.to(torch.float32).erase(x.float())
    torch.testing.assert_close(found.double(), eraser.erase(x), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("bad", [torch.zeros(0, 3), torch.tensor([[1.0, torch.nan]])])
def test_vectors_that_are_not_finite_are_refused(bad: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="finite"):
        fit(bad, torch.zeros(len(bad)))
