"""What is printed of a finished run."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from t2i_audit import io as files
from t2i_audit.report.terminal import print_run, print_summary
from t2i_audit.results import (
    Association,
    AttributionShares,
    Interval,
    Repeatability,
    RunSummary,
    SlotDecoding,
    SlotEstimates,
    StationSummary,
    SuccessRates,
    undefined,
)
from t2i_audit.results.run import load_run
from t2i_audit.results.summary import write_summary
from t2i_audit.run.directory import open_run

SLOTS = ("object_1.colour", "object_1.shape", "object_2.colour", "object_2.shape", "relation")


def interval(estimate: float, n: int = 300) -> Interval:
    return Interval(estimate, estimate - 0.02, estimate + 0.02, n)


def station(decoded: float) -> StationSummary:
    estimates = SlotEstimates(
        balanced_accuracy=interval(decoded),
        presence_balanced_accuracy=interval(0.5),
        random_weights_balanced_accuracy=interval(0.61),
        layer_0_balanced_accuracy=interval(0.33),
        shuffled_balanced_accuracy=interval(0.17),
    )
    slots = {slot: SlotDecoding(estimates, "kept") for slot in SLOTS}
    return StationSummary(interval(0.81), slots)


ASSOCIATION = Association(
    auroc=interval(0.74),
    spearman=interval(-0.41),
    p_value=0.0012,
    presence_auroc=interval(0.52),
    gain_over_presence=interval(0.22),
    n_images=597,
    verdict="predicts",
    sentence="Low decodability goes with failure.",
)
SUMMARY = RunSummary(
    model="builtin:patchy",
    suite="world-relations",
    judge="oracle",
    n_prompts=300,
    n_seeds=2,
    n_images=600,
    n_excluded=3,
    stations={"text_encoder": station(0.97), "denoiser": station(0.88)},
    success=SuccessRates(
        overall=interval(0.66, 597),
        by_slot={slot: interval(0.93, 597) for slot in SLOTS},
        by_type={"relation": interval(0.6, 400)},
        by_split={"seen": interval(0.7, 400), "held_out": interval(0.6, 197)},
    ),
    repeatability=Repeatability(interval(0.58), interval(0.55), ""),
    associations={"text_encoder": ASSOCIATION, "denoiser": ASSOCIATION},
    attribution=AttributionShares(
        causes={
            "encoder": interval(0.71, 140),
            "denoiser": interval(0.13, 140),
            "chance": interval(0.1, 140),
            "unclear": interval(0.06, 140),
        },
        details={"lost_on_the_way_in": interval(0.08, 140)},
        failure_rate=interval(0.34, 597),
        culprit="encoder",
        of="images",
        failing_prompts=90,
        repeats=interval(0.21, 200),
    ),
    notes=("3 of 600 images could not be judged.",),
)


def shown(
    summary: RunSummary = SUMMARY, *, width: int = 120, verbose: bool = False, colours: bool = False
) -> str:
    text = io.StringIO()
    screen = Console(
        file=text, width=width, highlight=False, markup=False, emoji=False, force_terminal=colours
    )
    print_summary(summary, Path("runs/demo"), to=screen, verbose=verbose)
    return text.getvalue()


@pytest.mark.parametrize(
    "part",
    [
        "builtin:patchy on world-relations, judged by oracle",
        "300 prompts, 2 seeds, 600 images (3 not judged, left out)",
        "object_1.colour 0.97 [0.95, 0.99] kept    0.88 [0.86, 0.90] kept",
        "all                   0.66 [0.64, 0.68]",
        "slot relation         0.93 [0.91, 0.95]",
        "prompt type relation  0.60 [0.58, 0.62]",
        "split held out        0.60 [0.58, 0.62]",
        "ICC 0.58 [0.56, 0.60]",
        "text encoder          0.71 [0.69, 0.73]",
        "  lost on the way in  0.08 [0.06, 0.10]",
        "Why images are wrong: 140 wrong images of 90 prompts",
        "Repeatability where the text encoder holds the prompt: ICC 0.21 [0.19, 0.23]",
        "Text encoder: Low decodability goes with failure.",
        "Run directory: runs/demo",
    ],
)
def test_the_summary_shows(part: str) -> None:
    assert part in shown()


def test_the_verdict_comes_before_every_table() -> None:
    lines = [line for line in shown().splitlines() if line]

    assert lines[2].startswith("34% of the 597 judged images are wrong")
    assert lines[3].startswith("The text encoder is to blame")


def test_every_column_has_a_line_of_legend() -> None:
    lines = [line.strip() for line in shown(verbose=True).splitlines()]

    for heading in (
        "slot", "text encoder, denoiser", "verdict", "words alone", "random weights", "embeddings",
        "shuffled labels", "images", "right",
    ):  # fmt: skip
        assert any(line.startswith(f"{heading}: ") for line in lines), heading
    for cause in ("text encoder", "denoiser", "chance", "unclear"):
        assert any(line.startswith(f"{cause}: ") for line in lines), cause


def test_a_probe_of_the_denoiser_that_misses_what_is_drawn_right_is_told_of() -> None:
    assert SUMMARY.attribution is not None
    missed = {"object_2.colour": interval(0.73, 320), "relation": interval(0.55, 320)}
    told = replace(SUMMARY.attribution, underpowered=missed)

    assert (
        "The probe of the denoiser reads object_2.colour in only 0.73 [0.71, 0.75] and relation in "
        "only 0.55 [0.53, 0.57] of the images that are drawn right, so it cannot say"
    ) in " ".join(shown(replace(SUMMARY, attribution=told)).split())


def test_shares_of_an_earlier_version_are_told_as_those_of_failing_prompts() -> None:
    assert SUMMARY.attribution is not None
    text = shown(replace(SUMMARY, attribution=replace(SUMMARY.attribution, of="prompts")))

    assert "Why prompts fail: 140 failing prompts" in text
    assert "by the rules of the earlier version that made this run" in text


def test_the_summary_fits_a_screen_of_80_letters() -> None:
    lines = shown(width=80).splitlines()

    assert len(lines) <= 60
    assert len(shown().splitlines()) <= 52


@pytest.mark.parametrize("width", [80, 120])
def test_no_interval_is_broken_in_two(width: int) -> None:
    table = [line for line in shown(width=width).splitlines() if "] kept" in line]

    assert len(table) == len(SLOTS)
    assert all(line.count("[") == line.count("]") == 2 for line in table)


def test_the_wide_tables_come_only_when_they_are_asked_for() -> None:
    assert "random weights  " not in shown() and "AUROC" not in shown()
    wide = shown(verbose=True)
    assert wide.count("0.97 [0.95, 0.99]  0.50 [0.48, 0.52]  0.61 [0.59, 0.63]") == len(SLOTS)
    assert "AUROC 0.74 [0.72, 0.76]" in wide and "p = 0.0012" in wide


def without_control(decoding: SlotDecoding) -> SlotDecoding:
    estimates = replace(decoding.estimates, random_weights_balanced_accuracy=undefined())
    return replace(decoding, estimates=estimates)


def test_a_control_that_was_not_run_has_no_column() -> None:
    own = SUMMARY.stations["text_encoder"]
    bare = replace(own, slots={slot: without_control(each) for slot, each in own.slots.items()})

    assert "random weights  " in shown(verbose=True)
    assert "random weights  " not in shown(
        replace(SUMMARY, stations={"text_encoder": bare}), verbose=True
    )


def test_an_undefined_estimate_is_called_so() -> None:
    repeats = Repeatability(undefined(), undefined(), "Every image came out right.")

    assert "ICC undefined (Every image came out right)" in shown(
        replace(SUMMARY, repeatability=repeats)
    )


def test_a_run_without_images_shows_its_probe_alone() -> None:
    text = shown(
        replace(
            SUMMARY, judge=None, n_seeds=0, n_images=0, success=None, repeatability=None,
            associations=None, attribution=None, notes=(),
        )
    )  # fmt: skip

    assert "300 prompts, no images" in text
    assert "drawn right" not in text and "Why prompts fail" not in text


def test_a_judge_without_slots_has_no_rows_of_slots() -> None:
    assert SUMMARY.success is not None
    text = shown(replace(SUMMARY, success=replace(SUMMARY.success, by_slot={})))

    assert "slot relation" not in text and "prompt type relation" in text


def test_an_estimate_without_ends_stands_alone() -> None:
    assert str(Interval(0.5, math.nan, math.nan, 2)) == "0.50"


def test_a_terminal_shows_verdicts_in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    assert "\x1b[32mkept" in shown(colours=True)  # green
    assert "\x1b[" not in shown()


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")

    assert "\x1b[32m" not in shown(colours=True)


def test_a_finished_run_is_printed_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_run(tmp_path / "a", {"command": "probe"}) as run:
        tables = [run.path / f"{name}.parquet" for name in ("prompts", "probes", "decodability")]
        for table in tables:
            table.touch()
        write_summary(run.path / "summary.json", SUMMARY)
        run.seal([*tables, run.path / "summary.json"], flaws={})

    print_run(load_run(tmp_path / "a"), as_json=True)

    assert capsys.readouterr().out == files.dump_json(SUMMARY)
