"""The beta-binomial model."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from t2i_audit.stats import BetaBinomial, fit_beta_binomial, icc_interval


def drawn(n: int, trials: int, mean: float, icc: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng, total = np.random.default_rng(seed), 1 / icc - 1
    chances = rng.beta(mean * total, (1 - mean) * total, n)
    return rng.binomial(trials, chances).astype(float), np.full(n, float(trials))


def test_the_fit_is_the_maximum_that_scipy_finds() -> None:
    right, judged = drawn(200, 4, 0.7, 0.3, 0)
    judged[::3] = 3
    right = np.minimum(right, judged)

    found = fit_beta_binomial(right, judged)

    def height(shape: np.ndarray) -> float:
        return -float(stats.betabinom.logpmf(right, judged, *np.exp(shape)).sum())

    best = optimize.minimize(height, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-6})
    alpha, beta = np.exp(best.x)
    assert found.mean == pytest.approx(alpha / (alpha + beta), abs=1e-3)
    assert found.icc == pytest.approx(1 / (alpha + beta + 1), abs=1e-3)


def test_prompts_that_always_or_never_fail_are_at_one_end_and_equal_ones_at_the_other() -> None:
    ends = fit_beta_binomial([3, 0, 3, 3], [3] * 4)
    equal = fit_beta_binomial([1] * 20, [2] * 20)

    assert (ends.icc, ends.mean) == (1.0, 0.75)
    assert (equal.icc, equal.mean) == (0.0, 0.5)


def test_a_prompt_s_probability_follows_from_its_images_and_the_others() -> None:
    model = BetaBinomial(mean=0.6, icc=0.25)  # beta(1.8, 1.2)

    assert model.expected([2, 0, 0], [2, 2, 0]) == pytest.approx([3.8 / 5, 1.8 / 5, 0.6])
    assert model.probability_above(0.5, [2, 0], [2, 2]) == pytest.approx(
        [stats.beta.sf(0.5, 3.8, 1.2), stats.beta.sf(0.5, 1.8, 3.2)]
    )


@pytest.mark.parametrize(("icc", "above"), [(0.0, [1.0, 1.0]), (1.0, [1.0, 0.0])])
def test_at_the_ends_a_prompt_has_the_probability_of_all_or_its_own(
    icc: float, above: list[float]
) -> None:
    model = BetaBinomial(mean=0.8, icc=icc)

    assert model.probability_above(0.5, [2, 0], [2, 2]) == pytest.approx(above, abs=1e-3)


def test_the_interval_of_one_stratum_is_near_the_profile_likelihood_s() -> None:
    right, judged = drawn(300, 3, 0.6, 0.4, 1)

    found = icc_interval(right, judged, np.arange(300))

    def profile(icc: float) -> float:
        total = 1 / icc - 1
        return max(
            float(stats.betabinom.logpmf(right, 3, mean * total, (1 - mean) * total).sum())
            for mean in np.linspace(0.5, 0.7, 101)
        )

    top = max(map(profile, np.linspace(found.estimate - 0.02, found.estimate + 0.02, 9)))
    for end in (found.lower, found.upper):
        assert 2 * (top - profile(end)) == pytest.approx(stats.t.ppf(0.975, 299) ** 2, rel=0.05)


def test_prompts_of_a_composition_that_are_alike_widen_the_interval() -> None:
    # Four prompts of one outcome are one prompt, so that the interval should be twice as wide.
    right = np.repeat(drawn(40, 2, 0.5, 0.4, 2)[0], 4)
    judged, owner = np.full(160, 2.0), np.repeat(np.arange(40), 4)

    apart = icc_interval(right, judged, np.arange(160))
    together = icc_interval(right, judged, owner)

    assert together.estimate == apart.estimate
    assert together.upper - together.lower > 1.7 * (apart.upper - apart.lower)


def test_many_small_strata_do_not_push_the_correlation_below_the_truth() -> None:
    """With each of 60 means taken out, the mean square gave -0.08 [-0.12, -0.04]: truth 0."""
    strata = np.repeat(np.arange(60), 4)
    chances = np.linspace(0.1, 0.9, 60)[strata]
    right = np.random.default_rng(4).binomial(4, chances).astype(float)

    judged, owner = np.full(240, 4.0), np.arange(240)

    found = icc_interval(right, judged, owner, strata=strata)

    assert found.lower == 0 and found.upper < 0.3
    assert icc_interval(right, judged, owner).lower > 0.05


@pytest.mark.parametrize("right", [[2, 2, 2], [0, 0, 0], []])
def test_outcomes_that_are_all_alike_leave_it_undefined(right: list[int]) -> None:
    assert not icc_interval(right, [2] * len(right), range(len(right))).is_defined


def test_more_successes_than_trials_and_no_trial_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to `judged`"):
        fit_beta_binomial([3], [2])
    with pytest.raises(ValueError, match="at least one trial"):
        fit_beta_binomial([0], [0])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=2, max_size=20))
def test_an_interval_holds_its_estimate_has_a_width_and_ignores_the_order(
    items: list[tuple[int, int]],
) -> None:
    right, owner = np.array(items).T
    judged = np.full(len(right), 3)
    found = icc_interval(right, judged, owner)
    again = icc_interval(right[::-1], judged, owner[::-1])

    if not math.isnan(found.lower):
        assert 0 <= found.lower <= found.estimate <= found.upper <= 1
        assert found.lower < found.upper
        ends = again.lower, again.upper
        assert ends == pytest.approx((found.lower, found.upper), abs=1e-3)
