"""The report of the scaling study, from rows whose figures are known."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from scripts.scaling.correlations import (
    USE_PLACE,
    Correlation,
    correlate,
    correlations,
    last_of_each_training,
    mean_use,
    slot_correlations,
)
from scripts.scaling.figure import draw_study
from scripts.scaling.page import PARTS, page_with
from scripts.scaling.recipes import GENERATORS, Generator
from scripts.scaling.rows import Rates, Row, Trained, read_row, row_path, write_row
from scripts.scaling_study import main
from t2i_audit.results.interval import Interval, undefined

REACH = 0.05
SLOTS = ("object_1.colour", "relation")


def measured(value: float, reach: float = REACH) -> Interval:
    return Interval(value, value - reach, value + reach, 100)


def row_of(generator: Generator, success: float, decoded: float, used: float) -> Row:
    """A row whose figures at the denoiser are `decoded`, and at the text encoder all alike."""
    training = generator.training
    rates = Rates(
        measured(success), {"relation": measured(success)}, dict.fromkeys(SLOTS, measured(success))
    )
    place = {
        "accuracy": measured(decoded),
        "random weights": Interval(0.4, math.nan, math.nan, 100),
        "words alone": measured(0.5),
        **dict.fromkeys(SLOTS, measured(decoded)),
    }
    station = {"accuracy": measured(decoded), "random weights": place["random weights"]}
    return Row(
        name=generator.name,
        trained=Trained(
            training.name, generator.step, training.support.name, 27, True, True, 100, 1000,
            training.widths, 10**6, training.seed,
        ),
        loss=measured(0.2),
        seen=rates,
        held_out=rates,
        stations={"text_encoder": {"accuracy": measured(0.99)}, "denoiser": station},
        places={"mid_block step 0": place, "up_blocks.1 step 4": {"accuracy": undefined()}},
        use={slot: {"use": measured(used), "erased": measured(0.1)} for slot in SLOTS},
    )  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> tuple[Row, ...]:
    rng = np.random.default_rng(0)
    success = rng.uniform(0.1, 0.9, len(GENERATORS))
    decoded = np.clip(success + rng.normal(0, 0.2, len(success)), 0, 1)
    used = rng.uniform(0, 0.5, len(success))
    drawn = zip(GENERATORS, success, decoded, used, strict=True)
    return tuple(row_of(each, *map(float, figures)) for each, *figures in drawn)


@pytest.fixture(scope="module")
def every(rows: tuple[Row, ...]) -> tuple[Correlation, ...]:
    return correlations(rows)


def found(given: tuple[Correlation, ...], place: str, figure: str) -> Correlation:
    return next(
        each
        for each in given
        if (each.place, each.figure, each.outcome) == (place, figure, "held out")
    )


def test_correlations_are_those_that_scipy_finds_in_the_rows(
    rows: tuple[Row, ...], every: tuple[Correlation, ...]
) -> None:
    ours = found(every, "mid_block step 0", "accuracy")
    x = [row.places["mid_block step 0"]["accuracy"].estimate for row in rows]
    y = [row.held_out.overall.estimate for row in rows]

    assert ours.pearson.correlation.estimate == pytest.approx(stats.pearsonr(x, y).statistic)
    assert ours.spearman.estimate == pytest.approx(stats.spearmanr(x, y).statistic)


def test_intervals_count_trainings_and_not_snapshots(
    rows: tuple[Row, ...], every: tuple[Correlation, ...]
) -> None:
    ours = found(every, USE_PLACE, "use, mean of slots")
    trainings = len({row.trained.training for row in rows})
    x = [row.use["relation"]["use"].estimate for row in rows]
    y = [row.held_out.overall.estimate for row in rows]
    centre = math.atanh(stats.pearsonr(x, y).statistic)
    reach = stats.norm.ppf(0.975) / math.sqrt(trainings - 3)

    assert trainings < len(rows)
    assert ours.pearson.correlation.lower == pytest.approx(math.tanh(centre - reach))
    assert ours.pearson.correlation.upper == pytest.approx(math.tanh(centre + reach))


def test_errors_of_the_points_weaken_a_correlation_and_are_taken_out(
    every: tuple[Correlation, ...],
) -> None:
    ours = found(every, "mid_block step 0", "accuracy")

    assert ours.exact.estimate > ours.pearson.correlation.estimate
    assert ours.exact.lower < ours.exact.estimate < ours.exact.upper


def test_a_figure_that_is_the_same_for_all_has_no_correlation(
    every: tuple[Correlation, ...],
) -> None:
    ours = found(every, "text encoder, best places", "accuracy")

    assert not ours.pearson.correlation.is_defined
    assert "the same for all" in ours.pearson.sentence


def test_a_slot_s_success_is_set_against_its_own_use(rows: tuple[Row, ...]) -> None:
    ours = found(slot_correlations(rows), USE_PLACE, "relation")
    x = [row.use["relation"]["use"].estimate for row in rows]
    y = [row.held_out.by_slot["relation"].estimate for row in rows]

    assert ours.pearson.correlation.estimate == pytest.approx(stats.pearsonr(x, y).statistic)


def test_rows_without_a_figure_are_left_out_of_its_correlation(rows: tuple[Row, ...]) -> None:
    some = (*rows[:6], *(replace(row, use={}) for row in rows[6:]))

    ours = correlate(some, "held out", USE_PLACE, "use", mean_use)

    assert [point.name for point in ours.pearson.points] == [row.name for row in rows[:6]]


def test_only_the_last_row_of_a_training_counts_among_independent_ones(
    rows: tuple[Row, ...],
) -> None:
    last = last_of_each_training(rows)

    assert len({row.trained.training for row in last}) == len(last)
    assert all(
        row.trained.step == max(r.trained.step for r in rows if r.trained.training == name)
        for row in last
        for name in [row.trained.training]
    )


def test_a_row_is_read_back_as_it_was_written(rows: tuple[Row, ...], tmp_path: Path) -> None:
    write_row(rows[0], tmp_path / "row.json")

    assert str(read_row(tmp_path / "row.json")) == str(rows[0])


def test_the_command_writes_what_the_rows_hold_into_the_page_and_draws_the_figure(
    rows: tuple[Row, ...], tmp_path: Path
) -> None:
    page, image = tmp_path / "page.md", tmp_path / "figure.png"
    page.write_text("".join(f"<!-- begin {n} -->\n<!-- end {n} -->\n" for n in PARTS))
    some = rows[:9]  # of four trainings, the fewest for a correlation
    for generator, row in zip(GENERATORS, some, strict=False):
        write_row(row, row_path(generator, tmp_path / "rows"))
    asked = ["--rows", str(tmp_path / "rows"), "--page", str(page), "--image", str(image)]
    decoded = [row.places["mid_block step 0"]["accuracy"].estimate for row in some]
    success = [row.held_out.overall.estimate for row in some]
    pearson, spearman = stats.pearsonr(decoded, success), stats.spearmanr(decoded, success)

    assert main(["report", *asked]) == 0

    text = page.read_text()
    line = next(each for each in text.splitlines() if each.startswith("| mid block step 0 | acc"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[3] == "9, 4"
    assert cells[4].startswith(f"{pearson.statistic:.2f}")
    assert cells[5].startswith(f"{spearman.statistic:.2f}")
    assert f"9 of {len(GENERATORS)} generators are measured" in text
    for row in some:
        assert re.search(rf"\| {row.name} \|.*{re.escape(str(row.held_out.overall))}", text)
    assert image.read_bytes().startswith(b"\x89PNG")


def test_a_report_without_rows_or_without_a_place_for_them_is_refused(
    rows: tuple[Row, ...], tmp_path: Path
) -> None:
    (tmp_path / "page.md").write_text("nothing")

    with pytest.raises(SystemExit, match="has no rows yet"):
        main(["report", "--rows", str(tmp_path)])
    with pytest.raises(ValueError, match="no place for a table: <!-- begin recipes -->"):
        page_with(tmp_path / "page.md", rows)


def test_an_unknown_generator_is_refused_before_anything_is_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["run", "nobody"])

    assert stopped.value.code == 2
    assert "there is no generator nobody; `status` lists them" in capsys.readouterr().err


def test_the_figure_is_drawn_where_a_generator_has_no_use(
    rows: tuple[Row, ...], tmp_path: Path
) -> None:
    draw_study([replace(rows[0], use={}), *rows[1:4]], tmp_path / "figure.png")

    assert (tmp_path / "figure.png").stat().st_size > 10_000
