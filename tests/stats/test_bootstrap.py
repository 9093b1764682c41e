"""Intervals from resampled compositions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from t2i_audit.stats import cluster_bootstrap, cluster_bootstrap_mean, cluster_weights


def test_without_clusters_it_is_scipys_percentile_bootstrap() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=150)

    ours = cluster_bootstrap_mean(
        values, np.arange(150), rng=np.random.default_rng(1), resamples=4000
    )
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=4000, rng=np.random.default_rng(2)
    ).confidence_interval

    error = values.std() / math.sqrt(150)
    assert ours.estimate == pytest.approx(values.mean())
    assert ours.lower == pytest.approx(theirs.low, abs=0.15 * error)
    assert ours.upper == pytest.approx(theirs.high, abs=0.15 * error)


def test_the_interval_of_a_mean_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(60), 3)
    held = 0
    for _ in range(200):
        # Prompts of one composition succeed and fail together.
        values = (rng.random(60) < 0.7)[clusters].astype(float)
        interval = cluster_bootstrap_mean(values, clusters, rng=rng, resamples=300)
        held += interval.lower <= 0.7 <= interval.upper

    # 0.95 of 200 would be 190; below 176 has a chance of 1 in 10,000 at a coverage of 0.93.
    assert held >= 176


def test_prompts_of_one_composition_do_not_make_the_interval_narrower() -> None:
    values = np.random.default_rng(4).random(40)

    once = cluster_bootstrap_mean(values, np.arange(40), rng=np.random.default_rng(5))
    repeated = cluster_bootstrap_mean(
        np.repeat(values, 10), np.repeat(np.arange(40), 10), rng=np.random.default_rng(5)
    )

    assert (repeated.lower, repeated.upper) == pytest.approx((once.lower, once.upper))
    assert (once.n, repeated.n) == (40, 400)


@given(
    values=st.lists(st.floats(-1e3, 1e3) | st.just(math.nan), min_size=1, max_size=30),
    seed=st.integers(0, 5),
)
def test_the_shortcut_for_means_agrees_with_any_statistic(values: list[float], seed: int) -> None:
    data = np.array(values)
    clusters = np.arange(len(data)) // 2

    quick = cluster_bootstrap_mean(data, clusters, rng=np.random.default_rng(seed), resamples=50)
    kept = data[~np.isnan(data)]
    slow = cluster_bootstrap(
        lambda rows: float(kept[rows].mean()),
        clusters[~np.isnan(data)],
        rng=np.random.default_rng(seed),
        resamples=50,
    )

    assert quick.n == slow.n == len(kept)
    assert quick.estimate == pytest.approx(slow.estimate, nan_ok=True)
    for interval in (quick, slow):
        if len(kept):
            assert kept.min() - 1e-6 <= interval.lower <= interval.upper <= kept.max() + 1e-6


def test_nothing_to_average_is_no_number() -> None:
    interval = cluster_bootstrap_mean([math.nan], ["a"], rng=np.random.default_rng(0))

    assert interval.n == 0
    assert all(math.isnan(x) for x in (interval.estimate, interval.lower, interval.upper))


def test_every_resample_draws_as_many_compositions_as_there_are() -> None:
    weights, inverse = cluster_weights(["b", "a", "b"], rng=np.random.default_rng(0), resamples=20)

    assert weights.shape == (20, 2)
    assert set(weights.sum(axis=1)) == {2.0}
    assert inverse.tolist() == [1, 0, 1]


def test_the_same_seed_gives_the_same_interval() -> None:
    first, second = (
        cluster_bootstrap_mean(np.arange(9.0), np.arange(9), rng=np.random.default_rng(6))
        for _ in range(2)
    )

    assert first == second
