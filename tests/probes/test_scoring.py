"""Balanced accuracy against scikit-learn, and its intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

from t2i_audit.probes.counts import PredictionCounts
from t2i_audit.probes.scoring import BalancedAccuracy, Jackknife


def names(n: int) -> list[str]:
    return [f"{number:04}" for number in range(n)]


def once(
    jackknife: Jackknife, correct: np.ndarray, labels: np.ndarray, classes: int
) -> PredictionCounts:
    """Every prompt tested in one fold, by probes that would not change."""
    fold = 0, np.arange(len(labels)), correct, correct[None]
    return PredictionCounts.of(labels, classes, [fold], parts=len(jackknife.flat))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_it_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    truth, guess = (np.array(column) for column in zip(*pairs, strict=True))
    jackknife = Jackknife.of(names(len(truth)), seed=0)

    ours = jackknife.balanced_accuracy(once(jackknife, truth == guess, truth, 4))
    recalls = [np.mean(guess[truth == label] == label) for label in np.unique(truth)]

    np.testing.assert_allclose(ours.estimate, np.mean(recalls))
    if set(guess) <= set(truth) and len(set(truth)) > 1:
        np.testing.assert_allclose(ours.estimate, balanced_accuracy_score(truth, guess))
    assert ours.interval.n == len(truth)


def test_a_prompt_counts_by_its_mean_over_the_folds_that_test_it() -> None:
    jackknife = Jackknife.of(["a", "b", "c"], seed=0)
    folds = [
        (0, np.array([0, 2]), np.array([True, False]), np.array([[True, False]])),
        (0, np.array([0, 1]), np.array([False, True]), np.array([[False, True]])),
    ]
    counts = PredictionCounts.of(np.array([0, 0, 1]), 2, folds, parts=len(jackknife.flat))

    assert jackknife.balanced_accuracy(counts).estimate == (0.75 + 0) / 2


def test_of_independent_prompts_the_interval_is_that_of_a_share() -> None:
    """With probes that do not change, the jackknife has the variance p (1 - p) / n of a share."""
    rng = np.random.default_rng(0)
    correct = rng.random(2000) < 0.7
    jackknife = Jackknife.of(names(len(correct)), seed=0)

    figure = jackknife.balanced_accuracy(once(jackknife, correct, np.zeros(2000, dtype=int), 1))

    share = correct.mean()
    # Of 18 degrees of freedom, the ratio of variances lies within these quantiles.
    within = stats.chi2.ppf([0.001, 0.999], 18) / 18
    ratio = figure.variance / (share * (1 - share) / 2000)
    assert within[0] < ratio < within[1]


def test_right_throughout_has_the_exact_lower_end() -> None:
    labels = np.arange(60) % 3
    jackknife = Jackknife.of(names(60), seed=0)

    figure = jackknife.balanced_accuracy(once(jackknife, labels >= 0, labels, 3)).interval

    assert figure.estimate == figure.upper == 1
    assert figure.lower == pytest.approx(0.025 ** (1 / 60))


@given(st.integers(0, 10**6), st.floats(0, 1), st.integers(8, 80))
def test_no_interval_has_no_width(seed: int, share: float, n: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    jackknife = Jackknife.of(names(n), seed=seed)
    tallies = [once(jackknife, rng.random(n) < share, labels, 4) for _ in range(2)]
    one, other = (jackknife.balanced_accuracy(each) for each in tallies)

    recalls = [each.interval for each in jackknife.recalls(tallies[0])]
    for interval in (one.interval, one.minus(other), one.minus(one), *recalls):
        assert interval.lower <= interval.estimate <= interval.upper
        assert interval.lower < interval.upper


def test_figures_that_go_together_differ_by_less() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=400)
    jackknife = Jackknife.of(names(400), seed=0)
    correct = rng.random(400) < 0.6
    one = jackknife.balanced_accuracy(once(jackknife, correct, labels, 2))
    like = jackknife.balanced_accuracy(once(jackknife, correct ^ (np.arange(400) < 4), labels, 2))
    unlike = jackknife.balanced_accuracy(once(jackknife, rng.random(400) < 0.6, labels, 2))

    def width(other: BalancedAccuracy) -> float:
        difference = one.minus(other)
        return difference.upper - difference.lower

    assert width(like) < 0.5 * width(unlike)


def test_prompts_of_one_composition_are_left_out_together() -> None:
    clusters = [str(number % 12) for number in range(60)]
    jackknife = Jackknife.of(clusters, seed=0)

    for mask in jackknife.flat:
        inside = {cluster for cluster, out in zip(clusters, mask, strict=True) if out}
        outside = {cluster for cluster, out in zip(clusters, mask, strict=True) if not out}
        assert inside and not inside & outside
    np.testing.assert_array_equal(jackknife.left_out.sum(axis=1), 1)


def test_the_spread_of_several_random_networks_widens_what_they_give() -> None:
    """One more network lies around their mean with variance s^2 (1 + 1/d): here .02^2 * 4/3."""
    labels, n = np.arange(2000) % 2, 2000
    jackknife = Jackknife.of(names(n), seed=0)
    shares = (0.88, 0.90, 0.92)
    draws = [
        jackknife.balanced_accuracy(
            once(jackknife, (np.arange(n) // 2) % 100 < 100 * share, labels, 2)
        )
        for share in shares
    ]

    together = jackknife.mean_over_draws(draws)

    assert together.estimate == pytest.approx(0.9)
    (spread,) = together.spreads
    assert spread.variance == pytest.approx(0.02**2 * 4 / 3)
    assert jackknife.mean_over_draws(draws[:1]).spreads == ()
    widths = [each.interval.upper - each.interval.lower for each in (together, draws[0])]
    assert widths[0] > 2 * widths[1]


def test_what_depends_on_how_values_fall_into_folds_widens_the_interval() -> None:
    """The mean over three deals has a third of the variance between them: here .02^2 / 3."""
    labels, n = np.arange(2000) % 2, 2000
    jackknife = Jackknife.of(names(n), seed=0)
    rights = [(np.arange(n) // 2) % 100 < 100 * share for share in (0.88, 0.90, 0.92)]
    folds = [(deal, np.arange(n), right, right[None]) for deal, right in enumerate(rights)]
    parts = len(jackknife.flat)

    one = PredictionCounts.of(labels, 2, folds[1:2], parts=parts)
    three = PredictionCounts.of(labels, 2, folds, parts=parts)

    figure = jackknife.balanced_accuracy(three)
    (spread,) = figure.spreads
    assert figure.estimate == pytest.approx(0.9)
    assert spread.variance == pytest.approx(0.02**2 / 3)
    assert spread.degrees == 2
    recall, alone = (jackknife.recalls(each)[0].interval for each in (three, one))
    assert recall.upper - recall.lower > alone.upper - alone.lower
