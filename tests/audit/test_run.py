"""One audit as its user sees it: the program, the run directory, and what comes in between."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from prompts.suite import dump_prompts, load_suite
from prompts.world import Content, write
from t2i_audit.run.columns import COLUMNS
from t2i_audit.run.tables import read_rows, table_path
from tests.audit.program import BATCH_SIZE, PROGRAM, PROMPTS, SEEDS, command, run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that went through undisturbed; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "finished"
    done = subprocess.run([*PROGRAM, *command(out)], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return out


def results(out: Path) -> dict[str, bytes]:
    """All that a run is about: tables, summary and images."""
    files = [*out.glob("*.parquet"), out / "summary.json", *(out / "images").glob("*.png")]
    return {str(file.relative_to(out)): file.read_bytes() for file in sorted(files)}


def rows(out: Path, table: Any) -> list[dict[str, Any]]:
    return read_rows(table_path(out, table), table)


def test_every_documented_table_is_there_and_as_documented(finished: Path) -> None:
    written = COLUMNS.keys() - {"use"}  # which only interventions write
    # So few prompts are not read prompt by prompt.
    for name in written - {"decodability"}:
        assert rows(finished, name), name
    assert {path.stem for path in finished.glob("*.parquet")} == written


def test_every_image_is_judged_and_lies_where_it_says(finished: Path) -> None:
    judged = rows(finished, "judgements")

    assert len(judged) == PROMPTS * SEEDS
    assert len({(row["prompt_id"], row["seed"]) for row in judged}) == PROMPTS * SEEDS
    for row in judged:
        assert Image.open(finished / row["image"]).size == (64, 64)


def test_the_summarys_success_is_the_mean_of_the_judgements(finished: Path) -> None:
    summary = json.loads((finished / "summary.json").read_text())
    types = {row["prompt_id"]: row["type"] for row in rows(finished, "prompts")}
    judged = rows(finished, "judgements")

    for name, told in {
        "overall": summary["success"]["overall"],
        **summary["success"]["by_type"],
    }.items():
        own = [r["correct"] for r in judged if name in ("overall", types[r["prompt_id"]])]
        assert told["estimate"] == pytest.approx(np.mean(own))
        assert told["n"] == len(own)
        assert told["lower"] <= told["estimate"] <= told["upper"]


def test_the_summarys_causes_are_those_of_the_table(finished: Path) -> None:
    shares = json.loads((finished / "summary.json").read_text())["attribution"]
    weights = [row["weights"] for row in rows(finished, "attributions") if row["failing"]]
    wrong = sum(sum(each.values()) for each in weights)

    for cause, told in shares["causes"].items():
        share = sum(each[cause] for each in weights) / wrong
        assert told["estimate"] == pytest.approx(share), cause
        assert told["n"] == pytest.approx(wrong)


def test_the_manifest_says_what_the_run_rests_on(finished: Path) -> None:
    manifest = json.loads((finished / "manifest.json").read_text())
    settings = manifest["settings"]

    assert settings["model"] == "builtin:sound"
    assert settings["suite_sha256"] == load_suite("world-smoke").limited(PROMPTS).sha256
    assert len(settings["weights_sha256"]) == 64
    assert (settings["seeds"], settings["sampler"]["steps"]) == (SEEDS, 12)
    assert settings["judge"]["name"] == "oracle"
    assert {"torch", "diffusers", "transformers"} <= set(manifest["versions"])
    assert {stage["state"] for stage in manifest["stages"].values()} == {"done"}


def test_both_stations_are_read_beside_their_controls(finished: Path) -> None:
    probes = rows(finished, "probes")

    assert {row["station"] for row in probes} == {"text_encoder", "denoiser"}
    for row in probes:
        assert row["position"] != row["slot"] or row["station"] == "denoiser"
        assert np.isfinite(row["shuffled_balanced_accuracy"])
    text = [row for row in probes if row["station"] == "text_encoder"]
    assert all(np.isfinite(row["random_weights_balanced_accuracy"]) for row in text)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(signal.SIGKILL, id="kill -9"),
        pytest.param(signal.SIGTERM, id="preempted", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, id="Ctrl-C", marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_goes_on_and_ends_the_same(
    how: signal.Signals, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    process = subprocess.Popen(
        [*PROGRAM, *command(out)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 300
    while not list((out / "images").glob("*.json")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(how)
    _, said = process.communicate(timeout=100)
    made = {path: path.stat().st_mtime_ns for path in (out / "images").glob("*.png")}

    assert process.returncode == (143 if how is signal.SIGTERM else process.returncode) != 0
    assert "Traceback" not in said
    if how is signal.SIGTERM:
        assert said.splitlines()[-1] == (
            "t2i-audit: told to end (SIGTERM); give the same command again to resume where it "
            "stopped"
        )
    assert not list(out.rglob("*.t2i-audit-tmp")) or how is signal.SIGKILL
    assert 0 < len(list((out / "images").glob("*.json"))) < PROMPTS * SEEDS / BATCH_SIZE
    assert not (out / "summary.json").exists()

    again = run(command(out))

    assert again.returncode == 0, again.stderr
    assert results(out) == results(finished)
    # The first batch was whole, so its images were not made again.
    assert sum(path.stat().st_mtime_ns == then for path, then in made.items()) >= BATCH_SIZE
    assert not list(out.rglob("*.part"))


def test_a_finished_run_is_shown_again_and_not_made_again(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*.p*")}

    done = run(command(finished, "--json"))

    assert json.loads(done.stdout) == json.loads((finished / "summary.json").read_text())
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*.p*")} == before


def test_the_screen_says_what_it_rests_on(finished: Path) -> None:
    shown = run(command(finished)).stdout

    assert shown.count("\n") <= 61
    for part in (f"{PROMPTS} prompts", f"{SEEDS} seeds", f"{PROMPTS * SEEDS} images", "relation"):
        assert part in shown


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("--seeds", "1"), "seeds"),
        (("--steps", "5"), "steps"),
        (("--guidance-scale", "4"), "guidance_scale"),
        (("--limit", "23"), "suite_sha256"),
        (("--batch-size", "8"), "batch_size"),
        (("--no-denoiser-station",), "denoiser_station"),
    ],
    ids=" ".join,
)
def test_another_setting_in_the_same_folder_is_refused(
    change: tuple[str, ...], named: str, finished: Path
) -> None:
    before = results(finished)

    done = run(command(finished, *change))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert named in done.stderr
    assert results(finished) == before


def test_the_verdicts_do_not_depend_on_the_batch_size(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert run(command(out, "--batch-size", "7", "--no-denoiser-station")).returncode == 0

    for own, other in zip(rows(finished, "judgements"), rows(out, "judgements"), strict=True):
        images = [
            np.asarray(Image.open(folder / row["image"])).astype(int)
            for folder, row in ((finished, own), (out, other))
        ]
        # A network sums in another order for another batch; nothing else may differ.
        assert np.abs(images[0] - images[1]).max() <= 8
        assert (own["prompt_id"], own["correct"]) == (other["prompt_id"], other["correct"])


def test_a_prompt_that_does_not_fit_is_flagged_and_judged_all_the_same(tmp_path: Path) -> None:
    short = load_suite("world-smoke").limited(20).prompts
    long = write(Content((("red", "circle"),)), opening="a picture of " * 8)
    suite = tmp_path / "suite.jsonl"
    suite.write_text(dump_prompts((*short, long)))
    out = tmp_path / "run"

    done = run(command(out, "--suite", str(suite), "--seeds", "1", "--no-denoiser-station"))

    assert done.returncode == 0, done.stderr
    assert [r["prompt_id"] for r in rows(out, "prompts") if r["truncated"]] == [long.id]
    assert len(rows(out, "judgements")) == 21
    assert json.loads((out / "summary.json").read_text())["n_prompts"] == 21
    assert long.id not in {r["prompt_id"] for r in rows(out, "decodability")}
    assert "longer than the text encoder reads" in done.stdout


def test_a_probe_makes_no_images(tmp_path: Path) -> None:
    done = run(["probe", "builtin:sound", "--suite", "world-smoke", "--out", str(tmp_path / "run")])

    assert done.returncode == 0, done.stderr
    assert "48 prompts" in done.stdout
    assert not (tmp_path / "run" / "images").exists()
    assert {row["station"] for row in rows(tmp_path / "run", "probes")} == {"text_encoder"}


def test_runs_are_set_side_by_side(finished: Path, tmp_path: Path) -> None:
    other, board = tmp_path / "early", tmp_path / "board.csv"
    early = ["builtin:early" if word == "builtin:sound" else word for word in command(other)]
    assert run(early).returncode == 0

    done = run(["leaderboard", str(finished), str(other), "-o", str(board)])

    assert done.returncode == 0, done.stderr
    with board.open() as file:
        table = list(csv.DictReader(file))
    assert [row["model"] for row in table] == ["builtin:sound", "builtin:early"]
    for row, out in zip(table, (finished, other), strict=True):
        correct = [judged["correct"] for judged in rows(out, "judgements")]
        assert float(row["success_estimate"]) == pytest.approx(np.mean(correct), abs=1e-6)
        assert row["judge"] == "oracle"
        assert (
            float(row["success_lower"])
            <= float(row["success_estimate"])
            <= float(row["success_upper"])
        )


@pytest.mark.skipif(os.name != "posix", reason="limits of a process")
def test_a_full_disk_in_the_middle_is_told_and_nothing_is_lost(
    finished: Path, tmp_path: Path
) -> None:
    import resource

    out = tmp_path / "run"

    def small_files_only() -> None:
        # No file may grow beyond 4 KiB: the features cannot be written.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    failed = subprocess.run(
        [*PROGRAM, *command(out)], capture_output=True, text=True, timeout=500,
        preexec_fn=small_files_only,
    )  # fmt: skip

    assert failed.returncode == 2, failed.stderr
    assert "Traceback" not in failed.stderr
    assert run(command(out)).returncode == 0
    assert results(out) == results(finished)
