"""Rank statistics against scipy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from t2i_audit.analysis.ranks import auroc, levels_of, pearson, spearman

COUNTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=30
)


def test_auroc_of_a_hand_counted_case() -> None:
    # Prompt A (0.2): 1 wrong, 1 right; prompt B (0.8): 2 right. The wrong image against the three
    # right ones: ties with A's (1/2), lies below both of B's (2): 2.5 / 3.
    value = auroc(levels_of(np.array([0.2, 0.8])), np.array([1.0, 0.0]), np.array([1.0, 2.0]))

    assert value == pytest.approx(2.5 / 3)


@settings(deadline=None)
@given(COUNTS)
def test_auroc_equals_that_of_scikit_learn_on_one_row_an_image(
    prompts: list[tuple[int, int, int]],
) -> None:
    values, failed, right = np.array(prompts, dtype=float).T
    if failed.sum() == 0 or right.sum() == 0:
        assert np.isnan(auroc(levels_of(values), failed, right))
        return
    scores = np.repeat(np.r_[-values, -values], np.r_[failed, right].astype(int))
    is_failure = np.r_[np.ones(int(failed.sum())), np.zeros(int(right.sum()))]

    assert auroc(levels_of(values), failed, right) == pytest.approx(
        roc_auc_score(is_failure, scores)
    )


@settings(deadline=None)
@given(COUNTS)
def test_reversing_the_predictor_reflects_the_auroc_about_one_half(
    prompts: list[tuple[int, int, int]],
) -> None:
    values, failed, right = np.array(prompts, dtype=float).T
    forward = auroc(levels_of(values), failed, right)
    backward = auroc(levels_of(-values), failed, right)

    np.testing.assert_allclose(forward, 1 - backward)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=40))
def test_spearman_equals_that_of_scipy_with_ties(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, dtype=float).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(spearman(levels_of(x), levels_of(y)))
        return

    assert spearman(levels_of(x), levels_of(y)) == pytest.approx(stats.spearmanr(x, y).statistic)


def test_pearson_equals_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 50))

    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
