"""Intervals of shares of zeros and ones in clusters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.api import GLM, families
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from t2i_audit.results.interval import Interval
from t2i_audit.stats import clustered_share, difference
from t2i_audit.stats.shares import clustered_mean

OUTCOMES = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.integers(0, 6)), min_size=1)


def test_all_right_keeps_the_exact_binomial_lower_end_over_clusters() -> None:
    # Twelve images of four compositions: four trials, not twelve.
    interval = clustered_share(np.ones(12), np.repeat(np.arange(4), 3))

    assert interval.upper == 1.0
    assert interval.lower == pytest.approx(stats.binomtest(4, 4).proportion_ci(0.95).low)


def test_all_wrong_keeps_the_exact_binomial_upper_end_over_clusters() -> None:
    interval = clustered_share(np.zeros(5), np.arange(5))

    assert interval.lower == 0.0
    assert interval.upper == pytest.approx(stats.binomtest(0, 5).proportion_ci(0.95).high)


def test_the_interval_is_the_cluster_robust_one_of_a_logistic_regression() -> None:
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(40), 3)
    values = (rng.random(120) < np.repeat(rng.beta(2, 1, 40), 3)).astype(float)

    found = clustered_share(values, clusters)

    # statsmodels takes its degrees of freedom from the items: ours are the clusters less one.
    fit = GLM(values, np.ones((120, 1)), family=families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}
    )
    reach = stats.t.ppf(0.975, 39) * fit.bse[0] * math.sqrt(40 / 39)
    ends = 1 / (1 + np.exp(-(fit.params[0] + np.array([-reach, reach]))))
    assert (found.lower, found.upper) == pytest.approx(tuple(ends), rel=1e-6)


@pytest.mark.parametrize(
    ("values", "clusters"),
    [([1, 0, 0, 1], [0, 0, 1, 1]), ([1, 0] * 15, list(np.repeat(range(15), 2)))],
)
def test_clusters_of_equal_means_leave_a_width(values: list[int], clusters: list[int]) -> None:
    """The bootstrap over clusters gave [0.5, 0.5] for both."""
    found = clustered_share(values, clusters)

    assert found.lower < 0.4 and found.upper > 0.6


def test_a_single_cluster_of_ones_and_zeros_has_no_interval() -> None:
    """The bootstrap gave 0.5 [0.5, 0.5]."""
    found = clustered_share([1, 0], ["a", "a"])

    assert found.estimate == 0.5 and math.isnan(found.lower) and math.isnan(found.upper)


def test_no_values_leave_a_share_undefined() -> None:
    assert not clustered_share([], []).is_defined


@given(OUTCOMES)
def test_an_interval_holds_its_estimate_has_a_width_and_ignores_the_order(
    outcomes: list[tuple[float, int]],
) -> None:
    values, clusters = np.array(outcomes).T
    found, again = clustered_share(values, clusters), clustered_share(values[::-1], clusters[::-1])

    assert found.estimate == pytest.approx(values.mean()) and found.n == len(values)
    if not math.isnan(found.lower):
        assert 0 <= found.lower <= found.estimate <= found.upper <= 1
        assert found.lower < found.upper
        ends = again.lower, again.upper
        assert ends == pytest.approx((found.lower, found.upper), abs=1e-12)


@pytest.mark.parametrize(
    ("clusters", "rate", "alike", "least"),
    [(15, 0.5, 0.5, 0.91), (60, 0.02, 0.1, 0.92), (60, 0.97, 0.5, 0.91), (15, 0.97, 0.1, 0.94)],
)
def test_the_interval_holds_the_truth_about_as_often_as_it_says(
    clusters: int, rate: float, alike: float, least: float
) -> None:
    """The bootstrap over clusters held it in 92, 94, 88 and 98 of 100."""
    rng = np.random.default_rng(4)
    total = 1 / alike - 1
    owner = np.repeat(np.arange(clusters), 4)
    held = 0
    for _ in range(400):
        chances = rng.beta(rate * total, (1 - rate) * total, clusters)
        found = clustered_share((rng.random(owner.size) < chances[owner]).astype(float), owner)
        held += found.lower <= rate <= found.upper

    assert least <= held / 400 <= 0.995


def test_a_difference_is_that_of_newcombe() -> None:
    def wilson(right: int, n: int) -> Interval:
        lower, upper = proportion_confint(right, n, method="wilson")
        return Interval(right / n, lower, upper, n)

    first, second = wilson(56, 70), wilson(48, 80)

    found = difference(first, second)

    ends = confint_proportions_2indep(56, 70, 48, 80, compare="diff", method="newcomb")
    assert (found.estimate, found.n) == pytest.approx((0.2, 150))
    assert (found.lower, found.upper) == pytest.approx(ends)


def test_two_shares_of_1_differ_by_an_interval_with_a_width() -> None:
    ones = clustered_share(np.ones(20), np.arange(20))
    found = difference(ones, ones)

    assert found.estimate == 0 and found.lower < -0.1 and found.upper > 0.1


def test_a_mean_of_probabilities_has_a_t_interval_on_the_logit_scale() -> None:
    rng = np.random.default_rng(7)
    values = rng.beta(4, 2, 30)

    found = clustered_mean([*values, math.nan], np.arange(31))

    mean = values.mean()
    reach = stats.t.ppf(0.975, 29) * values.std(ddof=1) / math.sqrt(30) / (mean * (1 - mean))
    ends = 1 / (1 + np.exp(-(np.log(mean / (1 - mean)) + np.array([-reach, reach]))))
    assert found.n == 30
    assert (found.lower, found.upper) == pytest.approx(tuple(ends))


@pytest.mark.parametrize("clusters", [["a", "a", "b", "b"], ["a"] * 4])
def test_a_mean_whose_clusters_do_not_differ_has_no_interval(clusters: list[str]) -> None:
    """The bootstrap over clusters gave 0.90 [0.90, 0.90]."""
    found = clustered_mean([0.9] * 4, clusters)

    assert found.estimate == pytest.approx(0.9) and math.isnan(found.lower)


def test_a_mean_that_rounds_to_one_has_no_ends() -> None:
    values = [1.0] * 50 + [1 - 1.2e-16]

    assert math.isnan(clustered_mean(values, range(51)).lower)
