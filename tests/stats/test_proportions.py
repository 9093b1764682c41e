"""Intervals of shares."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from t2i_audit.stats.proportions import share_interval

MANY = 10**7  # clusters, so that Student's t is the normal distribution


@pytest.mark.parametrize(("right", "n"), [(3, 10), (50, 100), (199, 200)])
def test_independent_items_have_the_exact_binomial_interval(right: int, n: int) -> None:
    share = right / n

    found = share_interval(share, share * (1 - share) / n, n=n, clusters=MANY)

    lower, upper = proportion_confint(right, n, method="beta")
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=1e-6)


def test_at_0_and_1_each_cluster_is_one_trial() -> None:
    none = share_interval(0.0, 0.0, n=60, clusters=20)
    all_ = share_interval(1.0, 0.0, n=60, clusters=20)

    # The largest share that leaves 20 trials without a hit in 2.5%: 1 - .025 ** (1 / 20).
    assert (none.lower, none.upper) == pytest.approx((0.0, 1 - 0.025 ** (1 / 20)))
    assert (all_.lower, all_.upper) == pytest.approx((0.025 ** (1 / 20), 1.0))


def test_few_clusters_widen_the_interval() -> None:
    widths = [
        found.upper - found.lower
        for clusters in (4, 40, MANY)
        for found in [share_interval(0.5, 0.0025, n=100, clusters=clusters)]
    ]

    assert widths == sorted(widths, reverse=True)


@given(st.floats(0, 1), st.floats(1e-9, 0.25), st.integers(2, 500))
def test_an_interval_has_a_width_and_lies_between_0_and_1(
    share: float, variance: float, clusters: int
) -> None:
    found = share_interval(share, variance, n=clusters, clusters=clusters)

    assert 0 <= found.lower <= found.estimate <= found.upper <= 1
    assert found.lower < found.upper


def test_one_cluster_has_no_interval_and_no_items_have_no_estimate() -> None:
    assert math.isnan(share_interval(0.5, 0.1, n=4, clusters=1).lower)
    assert not share_interval(math.nan, math.nan, n=0, clusters=0).is_defined
