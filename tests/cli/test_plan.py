"""The command ``t2i-audit plan``: what a suite can show, said before anything is run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import t2i_audit as t2i
from prompts.suite import dump_prompts
from t2i_audit.cli.main import main

Capture = pytest.CaptureFixture[str]


def said(capsys: Capture, *arguments: str) -> str:
    assert main(["plan", *arguments]) == 0
    return capsys.readouterr().out


def test_it_names_images_half_widths_powers_slots_and_what_is_missing(capsys: Capture) -> None:
    out = said(capsys, "world-relations", "--seeds", "2")

    lines = {line.split("  ")[0].strip(): line.split() for line in out.splitlines()}
    assert "480 prompts x 2 seeds = 960 images; 449 compositions, 36 pairs of values" in out
    assert {"all prompts", "split held_out", "split seen"} <= lines.keys()
    # Half as many points as a quarter of the images would have, but for the compositions' effect.
    assert lines["all prompts"][2:5] == ["480", "36", "3.7"]
    assert lines["0.5"][1:] == ["0.56", "0.59"]
    assert lines["relation"] == ["relation", "480", "4", "yes"]
    assert "with 2 seeds it cannot be told from the denoiser; give --seeds 3 or more" in out


def test_json_is_what_the_function_returns(capsys: Capture) -> None:
    told = json.loads(said(capsys, "smoke", "--sample", "20", "--seeds", "3", "--json"))
    plan = t2i.plan("smoke", sample=20, seeds=3)

    assert told["images"] == plan.images == 60
    assert told["overall"]["rates"][1]["half_width"] == plan.overall.rates[1].half_width
    assert told["slots"].keys() == plan.slots.keys()


def test_a_file_is_planned_as_the_audit_would_read_it(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(dump_prompts(t2i.load_suite("world-smoke").prompts))

    assert said(capsys, str(path), "--limit", "30").startswith("own: 30 prompts x 4 seeds = 120")


def test_prompts_without_structure_have_success_alone(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"a picture number {n}\n" for n in range(30)))
    suite = tmp_path / "texts.jsonl"
    assert main(["prompts", "import", "text", str(path), "-o", str(suite)]) == 0
    capsys.readouterr()

    out = said(capsys, str(suite))

    assert "no prompt names its constituents" in out
    assert "AUROC" not in out and "decodable" not in out
    assert "/ -" in out  # nothing of pairs in general


def test_a_single_seed_cannot_show_whether_failures_come_again(capsys: Capture) -> None:
    plan = t2i.plan("world-relations", seeds=1)

    assert [name.partition(",")[0] for name in plan.missing] == [
        "repeatability",
        "chance as a cause",
    ]
    assert not t2i.plan("world-relations", seeds=3).missing


def test_a_handful_of_prompts_shows_no_association_and_decodes_nothing() -> None:
    plan = t2i.plan("world-relations", limit=4, seeds=1)

    assert "association and forecast" in plan.missing
    assert not any(slot.is_decodable for slot in plan.slots.values())
    assert plan.slots["relation"].reason


def test_a_bad_setting_is_named() -> None:
    with pytest.raises(t2i.AuditError, match="--spread should be at least 0"):
        t2i.plan("smoke", spread=-1)
    with pytest.raises(TypeError, match="did you mean 'spread'"):
        t2i.plan("smoke", spred=1)
