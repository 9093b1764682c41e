"""Shares for pairs in general."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from t2i_audit.stats import clustered_share, pairs_of, share_over_pairs


def test_prompts_of_one_pair_each_have_the_interval_over_pairs_as_clusters() -> None:
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(12), 5)
    right = rng.binomial(2, rng.beta(2, 1, 12)[owner]).astype(float)

    found = share_over_pairs(
        right, np.full(60, 2.0), np.arange(60), pairs_of([{one} for one in owner.tolist()])
    )

    images = np.concatenate([np.repeat([1, 0], [int(k), 2 - int(k)]) for k in right])
    clusters = clustered_share(images, np.repeat(owner, 2))
    assert found.pairs == 12 and found.interval.n == 120
    # The jackknife has 1 / (1 - 1/12)^2 where the sandwich has 1 / (1 - 1/12).
    assert found.interval.lower == pytest.approx(clusters.lower, abs=0.01)
    assert found.interval.upper == pytest.approx(clusters.upper, abs=0.01)


def test_the_variance_is_the_dyadic_one_with_the_jackknife_s_leverage() -> None:
    """Aronow, Samii and Assenova (2015), equation 3, summed over items that share a pair."""
    rng = np.random.default_rng(1)
    pairs = [(int(a), int(b)) for a in range(8) for b in range(a)]
    effects = rng.normal(size=8) * 1.5
    chances = special.expit([effects[a] + effects[b] for a, b in pairs])
    right = rng.binomial(4, chances).astype(float)
    n = len(pairs)

    found = share_over_pairs(right, np.full(n, 4.0), np.arange(n), pairs_of(pairs)).interval

    share, residuals = right.mean() / 4, (right / 4 - right.mean() / 4) / n
    together = np.array([[bool({*one} & {*other}) for other in pairs] for one in pairs])
    dyadic = float(residuals @ together @ residuals)
    # A pair has 2 of 8 ends of the items, so that leaving it out moves the share by 1 / (1 - 1/4).
    alone = float(residuals @ residuals)
    variance = (dyadic + alone) * 7 / 8 / 0.75**2 - alone
    reach = stats.t.ppf(0.975, 7) * math.sqrt(variance) / (share * (1 - share))
    ends = special.expit(special.logit(share) + np.array([-reach, reach]))
    assert (found.lower, found.upper) == pytest.approx(tuple(ends))


def test_all_right_keeps_an_interval_over_pairs() -> None:
    n = 40
    pairs = pairs_of([{i % 10} for i in range(n)])

    found = share_over_pairs(np.full(n, 2.0), np.full(n, 2.0), np.arange(n), pairs).interval

    assert (found.lower, found.upper) == pytest.approx((0.025 ** (1 / 10), 1.0))


@pytest.mark.parametrize(("count", "has_ends"), [(4, False), (5, True)])
def test_below_five_equal_pairs_there_is_no_interval(count: int, has_ends: bool) -> None:
    pairs = pairs_of([{i % count} for i in range(60)])

    found = share_over_pairs(np.tile([1.0, 0.0], 30), np.ones(60), np.arange(60), pairs)

    assert found.pairs == count and found.interval.estimate == 0.5
    assert math.isnan(found.interval.lower) != has_ends


def test_the_interval_for_other_pairs_is_never_narrower_than_that_for_these() -> None:
    """Two of 12 prompts fail, and these have 4 of 10 pairs."""
    right = np.full(12, 2.0)
    right[[3, 8]] = 1
    pairs = pairs_of([{i % 10, (3 * i + 1) % 10} for i in range(12)])

    found = share_over_pairs(right, np.full(12, 2.0), np.arange(12), pairs).interval

    images = np.concatenate([[1, int(k) - 1] for k in right])
    own = clustered_share(images, np.repeat(np.arange(12), 2))
    assert found.lower <= own.lower + 1e-12 and found.upper >= own.upper - 1e-12


def test_what_was_not_judged_and_what_has_no_pair_do_not_count() -> None:
    pairs = [{i % 6} for i in range(12)]
    right, judged = np.tile([1.0, 0.0], 6), np.ones(12)
    padded = share_over_pairs(
        [*right, 0.0, 1.0], [*judged, 0.0, 1.0], np.arange(14), pairs_of([*pairs, {0}, set()])
    )

    alone = share_over_pairs(right, judged, np.arange(12), pairs_of(pairs))
    assert (padded.pairs, padded.interval.n) == (alone.pairs, alone.interval.n) == (6, 12)
    assert padded.interval.lower == pytest.approx(alone.interval.lower)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(8, 40), st.floats(0.02, 0.98))
def test_an_interval_holds_its_estimate_has_a_width_and_ignores_the_order(
    seed: int, n: int, rate: float
) -> None:
    rng = np.random.default_rng(seed)
    right, judged = rng.binomial(3, rate, n).astype(float), np.full(n, 3.0)
    pairs = [set(rng.choice(9, size=rng.integers(1, 4), replace=False).tolist()) for _ in range(n)]
    clusters, order = rng.integers(0, n, n), rng.permutation(n)

    found = share_over_pairs(right, judged, clusters, pairs_of(pairs)).interval
    again = share_over_pairs(
        right[order], judged, clusters[order], pairs_of([pairs[row] for row in order])
    ).interval

    assert found.estimate == pytest.approx(right.mean() / 3)
    if not math.isnan(found.lower):
        assert 0 <= found.lower <= found.estimate <= found.upper <= 1
        assert found.lower < found.upper
        ends = again.lower, again.upper
        assert ends == pytest.approx((found.lower, found.upper), abs=1e-9)
