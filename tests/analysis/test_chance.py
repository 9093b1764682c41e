"""Whether failures repeat, from the moments of a beta-binomial model."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from t2i_audit.analysis.chance import chance_weights, moments, tells_chance
from t2i_audit.stats.beta_binomial import fit_beta_binomial

ONCE = np.ones((1, 3000))


def drawn(mean: float, correlation: float, seeds: int, seed: int = 0) -> np.ndarray:
    """Right images of 3,000 prompts whose rates follow a beta distribution."""
    strength = 1 / correlation - 1
    law = stats.betabinom(seeds, mean * strength, (1 - mean) * strength)
    return np.asarray(law.rvs(3000, random_state=seed), dtype=float)


@pytest.mark.parametrize("seeds", [2, 4, 8])
@pytest.mark.parametrize(("mean", "correlation"), [(0.5, 0.1), (0.9, 0.4), (0.3, 0.7)])
def test_moments_agree_with_the_truth_and_with_maximum_likelihood(
    mean: float, correlation: float, seeds: int
) -> None:
    right, judged = drawn(mean, correlation, seeds), np.full(3000, float(seeds))
    (found_mean,), (found,) = moments(right, judged, ONCE)
    fitted = fit_beta_binomial(right, judged)

    assert found_mean == pytest.approx(mean, abs=0.03)
    assert found == pytest.approx(correlation, abs=0.06)
    assert found == pytest.approx(fitted.icc, abs=0.06)


def test_a_prompts_weight_is_the_posterior_above_three_quarters() -> None:
    """With mean .9 and correlation .4: Beta(1.35, .15) before any image, so (1.35 + 2, .15 + 2)
    after two right of four."""
    right, judged = drawn(0.9, 0.4, 4, seed=1), np.full(3000, 4.0)
    (weights,) = chance_weights(right, judged, ONCE)

    expected = stats.beta.sf(0.75, 1.35 + 2, 0.15 + 2)
    assert weights[right == 2][0] == pytest.approx(expected, abs=0.02)


def test_more_right_images_are_more_like_chance() -> None:
    right, judged = drawn(0.8, 0.3, 4), np.full(3000, 4.0)
    (weights,) = chance_weights(right, judged, ONCE)

    by_count = [weights[right == count][0] for count in range(5)]
    assert by_count == sorted(by_count)


@pytest.mark.parametrize(("rate", "expected"), [(0.0, 0.0), (0.5, 0.0), (1.0, 1.0)])
def test_prompts_of_one_rate_are_all_chance_or_none(rate: float, expected: float) -> None:
    judged = np.full(3000, 4.0)
    right = np.random.default_rng(0).binomial(4, rate, 3000).astype(float)
    (weights,) = chance_weights(right, judged, ONCE)

    np.testing.assert_allclose(weights, expected, atol=0.02)


def test_chance_needs_three_images_of_most_prompts() -> None:
    assert not tells_chance(np.array([2.0, 2.0, 4.0]))
    assert tells_chance(np.array([3.0, 3.0, 2.0]))
    assert not tells_chance(np.array([0.0, 0.0]))
    # A prompt without a judged image says nothing either way.
    assert tells_chance(np.array([0.0, 0.0, 0.0, 4.0]))
