"""Correlations over models, over values and over prompt types."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from prompts.world import Content, write
from t2i_audit.analysis.over_models import ModelFigures, model_correlations
from t2i_audit.analysis.over_points import (
    correlate_points,
    difference_of_correlations,
    fisher_interval,
    power_of,
    smallest_correlation,
)
from t2i_audit.analysis.over_values import type_correlation, value_correlations
from t2i_audit.results.associations import Point, PointCorrelation
from t2i_audit.results.interval import Interval, undefined


def exactly(value: float, half: float = 0.0) -> Interval:
    return Interval(value, value - half, value + half, 100)


def related(x: np.ndarray, y: np.ndarray, half: float = 0.02) -> PointCorrelation:
    points = [
        Point(f"model {i}", exactly(a, half), exactly(b, half))
        for i, (a, b) in enumerate(zip(x, y, strict=True))
    ]
    return correlate_points(points, station="denoiser", figure="accuracy", of="models", fewest=4)


def test_the_correlation_and_its_interval_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(size=12)
    y = 0.5 * x + rng.uniform(size=12)
    reference = stats.pearsonr(x, y)
    ends = reference.confidence_interval(0.95)

    found = related(x, y).correlation

    np.testing.assert_allclose(
        [found.estimate, found.lower, found.upper], [reference.statistic, ends.low, ends.high]
    )


def test_models_that_rise_together_are_said_to() -> None:
    x = np.linspace(0.3, 0.9, 8)
    found = related(x, x + np.tile([0.01, -0.01], 4))

    assert found.verdict == "together"
    assert (
        "Over 8 models, success and decodability (accuracy) at the denoiser rise" in found.sentence
    )


def test_five_models_that_show_nothing_are_called_few() -> None:
    x, y = np.array([0.1, 0.2, 0.3, 0.4, 0.5]), np.array([0.2, 0.5, 0.1, 0.6, 0.3])
    found = related(x, y, half=0)

    assert found.verdict == "underpowered"
    assert "would show a true correlation of 0.9 with a probability of only 66%" in found.sentence


def test_the_power_of_five_models_is_the_share_of_draws_that_show_it() -> None:
    rng = np.random.default_rng(1)
    shown = []
    for _ in range(4000):
        x = rng.normal(size=5)
        y = 0.9 * x + math.sqrt(1 - 0.81) * rng.normal(size=5)
        shown.append(fisher_interval(float(np.corrcoef(x, y)[0, 1]), 5, 5).lower > 0)

    assert power_of(0.9, 5) == pytest.approx(np.mean(shown), abs=0.02)
    assert power_of(smallest_correlation(20), 20) == pytest.approx(0.8, abs=0.001)


def test_errors_of_the_points_weaken_what_they_can_show() -> None:
    """Errors as large as the differences leave half of a correlation of 1, as in 200 draws."""
    rng = np.random.default_rng(4)
    shown = 0
    for _ in range(200):
        x = rng.normal(size=12)
        one, two = (x + rng.normal(size=12) for _ in range(2))
        shown += fisher_interval(float(np.corrcoef(one, two)[0, 1]), 12, 12).lower > 0

    assert shown / 200 == pytest.approx(power_of(0.5, 12), abs=0.08)
    assert math.isnan(smallest_correlation(12, kept=0.5))
    found = related(rng.normal(size=12), rng.normal(size=12), half=1.4)
    assert "with errors as large as theirs" in found.sentence
    assert found.verdict == "underpowered"


@pytest.mark.parametrize("n", [0, 1, 3])
def test_fewer_than_four_models_have_no_correlation(n: int) -> None:
    found = related(np.linspace(0, 1, n), np.linspace(0, 1, n) ** 2)

    assert (found.verdict, found.correlation.is_defined) == ("undefined", False)
    assert "4 models are needed" in found.sentence


def test_a_baseline_that_is_the_same_for_all_models_is_said_to_be() -> None:
    found = related(np.full(5, 0.5), np.linspace(0, 1, 5))

    assert "it is the same for all 5 models" in found.sentence


def test_the_errors_of_the_points_lower_the_ceiling() -> None:
    x = np.linspace(0.4, 0.6, 6)

    assert related(x, x, half=0.001).ceiling == pytest.approx(1, abs=0.001)
    assert related(x, x, half=0.1).ceiling < 0.7


def test_the_difference_of_two_correlations_covers_the_truth() -> None:
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(400):
        z = rng.normal(size=20)
        x = 0.8 * z + 0.6 * rng.normal(size=20)
        y = 0.3 * z + math.sqrt(0.91) * rng.normal(size=20)
        found = difference_of_correlations(x.tolist(), y.tolist(), z.tolist())
        covered.append(found.lower <= 0.5 <= found.upper)

    assert 0.91 <= np.mean(covered) <= 0.99


def test_several_runs_of_one_checkpoint_are_one_point() -> None:
    def run(checkpoint: str, success: float, read: float) -> ModelFigures:
        return ModelFigures(
            checkpoint,
            checkpoint,
            exactly(success),
            {"text_encoder": {"weakest slot": exactly(read)}},
        )

    runs = [run(name, i / 10, i / 12) for i, name in enumerate("aabcd")]
    (found,), differences = model_correlations(runs)

    assert [point.name for point in found.points] == ["a", "b", "c", "d"]
    assert found.points[0].success.estimate == pytest.approx(0.05)
    assert differences == ()


def test_values_are_compared_within_their_slot_and_count_once() -> None:
    colours = ("red", "blue", "green", "orange", "purple", "yellow")
    shapes = ("circle", "star", "cross", "square", "triangle", "ring")
    prompts = [
        write(
            Content(
                ((colours[i % 6], shapes[j]), (colours[(i + k) % 6], shapes[(j + 1) % 6])), "above"
            )
        )
        for i in range(6)
        for j in range(6)
        for k in (1, 2)
    ]
    hard = np.array(["object_1.colour=red" in p.composition for p in prompts])
    hard |= np.array(["object_1.colour=blue" in p.composition for p in prompts])
    rng = np.random.default_rng(3)
    read = {
        "object_1.colour": np.where(hard, 0.4, 0.9) + rng.uniform(-0.05, 0.05, len(prompts)),
        "object_2.colour": rng.uniform(0.8, 0.9, len(prompts)),
        "relation": np.full(len(prompts), 0.95),
    }
    success = (rng.random((len(prompts), 4)) < np.where(hard, 0.2, 0.9)[:, None]).astype(float)

    together, first, second, relation = value_correlations(
        "text_encoder", prompts, read, success, {}
    )

    assert (first.figure, first.correlation.n, first.verdict) == ("object_1.colour", 6, "together")
    assert second.figure == "object_2.colour" and second.verdict != "together"
    assert "5 values of relation are needed, and there are only 1" in relation.sentence
    # Thirteen points; the six colours and the one relation leave five differences and the mean.
    assert (together.correlation.n, together.independent) == (13, 6)
    assert {point.name for point in first.points} == {f"object_1.colour={name}" for name in colours}
    one_type = type_correlation("text_encoder", prompts, read["relation"], success)
    assert "5 prompt types are needed, and there are only 1" in one_type.sentence


def test_points_without_a_figure_are_left_out() -> None:
    points = [Point(str(i), exactly(i / 9), exactly(i / 9 + (i % 2) / 9)) for i in range(5)]
    found = correlate_points(
        [*points, Point("unread", undefined(), exactly(0.5))],
        station="denoiser",
        figure="accuracy",
        of="models",
        fewest=4,
    )

    assert found.correlation.n == 5
