"""The one-screen summary."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from t2i_audit import io as files
from t2i_audit.report.tables import format_interval
from t2i_audit.report.terminal import print_run, print_summary
from t2i_audit.run.directory import open_run

SLOTS = ("object_1.colour", "object_1.shape", "object_2.colour", "object_2.shape", "relation")


def interval(estimate: float | None, n: int = 300) -> dict[str, Any]:
    if estimate is None:
        return {"estimate": None, "lower": None, "upper": None, "n": 0}
    return {"estimate": estimate, "lower": estimate - 0.02, "upper": estimate + 0.02, "n": n}


def station(decoded: float) -> dict[str, Any]:
    estimates = {
        "balanced_accuracy": interval(decoded),
        "presence_balanced_accuracy": interval(0.5),
        "random_weights_balanced_accuracy": interval(0.61),
        "layer_0_balanced_accuracy": interval(0.33),
        "shuffled_balanced_accuracy": interval(0.17),
    }
    slots = {slot: {"estimates": estimates, "verdict": "kept"} for slot in SLOTS}
    return {"decodability": interval(0.81), "slots": slots}


def summary() -> dict[str, Any]:
    association = {
        "auroc": interval(0.74),
        "spearman": interval(-0.41),
        "p_value": 0.0012,
        "presence_auroc": interval(0.52),
        "gain_over_presence": interval(0.22),
        "n_images": 597,
        "verdict": "predicts",
        "sentence": "Low decodability goes with failure.",
    }
    causes = {"encoder": 0.71, "denoiser": 0.13, "chance": 0.1, "unclear": 0.06}
    return {
        "model": "builtin:patchy",
        "suite": "world-relations",
        "judge": "oracle",
        "n_prompts": 300,
        "n_seeds": 2,
        "n_images": 600,
        "n_excluded": 3,
        "stations": {"text_encoder": station(0.97), "denoiser": station(0.88)},
        "success": {
            "overall": interval(0.66, 597),
            "by_slot": {slot: interval(0.93, 597) for slot in SLOTS},
            "by_type": {"relation": interval(0.6, 400)},
            "by_split": {"seen": interval(0.7, 400), "held_out": interval(0.6, 197)},
        },
        "repeatability": {
            "overall": interval(0.58),
            "within_types": interval(0.55),
            "reason": "",
        },
        "associations": {"text_encoder": association, "denoiser": association},
        "attribution": {
            "causes": {name: interval(share, 140) for name, share in causes.items()},
            "details": {"lost_on_the_way_in": interval(0.08, 140)},
            "failure_rate": interval(0.34, 597),
            "culprit": "encoder",
        },
        "notes": ["3 of 600 images could not be judged."],
    }


def shown(record: dict[str, Any], *, width: int = 120) -> str:
    text = io.StringIO()
    screen = Console(file=text, width=width, highlight=False, markup=False, emoji=False)
    print_summary(record, Path("runs/demo"), to=screen)
    return text.getvalue()


@pytest.mark.parametrize(
    "part",
    [
        "builtin:patchy on world-relations, judged by oracle",
        "300 prompts, 2 seeds, 600 images (3 not judged, left out)",
        "object_1.colour  0.97 [0.95, 0.99]  0.50 [0.48, 0.52]  0.61 [0.59, 0.63]",
        "Denoiser: weakest slot decodable with probability 0.81 [0.79, 0.83]",
        "Success: 0.66 [0.64, 0.68] of 597 judged images",
        "relation         0.93 [0.91, 0.95]",
        "AUROC 0.74 [0.72, 0.76]",
        "p = 0.0012",
        "ICC 0.58 [0.56, 0.60]",
        "Culprit: encoder",
        "of 140 failing prompts: encoder 0.71 [0.69, 0.73]",
        "lost on the way in 0.08 [0.06, 0.10]",
        "Run directory: runs/demo",
    ],
)
def test_the_summary_shows(part: str) -> None:
    assert part in shown(summary())


def test_the_summary_fits_a_screen() -> None:
    assert len(shown(summary()).splitlines()) <= 50


@pytest.mark.parametrize("width", [80, 120])
def test_no_interval_is_broken_in_two(width: int) -> None:
    table = [line for line in shown(summary(), width=width).splitlines() if "kept" in line]

    assert len(table) == 2 * len(SLOTS)
    assert all(line.count("[") == line.count("]") == 3 for line in table)


def test_a_control_that_was_not_run_has_no_column() -> None:
    record = summary()
    for slot in record["stations"]["text_encoder"]["slots"].values():
        slot["estimates"]["random_weights_balanced_accuracy"] = interval(None)
    del record["stations"]["denoiser"]

    assert "random weights" not in shown(record)


def test_an_undefined_estimate_is_called_so() -> None:
    record = summary()
    record["repeatability"]["overall"] = interval(None)
    record["repeatability"]["reason"] = "Every image came out right."

    assert "ICC undefined (Every image came out right)" in shown(record)


def test_a_run_without_images_shows_its_probe_alone() -> None:
    record = summary() | {
        "judge": None,
        "n_seeds": 0,
        "n_images": 0,
        "success": None,
        "repeatability": None,
        "associations": None,
        "attribution": None,
        "notes": [],
    }

    text = shown(record)

    assert "300 prompts, no images" in text
    assert "Success" not in text


def test_an_estimate_without_ends_stands_alone() -> None:
    assert format_interval({"estimate": 0.5, "lower": None, "upper": None, "n": 2}) == "0.50"


def test_a_finished_run_is_printed_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_run(tmp_path / "a", {"command": "probe"}) as run:
        tables = [run.path / f"{name}.parquet" for name in ("prompts", "probes", "decodability")]
        for table in tables:
            table.touch()
        files.write_json(run.path / "summary.json", summary())
        run.seal([*tables, run.path / "summary.json"], flaws={})

    print_run(tmp_path / "a", as_json=True)

    assert capsys.readouterr().out == files.dump_json(summary())
