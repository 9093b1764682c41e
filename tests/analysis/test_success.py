"""Success rates and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from t2i_audit.analysis.success import proportion, success_rates


def test_the_overall_rate_is_the_mean_of_the_judged_images() -> None:
    # Judged: 1, 1, 0, so 2 of 3; the excluded image counts nowhere.
    rates = success_rates(
        np.array([[1, 1], [0, np.nan]]),
        ["a", "b"],
        types=["t", "t"],
        splits=[None, None],
        rng=np.random.default_rng(0),
    )

    assert rates.overall.estimate == pytest.approx(2 / 3)
    assert rates.overall.n == 3


def test_types_and_splits_are_told_apart() -> None:
    rates = success_rates(
        [[1, 1], [0, 1], [0, 0]],
        ["a", "b", "c"],
        types=["one_object", "relation", "relation"],
        splits=["seen", "held_out", None],
        rng=np.random.default_rng(0),
    )

    assert {name: rate.estimate for name, rate in rates.by_type.items()} == {
        "one_object": 1.0,
        "relation": 0.25,
    }
    assert {name: rate.estimate for name, rate in rates.by_split.items()} == {
        "seen": 1.0,
        "held_out": 0.5,
    }


def test_a_slot_is_counted_only_where_a_prompt_has_it() -> None:
    rates = success_rates(
        [[1, 0], [1, 1]],
        ["a", "b"],
        types=["relation", "one_object"],
        splits=["seen", "seen"],
        slot_correct={"relation": np.array([[1, 0], [np.nan, np.nan]])},
        rng=np.random.default_rng(0),
    )

    assert (rates.by_slot["relation"].estimate, rates.by_slot["relation"].n) == (0.5, 2)


def test_the_interval_holds_the_true_rate_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(100):
        rate_of = rng.beta(3, 2, size=80)  # mean 0.6, shared by a composition's images
        outcomes = (rng.random((80, 4)) < rate_of[:, None]).astype(float)
        rates = success_rates(
            outcomes,
            np.arange(80),
            types=["t"] * 80,
            splits=[None] * 80,
            rng=rng,
            resamples=300,
        )
        held += rates.overall.lower <= 0.6 <= rates.overall.upper

    assert 88 <= held <= 100


def test_no_judged_image_leaves_the_rate_undefined() -> None:
    rates = success_rates(
        [[np.nan]], ["a"], types=["t"], splits=[None], rng=np.random.default_rng(0)
    )

    assert np.isnan(rates.overall.estimate) and rates.overall.n == 0


def test_all_right_keeps_the_exact_binomial_lower_end_over_clusters() -> None:
    # Twelve images of four compositions: four trials, not twelve.
    interval = proportion(np.ones(12), np.repeat(np.arange(4), 3), rng=np.random.default_rng(0))

    assert interval.upper == 1.0
    assert interval.lower == pytest.approx(stats.binomtest(4, 4).proportion_ci(0.95).low)


def test_all_wrong_keeps_the_exact_binomial_upper_end_over_clusters() -> None:
    interval = proportion(np.zeros(5), np.arange(5), rng=np.random.default_rng(0))

    assert interval.lower == 0.0
    assert interval.upper == pytest.approx(stats.binomtest(0, 5).proportion_ci(0.95).high)


def test_an_outcome_that_is_no_zero_or_one_is_refused() -> None:
    with pytest.raises(ValueError, match="0, 1 or NaN"):
        success_rates([[0.5]], ["a"], types=["t"], splits=[None], rng=np.random.default_rng(0))
