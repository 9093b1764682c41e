"""Runs side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from t2i_audit.analysis.leaderboard import Leaderboard, leaderboard

Run = tuple[dict[str, Any], dict[str, Any]]


def interval(estimate: float | None) -> dict[str, Any]:
    near = None if estimate is None else estimate
    return {"estimate": near, "lower": near, "upper": near, "n": 100}


def run(
    model: str,
    success: float | None,
    text: float,
    denoiser: float | None = None,
    *,
    judge: str = "oracle",
) -> Run:
    stations = {"text_encoder": {"decodability": interval(text), "slots": {}}}
    if denoiser is not None:
        stations["denoiser"] = {"decodability": interval(denoiser), "slots": {}}
    summary = {
        "model": model,
        "suite": "spatial",
        "judge": judge,
        "n_prompts": 50,
        "n_seeds": 2,
        "n_images": 100,
        "success": None if success is None else {"overall": interval(success)},
        "stations": stations,
        "attribution": {"culprit": "encoder"},
    }
    return summary, {"settings": {"suite_sha256": "5" * 64, "weights_sha256": model * 2}}


def board(runs: list[Run]) -> Leaderboard:
    return leaderboard(runs, rng=np.random.default_rng(0), resamples=400)


RISING = [run(f"m{i}", 0.1 * i, 0.9 - 0.01 * (i % 2), 0.08 * i + 0.1) for i in range(1, 9)]


def test_rows_come_best_success_first_and_undefined_last() -> None:
    runs = [run("a", 0.2, 0.5), run("b", None, 0.5), run("c", 0.9, 0.5)]

    assert [row.model for row in board(runs).rows] == ["c", "a", "b"]


def test_the_order_of_runs_does_not_matter() -> None:
    assert board(RISING).rows == board(RISING[::-1]).rows
    np.testing.assert_equal(board(RISING).correlations, board(RISING[::-1]).correlations)


def test_a_row_flattens_to_success_and_decodability_with_their_ends() -> None:
    row = board([run("a", 0.2, 0.5)]).rows[0].to_row()

    assert (row["success_lower"], row["text_encoder_decodability_estimate"]) == (0.2, 0.5)
    assert np.isnan(row["denoiser_decodability_upper"])


def test_a_row_names_the_hashes_of_suite_and_weights() -> None:
    row = board([run("a", 0.2, 0.5)]).rows[0]

    assert (row.suite_sha256, row.weights_sha256) == ("5" * 64, "aa")


def test_success_that_rises_with_decodability_is_found_at_its_station() -> None:
    at = {one.station: one for one in board(RISING).correlations}

    assert at["denoiser"].pearson.estimate == pytest.approx(1.0)
    assert "rise together" in at["denoiser"].sentence
    assert "not shown to go together" in at["text_encoder"].sentence


def test_correlations_equal_those_of_scipy() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(size=(12, 2))
    runs = [run(f"m{i}", a, b) for i, (a, b) in enumerate(points.tolist())]
    found = board(runs).correlations[0]

    assert found.pearson.estimate == pytest.approx(stats.pearsonr(*points.T).statistic)
    assert found.spearman.estimate == pytest.approx(stats.spearmanr(*points.T).statistic)
    assert found.pearson.lower < found.pearson.estimate < found.pearson.upper


def test_three_runs_are_not_interpreted() -> None:
    found = board(RISING[:3]).correlations[1]

    assert found.pearson.n == 3 and np.isnan(found.pearson.lower)
    assert "not interpreted below 4 runs" in found.sentence


def test_runs_of_different_judges_are_not_correlated_together() -> None:
    runs = [*RISING[:4], run("c", 0.5, 0.5, judge="clip")]
    found = {(one.judge, one.station): one.pearson.n for one in board(runs).correlations}

    assert found[("oracle", "text_encoder")] == 4
    assert found[("clip", "text_encoder")] == 1


def test_equal_success_in_all_runs_leaves_the_correlation_undefined() -> None:
    found = board([run(f"m{i}", 0.5, 0.1 * i) for i in range(5)]).correlations[0]

    assert np.isnan(found.pearson.estimate)
    assert "undefined" in found.sentence


def test_no_runs_make_an_empty_leaderboard() -> None:
    assert board([]) == Leaderboard((), ())
