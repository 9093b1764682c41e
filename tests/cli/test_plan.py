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


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit of 8 prompts with 2 seeds."""
    out = tmp_path_factory.mktemp("plan") / "run"
    t2i.audit(
        "builtin:sound",
        suite="world-smoke",
        limit=8,
        seeds=2,
        steps=2,
        denoiser_station=False,
        out=out,
    )
    return out


def test_time_and_disk_are_those_of_the_run_that_is_named(audited: Path) -> None:
    same = t2i.plan("world-smoke", limit=8, seeds=2, like=audited).taken
    larger = t2i.plan("world-smoke", limit=24, seeds=4, like=audited).taken

    assert same is not None and larger is not None
    on_disk = sum(path.stat().st_size for path in audited.rglob("*") if path.is_file())
    assert sum(same.bytes.values()) == on_disk
    assert same.seconds is not None and same.seconds_per_image is not None
    assert same.seconds == pytest.approx(16 * same.seconds_per_image)
    assert (same.like_images, same.timed_images, same.steps) == (16, 16, 2)
    # 3 times the prompts and 6 times the images.
    assert larger.bytes["images"] == pytest.approx(6 * same.bytes["images"], abs=1)
    assert larger.bytes["activations"] == pytest.approx(3 * same.bytes["activations"], abs=1)
    assert larger.seconds == pytest.approx(6 * same.seconds)


def test_time_and_disk_are_said_with_what_they_rest_on(audited: Path, capsys: Capture) -> None:
    out = " ".join(said(capsys, "world-smoke", "--like", str(audited)).split())

    assert "took for builtin:sound, whose images have 64 x 64 pixels and 2 steps" in out
    assert "by the files of its 16 images" in out
    assert "for each of its 16 images; judging and probing are not in this" in out


def test_without_a_run_nothing_is_said_of_time_and_disk(capsys: Capture) -> None:
    assert t2i.plan("world-smoke").taken is None
    assert "disk" not in said(capsys, "world-smoke")


def test_what_is_no_audit_is_refused(tmp_path: Path, capsys: Capture) -> None:
    assert main(["plan", "world-smoke", "--like", str(tmp_path)]) == 2
    assert f"{tmp_path} holds no run of t2i-audit" in capsys.readouterr().err

    t2i.probe("builtin:sound", suite="world-smoke", limit=4, out=tmp_path / "probe")
    assert main(["plan", "world-smoke", "--like", str(tmp_path / "probe")]) == 2
    assert "is no audit of a model" in capsys.readouterr().err
