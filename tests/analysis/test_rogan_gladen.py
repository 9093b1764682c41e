"""A rate corrected by a judge's errors on another run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2i_audit.analysis.rogan_gladen import rogan_gladen
from t2i_audit.results.interval import Interval


def within(estimate: float, half: float, n: int = 100) -> Interval:
    return Interval(estimate, estimate - half, estimate + half, n)


def test_known_errors_give_the_true_rate_back() -> None:
    # .5 x .84 + .5 x .2 = .52
    found = rogan_gladen(within(0.52, 1e-6), within(0.84, 1e-6), within(0.80, 1e-6))

    assert isinstance(found, Interval)
    assert found.estimate == pytest.approx(0.5)
    assert found.upper - found.lower < 1e-4


def test_uncertain_errors_widen_the_interval() -> None:
    found = rogan_gladen(within(0.52, 0.02), within(0.84, 0.05), within(0.80, 0.05))

    assert isinstance(found, Interval)
    # With 1.96 standard errors throughout and the derivatives 1 / J, (1 - p) / J and p / J:
    half = (0.02**2 + (0.5 * 0.05) ** 2 + (0.5 * 0.05) ** 2) ** 0.5 / 0.64
    assert found.upper - found.lower == pytest.approx(2 * half, rel=0.05)


def test_a_judge_that_hardly_tells_right_from_wrong_corrects_nothing() -> None:
    # What `sound` gave on ten wrong images, put to `misbinding`: -1.73 before.
    found = rogan_gladen(within(0.333, 0.03), within(0.944, 0.03), within(0.28, 0.28, 10))

    assert isinstance(found, str)
    assert "its interval must lie above 0" in found


def test_errors_that_cannot_be_those_of_this_run_are_refused() -> None:
    found = rogan_gladen(within(0.10, 0.02), within(0.9, 0.02), within(0.5, 0.02))

    # (.1 + .5 - 1) / .4
    assert isinstance(found, str)
    assert found.startswith("it would be -1.00 [")


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 0.3))
def test_a_corrected_rate_is_never_outside_0_and_1(
    judged: float, sensitivity: float, specificity: float, half: float
) -> None:
    found = rogan_gladen(within(judged, half), within(sensitivity, half), within(specificity, half))

    if isinstance(found, Interval):
        assert 0 <= found.lower <= found.estimate <= found.upper <= 1
