"""Balanced accuracy against scikit-learn."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from t2i_audit.probes.scoring import PredictionCounts, Resampler


def once(correct: np.ndarray, labels: np.ndarray, classes: int) -> PredictionCounts:
    """Every prompt tested in one fold."""
    return PredictionCounts.of(labels, classes, [(np.arange(len(labels)), correct)])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_it_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    truth, guess = (np.array(column) for column in zip(*pairs, strict=True))
    resampler = Resampler.of([str(i) for i in range(len(truth))], seed=0, resamples=20)

    ours = resampler.balanced_accuracy(once(truth == guess, truth, 4))
    recalls = [np.mean(guess[truth == label] == label) for label in np.unique(truth)]

    np.testing.assert_allclose(ours.interval.estimate, np.mean(recalls))
    if set(guess) <= set(truth) and len(set(truth)) > 1:
        theirs = balanced_accuracy_score(truth, guess)
        np.testing.assert_allclose(ours.interval.estimate, theirs)
    assert ours.interval.n == len(truth)


def test_a_prompt_counts_by_its_mean_over_the_folds_that_test_it() -> None:
    folds = [
        (np.array([0, 2]), np.array([True, False])),
        (np.array([0, 1]), np.array([False, True])),
    ]
    resampler = Resampler.of(["a", "b", "c"], seed=0, resamples=10)

    score = resampler.balanced_accuracy(PredictionCounts.of(np.array([0, 0, 1]), 2, folds))

    assert score.interval.estimate == (0.75 + 0) / 2


def test_differences_are_paired() -> None:
    rng = np.random.default_rng(0)
    correct = rng.random(200) < 0.6
    labels = rng.integers(2, size=200)
    resampler = Resampler.of([str(i) for i in range(200)], seed=0, resamples=200)
    read = once(correct, labels, 2)
    score = resampler.balanced_accuracy(read)

    same = score.minus(resampler.balanced_accuracy(read))

    assert (same.estimate, same.lower, same.upper) == (0, 0, 0)


def test_many_at_once_are_what_each_is_alone() -> None:
    rng = np.random.default_rng(1)
    resampler = Resampler.of([str(i % 12) for i in range(60)], seed=0, resamples=50)
    tallies = []
    for classes in (2, 5, 3):
        labels = rng.integers(classes, size=60)
        folds = [(rng.permutation(60)[:20], rng.random(20) < 0.5) for _ in range(3)]
        tallies.append(PredictionCounts.of(labels, classes, folds))

    together = resampler.balanced_accuracies(tallies)

    for score, tally in zip(together, tallies, strict=True):
        alone = resampler.balanced_accuracy(tally)
        assert score.estimate == alone.estimate == resampler.estimate(tally)
        np.testing.assert_allclose(score.resampled, alone.resampled, atol=1e-12)
