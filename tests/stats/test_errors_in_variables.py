"""The correlation behind figures that are measured with known errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from t2i_audit.stats.correlations import pearson_interval
from t2i_audit.stats.errors_in_variables import true_correlation


def measured(
    rng: np.random.Generator, n: int, correlation: float, error: float
) -> tuple[np.ndarray, np.ndarray]:
    """True values of deviation 1 and the given correlation, with an independent error each."""
    points = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], n)
    x, y = (points + rng.normal(0, error, points.shape)).T
    return x, y


@pytest.mark.parametrize("error", [0.0, 1e-6])
def test_without_errors_it_is_pearson_s_with_the_interval_of_fisher_s_z(error: float) -> None:
    x, y = measured(np.random.default_rng(0), 12, 0.7, 0.0)
    expected = pearson_interval(x, y)

    found = true_correlation(x, y, np.full(12, error), np.full(12, error))

    np.testing.assert_allclose(
        [found.estimate, found.lower, found.upper],
        [expected.estimate, expected.lower, expected.upper],
        atol=2e-5,
    )


def test_of_many_points_it_is_the_correlation_over_the_root_of_both_reliabilities() -> None:
    """Spearman (1904): errors of .5 and of .8 leave 1 / 1.25 and 1 / 1.64 of the variances."""
    rng = np.random.default_rng(1)
    points = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 4000)
    x, y = (points + rng.normal(0, [0.5, 0.8], points.shape)).T

    found = true_correlation(x, y, np.full(4000, 0.5), np.full(4000, 0.8))

    weakened = float(np.corrcoef(x, y)[0, 1])
    assert found.estimate == pytest.approx(weakened * math.sqrt(1.25 * 1.64), abs=0.01)
    assert found.lower < 0.6 < found.upper


def test_it_covers_a_truth_that_pearson_s_interval_misses_half_of_the_time() -> None:
    rng = np.random.default_rng(2)
    draws = [measured(rng, 8, 0.95, 0.7) for _ in range(40)]
    errors = np.full(8, 0.7)
    ours = [true_correlation(x, y, errors, errors) for x, y in draws]
    simple = [pearson_interval(x, y) for x, y in draws]

    assert sum(found.lower <= 0.95 <= found.upper for found in ours) >= 36
    assert sum(found.lower <= 0.95 <= found.upper for found in simple) <= 28


def test_an_error_that_is_not_known_leaves_nothing_to_say() -> None:
    x, y = measured(np.random.default_rng(3), 6, 0.5, 0.1)

    assert not true_correlation(x, y, np.full(6, math.nan), np.full(6, 0.1)).is_defined
    assert not true_correlation(x, np.ones(6), np.zeros(6), np.zeros(6)).is_defined
    assert not true_correlation(x[:3], y[:3], np.zeros(3), np.zeros(3)).is_defined


def test_points_that_are_there_three_times_count_once_where_that_is_said() -> None:
    x, y = measured(np.random.default_rng(4), 9, 0.8, 0.3)
    errors = np.full(9, 0.3)
    once = true_correlation(x, y, errors, errors)

    thrice = true_correlation(
        np.tile(x, 3), np.tile(y, 3), np.tile(errors, 3), np.tile(errors, 3), independent=9
    )

    # The deviation that data are divided by has n - 1 below it, so the search starts elsewhere.
    np.testing.assert_allclose(
        [thrice.estimate, thrice.lower, thrice.upper],
        [once.estimate, once.lower, once.upper],
        atol=2e-3,
    )
    assert thrice.n == 27
