"""Balanced accuracy against scikit-learn."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from t2i_audit.probes.scoring import Resampler


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_it_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    truth, guess = (np.array(column) for column in zip(*pairs, strict=True))
    resampler = Resampler.of([str(i) for i in range(len(truth))], seed=0, resamples=20)

    ours = resampler.balanced_accuracy((truth == guess).astype(float)[None], truth, 4)
    recalls = [np.mean(guess[truth == label] == label) for label in np.unique(truth)]

    np.testing.assert_allclose(ours.interval.estimate, np.mean(recalls))
    if set(guess) <= set(truth) and len(set(truth)) > 1:
        theirs = balanced_accuracy_score(truth, guess)
        np.testing.assert_allclose(ours.interval.estimate, theirs)
    assert ours.interval.n == len(truth)


def test_a_prompt_counts_by_its_mean_over_the_folds_that_test_it() -> None:
    nothing = np.nan
    correct = np.array([[1, nothing, 0], [0, 1, nothing]])
    resampler = Resampler.of(["a", "b", "c"], seed=0, resamples=10)

    score = resampler.balanced_accuracy(correct, np.array([0, 0, 1]), 2)

    assert score.interval.estimate == (0.75 + 0) / 2


def test_differences_are_paired() -> None:
    rng = np.random.default_rng(0)
    correct = (rng.random((1, 200)) < 0.6).astype(float)
    labels = rng.integers(2, size=200)
    resampler = Resampler.of([str(i) for i in range(200)], seed=0, resamples=200)
    score = resampler.balanced_accuracy(correct, labels, 2)

    same = score.minus(resampler.balanced_accuracy(correct, labels, 2))

    assert (same.estimate, same.lower, same.upper) == (0, 0, 0)
