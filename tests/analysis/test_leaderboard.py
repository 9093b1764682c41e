"""Runs side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from t2i_audit.analysis.audited_run import AuditedRun
from t2i_audit.analysis.leaderboard import leaderboard
from t2i_audit.results import (
    AttributionShares,
    Interval,
    RunSummary,
    StationSummary,
    SuccessRates,
    undefined,
)
from t2i_audit.results.board_cells import board_table, rows_of
from t2i_audit.results.leaderboard import Leaderboard
from tests.report.made_use import made_use


def interval(estimate: float) -> Interval:
    return Interval(estimate, estimate, estimate, 100)


def run(
    model: str,
    success: float | None,
    text: float,
    denoiser: float | None = None,
    *,
    judge: str = "oracle",
    directory: str = "",
    fingerprint: str = "5" * 64,
    **settings: Any,
) -> AuditedRun:
    stations = {"text_encoder": StationSummary(interval(text), {})}
    if denoiser is not None:
        stations["denoiser"] = StationSummary(interval(denoiser), {})
    summary = RunSummary(
        model,
        "spatial",
        judge,
        n_prompts=50,
        n_seeds=2,
        n_images=100,
        n_excluded=0,
        stations=stations,
        success=None if success is None else SuccessRates(interval(success), {}, {}, {}),
        attribution=AttributionShares({}, {}, undefined(), "encoder"),
    )
    own = {
        "model": model,
        "suite_sha256": "5" * 64,
        "weights_sha256": model * 2,
        "judge": {"name": judge, "weights": fingerprint},
        **settings,
    }
    return AuditedRun(directory or f"runs/{model}", summary, own, {"t2i-audit": "1"})


def widened(success: SuccessRates | None, error: float) -> Interval:
    assert success is not None
    centre = success.overall.estimate
    return Interval(centre, centre - 1.96 * error, centre + 1.96 * error, 100)


def board(runs: list[AuditedRun]) -> Leaderboard:
    return leaderboard(runs)


RISING = [
    run(f"m{i}", 0.1 * i, 0.9 - 0.01 * (i % 2), 0.08 * i + 0.1 + 0.02 * (i % 3))
    for i in range(1, 9)
]


def test_rows_come_best_success_first_and_undefined_last() -> None:
    runs = [run("a", 0.2, 0.5), run("b", None, 0.5), run("c", 0.9, 0.5)]

    assert [row.model for row in board(runs).rows] == ["c", "a", "b"]


def test_the_order_of_runs_does_not_matter() -> None:
    assert board(RISING).rows == board(RISING[::-1]).rows
    np.testing.assert_equal(board(RISING).correlations, board(RISING[::-1]).correlations)


def test_a_row_flattens_to_success_and_decodability_with_their_ends() -> None:
    _, (row,) = board_table(board([run("a", 0.2, 0.5)]).rows)

    assert (row["success_lower"], row["text_encoder_decodability_estimate"]) == (0.2, 0.5)
    assert row["denoiser_decodability_upper"] is None


def test_a_row_names_the_hashes_of_suite_and_weights() -> None:
    row = board([run("a", 0.2, 0.5)]).rows[0]

    assert (row.suite_sha256, row.weights_sha256) == ("5" * 64, "aa")


def test_success_that_rises_with_decodability_is_found_at_its_station() -> None:
    at = {one.station: one for one in board(RISING).correlations}

    assert at["denoiser"].pearson.estimate > 0.95
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


def test_four_runs_are_not_interpreted() -> None:
    found = board(RISING[:4]).correlations[1]

    assert found.pearson.n == 4 and np.isnan(found.pearson.lower)
    assert "not interpreted below 5 runs" in found.sentence


def test_runs_of_different_judges_are_not_correlated_together() -> None:
    runs = [*RISING[:4], run("c", 0.5, 0.5, judge="clip")]
    found = {(one.judge, one.station): one.pearson.n for one in board(runs).correlations}

    assert found[("oracle", "text_encoder")] == 4
    assert found[("clip", "text_encoder")] == 1


def test_equal_success_in_all_runs_leaves_the_correlation_undefined() -> None:
    found = board([run(f"m{i}", 0.5, 0.1 * i) for i in range(5)]).correlations[0]

    assert np.isnan(found.pearson.estimate)
    assert "undefined" in found.sentence


def test_two_runs_given_twice_are_no_correlation() -> None:
    # The same model by another name, in another directory.
    again = [run(f"m{i}", 0.1 * i, 0.2 * i, directory=f"copy/{i}") for i in (1, 2)]
    found = board([*(run(f"m{i}", 0.1 * i, 0.2 * i) for i in (1, 2)), *again])

    assert found.correlations[0].pearson.n == 2
    assert "only 2 different checkpoints" in found.correlations[0].sentence
    assert "copy/1 and runs/m1 are the same audit of one checkpoint" in found.groups[0].notes[1]


def test_runs_of_one_checkpoint_are_one_point_at_their_mean() -> None:
    def point(i: int, steps: int, success: float) -> AuditedRun:
        name = f"runs/{i}-{steps}"
        return run(f"m{i}", success, 0.2 * i, directory=name, sampler={"steps": steps})

    means = board([point(i, 20, 0.2 * i) for i in range(1, 5)]).correlations[0]
    twice = board(
        [point(i, steps, 0.2 * i + (steps - 20) / 100) for i in range(1, 5) for steps in (15, 25)]
    )

    assert twice.correlations[0].pearson.n == 4
    assert twice.correlations[0].pearson.estimate == pytest.approx(means.pearson.estimate)
    assert "their mean counts once" in twice.groups[0].notes[0]
    assert {row.setup.steps for row in twice.rows} == {15, 25}


def test_another_scheduler_or_name_of_a_file_makes_no_other_checkpoint() -> None:
    def files(name: str, scheduler: str) -> dict[str, dict[str, str]]:
        return {".": {name: "a"}, "scheduler": {"scheduler_config.json": scheduler}}

    runs = [
        run("m", 0.1, 0.2, directory="one", checkpoint=files("model.safetensors", "b")),
        run("m", 0.2, 0.2, directory="two", checkpoint=files("renamed.safetensors", "c")),
    ]

    assert board(runs).correlations[0].pearson.n == 1
    assert "two and one are of one checkpoint" in board(runs).groups[0].notes[0]


def test_a_checkpoint_with_something_added_is_another() -> None:
    added = [
        run(f"m{i}", 0.1 * i, 0.2 * i, directory=f"with/{i}", lora=[{"weight": 1, "sha256": "a"}])
        for i in (1, 2)
    ]
    found = board([*(run(f"m{i}", 0.1 * i, 0.2 * i, lora=[]) for i in (1, 2)), *added])

    assert found.correlations[0].pearson.n == 4
    assert [row.setup.lora for row in found.rows].count("1 (a)") == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"suite_sha256": "6" * 64},
            "This run stands apart from group 1: its suite differs "
            "(spatial with contents 66666666, not 55555555).",
        ),
        ({"seeds": 4}, "its number of seeds differs (4, not 2)"),
        ({"suite_sha256": "6" * 64, "prompts": 9}, "its number of prompts differs (9, not 50)"),
        ({"fingerprint": "6" * 64}, "its judge differs (weights 66666666, not 55555555)"),
        ({"judge": "clip"}, "its judge differs (clip, not oracle)"),
    ],
)
def test_runs_that_are_measured_otherwise_stand_apart(settings: dict[str, Any], said: str) -> None:
    found = board([run("c", 0.9, 0.5, **settings), run("a", 0.5, 0.5), run("b", 0.5, 0.5)])

    assert [row.group for row in found.rows] == [1, 1, 2]
    assert found.groups[0].notes == ()
    assert said in found.groups[1].notes[0]
    assert found.correlations[-1].sentence.startswith("Group 2 (spatial, ")


def test_the_name_of_a_suite_does_not_part_runs() -> None:
    one, two = run("a", 0.5, 0.5, suite="mine"), run("b", 0.5, 0.5, suite="a copy of mine")

    assert len(board([one, two]).groups) == 1


def test_a_group_says_in_what_its_runs_differ() -> None:
    half = run("a", 0.5, 0.5, dtype="float16", sampler={"height": 512, "width": 512})
    full = run("b", 0.4, 0.5, dtype="float32", sampler={"height": 512, "width": 768})

    assert board([half, full]).groups[0].notes == (
        "These runs differ in image size: 512x512; 512x768.",
        "These runs differ in dtype: float16; float32.",
    )


def test_a_group_says_that_probes_of_two_versions_are_not_comparable() -> None:
    old, new = run("a", 0.5, 0.5), run("b", 0.4, 0.5, probe_version=2)

    assert board([old, new]).groups[0].notes == (
        "These runs differ in version of the probes, so that decodability is not comparable: "
        "none; 2.",
    )
    assert board([new, run("c", 0.3, 0.5, probe_version=2)]).groups[0].notes == ()


def test_runs_on_one_line_have_no_interval() -> None:
    """Four runs of two kinds gave -1.00 [-1.00, -1.00] by a bootstrap over runs."""
    two = [run(f"m{i}", 0.2 + 0.6 * (i % 2), 0.9 - 0.4 * (i % 2)) for i in range(6)]
    found = board(two).correlations[0]

    assert found.pearson.estimate == pytest.approx(-1) and np.isnan(found.pearson.lower)
    assert found.spearman.estimate == pytest.approx(-1) and found.spearman.upper > -0.99
    assert "lie on one line" in found.sentence


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (0.01, ""),
        (0.15, "that of exact figures lies between"),
        (0.5, "that of exact figures lies between -1.00 and 1.00"),
    ],
)
def test_errors_of_the_runs_themselves_are_said_to_weaken_a_correlation(
    error: float, said: str
) -> None:
    rng = np.random.default_rng(2)
    points = rng.uniform(size=(12, 2))
    runs = [run(f"m{i}", a, b) for i, (a, b) in enumerate(points.tolist())]
    wide = [
        replace(
            one,
            summary=replace(
                one.summary,
                success=SuccessRates(widened(one.summary.success, error), {}, {}, {}),
            ),
        )
        for one in runs
    ]
    found = board(wide).correlations[0]

    variance = points[:, 0].var(ddof=1)
    assert found.decodability_reliability == 1
    assert found.success_reliability == pytest.approx(max(0, 1 - error**2 / variance))
    assert said in found.sentence
    assert ("weak" in found.sentence) == bool(said)


def test_no_runs_make_an_empty_leaderboard() -> None:
    assert board([]) == Leaderboard((), ())


def with_use(model: str) -> AuditedRun:
    return replace(run(model, 0.2, 0.5), use=replace(made_use(), model=model))


def test_use_has_columns_for_each_slot_and_is_read_back() -> None:
    rows = board([with_use("a"), run("b", 0.4, 0.5)]).rows
    names, cells = board_table(rows)
    by_model = {row["model"]: row for row in cells}
    use = made_use().given[0]

    assert by_model["a"]["slot_object_1.colour_use_estimate"] == use.use.estimate
    assert by_model["a"]["slot_object_1.colour_use_n"] == 200
    assert by_model["a"]["slot_relation_use_verdict"] == "not used"
    assert by_model["a"]["slot_relation_culprit"] == "denoiser ignores it"
    # Not measured is an empty cell.
    assert by_model["b"]["slot_relation_use_estimate"] is None
    assert by_model["b"]["slot_relation_culprit"] is None
    texts = [["" if row[name] is None else str(row[name]) for name in names] for row in cells]
    read = {row.model: row for row in rows_of(names, texts)}
    own = {row.model: row for row in rows}
    assert read["a"].use_by_slot == own["a"].use_by_slot
    assert read["a"].use_culprit == own["a"].use_culprit and read["b"].use_by_slot == {}


def test_a_board_without_use_has_no_column_of_it() -> None:
    names, _ = board_table(board([run("a", 0.2, 0.5)]).rows)

    assert not [name for name in names if name.startswith("slot_")]
