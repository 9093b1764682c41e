"""Intraclass correlation of failures over seeds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from t2i_audit.analysis.repeatability import (
    NEAR_ZERO,
    intraclass_correlation,
    repeatability,
)
from t2i_audit.results import Repeatability


def measure(success: np.ndarray, types: list[str] | None = None) -> Repeatability:
    n = len(success)
    return repeatability(
        success, np.arange(n), types=types or ["t"] * n, rng=np.random.default_rng(0)
    )


def test_the_example_of_shrout_and_fleiss_gives_their_figure() -> None:
    # Table 2 of Shrout and Fleiss (1979): six targets, four judges, ICC(1, 1) = 0.17.
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]

    assert intraclass_correlation(ratings) == pytest.approx(0.17, abs=0.005)


def test_unequal_seeds_follow_the_hand_calculation() -> None:
    # Groups (1, 1, 0) and (0, 0): N = 5, grand mean 2/5.
    # Between: 3 (2/3 - 2/5)^2 + 2 (0 - 2/5)^2 = 16/75 + 24/75 = 8/15 on 1 degree of freedom.
    # Within: (1 + 1 + 4) / 9 = 2/3 on 3, hence 2/9. Mean size: 5 - (9 + 4) / 5 = 12/5.
    # ICC = (8/15 - 2/9) / (8/15 + (12/5 - 1) 2/9) = (14/45) / (38/45) = 7/19.
    value = intraclass_correlation(np.array([[1, 1, 0], [0, 0, np.nan]]))

    assert value == pytest.approx(7 / 19)


@settings(deadline=None)
@given(
    hnp.arrays(
        float,
        st.tuples(st.integers(2, 12), st.integers(2, 5)),
        elements=st.sampled_from([0.0, 1.0]),
    )
)
def test_it_follows_from_the_f_statistic_of_scipy(table: np.ndarray) -> None:
    if np.ptp(table, axis=1).max() == 0:
        return  # F is infinite or undefined
    f = stats.f_oneway(*table).statistic
    seeds = table.shape[1]

    assert intraclass_correlation(table) == pytest.approx((f - 1) / (f + seeds - 1))


def test_prompts_that_always_or_never_fail_have_a_repeatability_of_one() -> None:
    result = measure(np.repeat([[1.0], [0.0]], 20, axis=0) * np.ones((1, 3)))

    assert result.overall.estimate == pytest.approx(1.0)


def test_failures_at_random_have_a_repeatability_near_zero() -> None:
    success = (np.random.default_rng(3).random((400, 4)) < 0.6).astype(float)
    result = measure(success)

    assert result.overall.lower <= NEAR_ZERO
    assert abs(result.overall.estimate) < 0.06


def test_failures_that_follow_the_prompt_are_repeatable() -> None:
    rng = np.random.default_rng(4)
    rate = rng.choice([0.1, 0.9], size=200)
    result = measure((rng.random((200, 4)) < rate[:, None]).astype(float))

    # Variance between prompts 0.16 of 0.25 in all.
    assert result.overall.lower < 0.64 < result.overall.upper
    assert result.overall.lower > 0.5


def test_a_difference_between_types_is_not_one_within_them() -> None:
    rng = np.random.default_rng(5)
    types = ["one_object"] * 150 + ["relation"] * 150
    rate = np.repeat([0.95, 0.4], 150)
    result = measure((rng.random((300, 4)) < rate[:, None]).astype(float), types)

    assert result.overall.lower > 0.1
    assert result.within_types.lower <= NEAR_ZERO


@pytest.mark.parametrize(
    ("success", "reason"),
    [
        (np.array([[1.0], [0.0]]), "at least 2 seeds"),
        (np.array([[1.0, np.nan], [np.nan, 0.0]]), "at least 2 seeds"),
        (np.ones((3, 2)), "every image is right"),
        (np.zeros((3, 2)), "every image is wrong"),
        (np.full((3, 2), np.nan), "no image was judged"),
        (np.array([[1.0, 0.0]]), "only one prompt"),
    ],
)
def test_where_it_is_undefined_it_is_nan_with_the_reason(success: np.ndarray, reason: str) -> None:
    result = measure(success)

    assert np.isnan(result.overall.estimate)
    assert reason in result.reason


def test_prompts_without_a_judged_image_change_nothing() -> None:
    success = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    padded = np.vstack([success, np.full((2, 2), np.nan)])

    assert measure(success) == measure(padded)
