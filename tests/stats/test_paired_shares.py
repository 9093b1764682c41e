"""The difference of two shares of the same items."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2i_audit.stats.paired_shares import PairedCounts, tango_ends


def items(better: int, worse: int, same: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first = np.repeat([0.0, 1.0, 1.0], [better, worse, same])
    second = np.repeat([1.0, 0.0, 1.0], [better, worse, same])
    return first, second, np.arange(better + worse + same)


def test_the_ends_are_those_of_a_published_example() -> None:
    # Fagerland, Lydersen and Laake (2014, Statistics in Medicine 33, p. 2850), table of airway
    # hyper-responsiveness: 1 and 7 of 21 differ; Tango's interval is -0.517 to -0.026.
    lower, upper = tango_ends(1, 7, 21)

    assert (round(lower, 3), round(upper, 3)) == (-0.517, -0.026)


def test_no_item_that_differs_leaves_a_width() -> None:
    # z^2 / (n + z^2) with one item a cluster.
    found = PairedCounts.of(*items(0, 0, 100)).interval()

    reach = 1.959964**2 / (100 + 1.959964**2)
    assert (found.estimate, found.lower, found.upper) == pytest.approx((0, -reach, reach))


def test_images_of_one_composition_count_as_one_trial_where_they_are_alike() -> None:
    first, second, owners = items(10, 5, 25)
    alone = PairedCounts.of(first, second, owners).interval()
    repeated = PairedCounts.of(*(np.repeat(each, 4) for each in (first, second, owners)))

    assert repeated.interval().lower == pytest.approx(alone.lower, abs=1e-6)
    assert repeated.interval().upper == pytest.approx(alone.upper, abs=1e-6)
    assert repeated.p_value() == pytest.approx(PairedCounts.of(first, second, owners).p_value())


def test_a_single_composition_that_differs_is_one_trial_of_as_many_as_there_are() -> None:
    # 50 compositions of 4 images, and one image became right: a quarter of 1 in 50, not 1 in 200.
    first, second = np.zeros(200), (np.arange(200) == 0).astype(float)
    counts = PairedCounts.of(first, second, np.repeat(np.arange(50), 4))
    found = counts.interval()

    assert (found.lower, found.upper) == pytest.approx(tango_ends(1 / 4, 0, 50))
    assert counts.p_value() == pytest.approx(0.617, abs=1e-3)  # two-sided, of z = 1 / 2


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 8)), min_size=2, max_size=60)
)
def test_the_interval_holds_its_estimate_has_a_width_and_agrees_with_its_test(
    drawn: list[tuple[bool, bool, int]],
) -> None:
    first, second, owners = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    counts = PairedCounts.of(first, second, owners)
    swapped = PairedCounts.of(second, first, owners).interval()
    found = counts.interval()
    if counts.clusters < 2:
        assert np.isnan(found.lower) and np.isnan(counts.p_value())
        return

    assert -1 <= found.lower <= found.estimate <= found.upper <= 1
    assert found.upper - found.lower > 1e-3
    assert (swapped.lower, swapped.upper) == pytest.approx((-found.upper, -found.lower), abs=1e-6)
    if abs(counts.p_value() - 0.05) > 1e-4:
        assert (counts.p_value() < 0.05) == (found.lower > 0 or found.upper < 0)
