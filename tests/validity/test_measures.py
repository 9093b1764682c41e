"""What is made of the draws of a cell."""

from __future__ import annotations

import math

import pytest

from scripts.simulations.cells import ALWAYS, COVERAGE, Figure, Goal, measure


def covered(count: int, of: int) -> list[dict[str, tuple[float, float, float]]]:
    """Draws of an interval, `count` of which cover 0; the others lie above it."""
    inside, above = (0.0, -1.0, 1.0), (2.0, 1.0, 3.0)
    return [{"it": inside if row < count else above} for row in range(of)]


def test_a_coverage_is_the_share_of_intervals_that_hold_the_truth() -> None:
    found = measure(Figure("it", "coverage", COVERAGE, truth=0.0), covered(95, 100))

    assert found.estimate == 0.95 and found.n == 100 and found.standing == "holds"
    # 96 of 102: one more of either kind, so that the error is not 0 where all agree.
    assert found.error == pytest.approx(math.sqrt(96 / 102 * 6 / 102 / 100))


@pytest.mark.parametrize(
    ("count", "of", "standing"),
    [
        (90, 100, "within error"),  # the exact interval is [.824, .951]
        (80, 100, "too narrow"),
        (900, 1000, "too narrow"),
        (100, 100, "within error"),  # [.964, 1]
        (1000, 1000, "too wide"),
    ],
)
def test_a_goal_is_missed_only_beyond_monte_carlo_error(count: int, of: int, standing: str) -> None:
    found = measure(Figure("it", "coverage", COVERAGE, truth=0.0), covered(count, of))

    assert found.standing == standing
    assert found.is_missed == (standing != "within error")


def test_without_a_truth_intervals_should_cover_the_mean_of_the_estimates() -> None:
    draws = [{"it": (value, value - 0.6, value + 0.6)} for value in (0.0, 1.0)]

    # The mean is one half, which both intervals hold.
    assert measure(Figure("it", "coverage", COVERAGE), draws).estimate == 1.0


def test_draws_without_a_figure_are_counted_and_left_out() -> None:
    draws = [{"it": math.nan}, {"it": 1.0}, {}, {"it": 0.0}]
    found = measure(Figure("it", "rate", Goal(0.0, 0.1)), draws)

    assert (found.estimate, found.n, found.given) == (0.5, 2, 0.5)


def test_where_every_draw_counts_no_error_is_allowed() -> None:
    draws = [{"it": 1.0}] * 19 + [{"it": 0.0}]

    assert measure(Figure("it", "rate", ALWAYS), draws).standing == "too low"


def test_a_figure_that_no_draw_gives_is_not_missed() -> None:
    assert measure(Figure("it", "rate", ALWAYS), [{}]).standing == "not given"
