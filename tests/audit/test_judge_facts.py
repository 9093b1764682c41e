"""A run says what its judge would score by guessing, and without the images."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from prompts.foils.rivals import rivals_of
from prompts.suite import load_suite
from t2i_audit.cli.main import main
from t2i_audit.judges.clip import ClipJudge
from t2i_audit.results.run import load_run
from t2i_audit.results.summary import read_summary
from tests.judges.conversion import LAYERS, WIDTH, converted
from tests.tiny import tiny_open_clip, tiny_pipeline

LIMIT = 12
COMMON = [
    *("--suite", "world-relations", "--limit", str(LIMIT), "--seeds", "2", "--steps", "4"),
    *("--random-weights", "1"),
]


def command(out: Path, *more: str) -> list[str]:
    return ["audit", "builtin:sound", *COMMON, "--device", "cpu", "--out", str(out), *more]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "clip"
    assert main(command(out, "--judge", "clip", "--no-denoiser-station")) == 0
    return out


def test_guessing_stands_beside_the_success_rate(run: Path) -> None:
    guessing = load_run(run).summary.judge_facts["clip"].guessing

    prompts = load_suite("world-relations").prompts[:LIMIT]
    assert guessing is not None
    assert guessing.overall == pytest.approx(
        np.mean([1 / (1 + len(rivals_of(prompt).texts)) for prompt in prompts])
    )


def test_the_blind_baselines_have_their_intervals_and_counts(run: Path) -> None:
    blind = load_run(run).summary.judge_facts["clip"].blind

    assert blind is not None and blind.text_only is not None
    for rate in (blind.shuffled, blind.blank, blind.text_only):
        assert rate.overall.n == blind.sampled == 2 * LIMIT
        assert 0 <= rate.overall.lower <= rate.overall.estimate <= rate.overall.upper < 0.6


def test_the_report_and_the_leaderboard_show_them(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(command(run, "--judge", "clip", "--no-denoiser-station"))
    screen = " ".join(capsys.readouterr().out.split())
    main(["leaderboard", str(run), "-o", "-"])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))

    assert "by guessing" in screen and "Without the image, clip calls right:" in screen
    assert float(row["success_by_guessing"]) == pytest.approx(1 / 26, abs=0.002)
    assert row["blind_sample"] == str(2 * LIMIT)
    assert 0 <= float(row["blank_success_estimate"]) <= float(row["blank_success_upper"])
    assert row["judge_weak_at"] == row["judge_shares_weights_with"] == ""


def test_they_are_kept_and_made_again_only_where_their_file_is_damaged(run: Path) -> None:
    before = (run / "summary.json").read_bytes()
    (kept,) = (run / "blind").glob("*.json")
    intact = kept.read_text()
    held = json.loads(intact)
    held["rows"]["blank"] = [{"correct": True, "slots": {}}] * (2 * LIMIT)

    kept.write_text(json.dumps(held))
    (run / "summary.json").unlink()
    assert main(command(run, "--judge", "clip", "--no-denoiser-station")) == 0
    blind = read_summary(run / "summary.json").judge_facts["clip"].blind
    assert blind is not None and blind.blank.overall.estimate == 1  # what the file says

    kept.write_text(intact[:-40])
    (run / "summary.json").unlink()
    assert main(command(run, "--judge", "clip", "--no-denoiser-station")) == 0
    assert (run / "summary.json").read_bytes() == before


def test_a_judge_that_is_the_models_own_encoder_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As CLIP ViT-L/14 is for Stable Diffusion 1.5."""
    judge = f"clip:local-dir:{tiny_open_clip(tmp_path / 'judge', layers=LAYERS, width=WIDTH)}"
    model, out = tiny_pipeline(tmp_path / "model"), tmp_path / "run"
    encoder = converted(ClipJudge.from_spec(judge, device="cpu"))
    shutil.rmtree(model / "text_encoder")
    encoder.half().save_pretrained(model / "text_encoder")

    options = ["--suite", "world-relations", "--limit", "4", "--seeds", "1", "--device", "cpu"]
    more = ["--no-denoiser-station", "--out", str(out)]
    assert main(["audit", str(model), *options, "--judge", judge, *more]) == 0
    capsys.readouterr()
    main(["leaderboard", str(out), "-o", "-"])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))

    assert row["judge_shares_weights_with"] == "text_encoder"
    assert row["judge_weak_at"] == "binding with several objects; relations"
    notes = " ".join(load_run(out).summary.notes)
    assert "clip:local-dir:judge has the weights of the model's own text_encoder" in notes
    assert "clip:local-dir:judge is the only judge of binding with several objects" in notes


def test_the_oracle_does_not_guess_and_is_right_about_no_other_image(tmp_path: Path) -> None:
    out = tmp_path / "oracle"
    assert main(command(out, "--judge", "oracle", "--no-denoiser-station")) == 0

    facts = load_run(out).summary.judge_facts["oracle"]
    assert facts.guessing is None
    assert facts.blind is not None and facts.blind.text_only is None
    assert facts.blind.blank.overall.estimate == 0
    assert facts.blind.shuffled.overall.estimate <= 0.05
    assert "relation" in facts.blind.shuffled.by_slot
