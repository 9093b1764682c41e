"""Sweeps, through the program: resumed, sharded, merged, refused."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from t2i_audit.cli.main import main

GRID = [
    *("synthetic", "sweep", "--modules", "4", "--active", "2", "--size", "2"),
    *("--width", "4,6", "--depth", "1", "--train-fraction", "0.6", "--seed", "0-1"),
    *("--steps", "20", "--tasks", "4", "--samples", "2"),
]


def sweep(out: Path, *extra: str) -> int:
    return main([*GRID, "--jobs", "1", "--out", str(out), *extra])


def tables(out: Path) -> dict[str, bytes]:
    names = ("runs.csv", "runs.parquet", "probes.csv", "curves.csv", "summary.json")
    return {name: (out / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sweep") / "whole"
    assert sweep(out) == 0
    return out


def test_a_sweep_has_a_row_for_each_run(whole: Path) -> None:
    rows = list(csv.DictReader((whole / "runs.csv").open()))

    assert len(rows) == 2 * 2
    assert {row["status"] for row in rows} == {"finished"}
    assert {path.name for path in whole.glob("*.svg")} == {"decodability.svg", "scaling.svg"}


def test_transformers_are_swept_too(tmp_path: Path) -> None:
    options = ["--student", "transformer", "--width", "8", "--steps", "2", "--seed", "0"]

    assert sweep(tmp_path / "out", *options) == 0

    assert len(list((tmp_path / "out" / "runs").iterdir())) == 1


def test_shards_merged_are_the_whole_sweep(whole: Path, tmp_path: Path) -> None:
    for index in (1, 2):
        assert sweep(tmp_path / str(index), "--shard", f"{index}/2") == 0

    shards = [str(tmp_path / str(index)) for index in (2, 1)]
    assert main(["synthetic", "merge", *shards, "--out", str(tmp_path / "merged")]) == 0

    assert tables(tmp_path / "merged") == tables(whole)


def test_a_shard_that_is_missing_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(tmp_path / "1", "--shard", "1/2") == 0
    capsys.readouterr()

    code = main(["synthetic", "merge", str(tmp_path / "1"), "--out", str(tmp_path / "merged")])

    assert code == 2
    assert "finish the shards, and name them all" in capsys.readouterr().err
    assert not (tmp_path / "merged").exists()


def test_a_sweep_with_settings_of_another_version_is_not_merged(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = json.loads((whole / "manifest.json").read_text())
    manifest["settings"]["runs"]["0"]["colour"] = "red"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").write_text(json.dumps(manifest))

    code = main(["synthetic", "merge", str(tmp_path / "other"), "--out", str(tmp_path / "m")])

    captured = capsys.readouterr()
    assert code == 2
    assert captured.err.count("\n") == 1
    assert f"the manifest of {tmp_path / 'other'} cannot be used" in captured.err
    assert "unknown setting 'colour'" in captured.err


def test_a_lost_run_is_trained_again_with_the_same_result(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    assert sweep(out) == 0
    before = tables(out)
    lost = min((out / "runs").iterdir())
    lost.unlink()
    (out / "summary.json").unlink()

    assert sweep(out) == 0

    assert tables(out) == before == tables(whole)


def test_another_grid_in_the_same_folder_is_refused_with_the_difference(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tables(whole)

    assert sweep(whole, "--steps", "30") == 2

    assert "steps is 20 there and 30 here" in capsys.readouterr().err
    assert tables(whole) == before


def test_shards_of_different_sweeps_are_not_merged(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(tmp_path / "other", "--steps", "30") == 0
    capsys.readouterr()

    code = main(
        ["synthetic", "merge", str(whole), str(tmp_path / "other"), "--out", str(tmp_path / "m")]
    )

    assert code == 2
    assert "steps is 20 there and 30 here" in capsys.readouterr().err


def test_a_killed_sweep_is_resumed_and_ends_with_the_same_tables(tmp_path: Path) -> None:
    # The process is killed once the narrow students are written, while the wide ones train.
    grid = [*GRID, "--width", "40,4", "--steps", "600"]
    assert main([*grid, "--jobs", "1", "--out", str(tmp_path / "whole")]) == 0
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "t2i_audit", *grid, "--jobs", "2", "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        while not any(out.glob("runs/*.json")) and process.poll() is None:
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    assert not (out / "summary.json").exists()

    assert main([*grid, "--jobs", "1", "--out", str(out)]) == 0

    assert tables(out) == tables(tmp_path / "whole")


def test_train_writes_a_students_curve_and_probe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--modules", "4", "--active", "2", "--size", "2", "--width", "4", "--depth", "1"]
    few = ["--steps", "12", "--tasks", "4", "--threads", "1", "--device", "cpu"]

    code = main(["synthetic", "train", *sizes, *few, "--out", str(tmp_path / "one"), "--json"])

    captured = capsys.readouterr()
    assert code == 0
    assert "12 steps at" in captured.err
    result = json.loads(captured.out)
    assert [probe["place"] for probe in result["probes"]] == ["input", "hidden_1"]
    assert (tmp_path / "one" / "student.png").stat().st_size > 1000


TRAIN = [
    *("synthetic", "train", "--modules", "4", "--active", "2", "--size", "4", "--width", "16"),
    *("--depth", "1", "--steps", "400", "--tasks", "64", "--samples", "16", "--threads", "1"),
    *("--device", "cpu", "--save-every", "0"),
]


def test_a_killed_training_is_resumed_and_ends_with_the_same_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TRAIN, "--out", str(tmp_path / "whole")]) == 0
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "t2i_audit", *TRAIN, "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not (out / "training.pt").exists() and process.poll() is None:
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    assert not list(out.glob("runs/*.json"))
    capsys.readouterr()

    assert main([*TRAIN, "--out", str(out)]) == 0

    assert "resuming after step" in capsys.readouterr().err
    assert tables(out) == tables(tmp_path / "whole")
    assert not (out / "training.pt").exists()
    # A finished student is not trained again.
    assert main([*TRAIN, "--out", str(out)]) == 0
    assert "steps at" not in capsys.readouterr().err
    assert tables(out) == tables(tmp_path / "whole")


def test_a_damaged_training_state_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main([*TRAIN, "--out", str(out)]) == 0
    (run,) = (out / "runs").iterdir()
    run.unlink()
    (out / "training.pt").write_bytes(b"PK half of an archive")
    capsys.readouterr()

    assert main([*TRAIN, "--out", str(out)]) == 2

    assert f"{out / 'training.pt'} cannot be used" in capsys.readouterr().err


def test_another_student_in_the_same_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = [*TRAIN, "--steps", "2", "--out", str(tmp_path / "out")]
    assert main(few) == 0
    capsys.readouterr()

    assert main([*few, "--width", "8"]) == 2

    assert "width is 16 there and 8 here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--encoding", "identty"], "did you mean identity?"),
        (["--family", "hyperteecher"], "did you mean hyperteacher?"),
        (["--support", "disconected"], "did you mean disconnected"),
        (["--active", "9"], "--active should be at most --modules, 8, not 9"),
        # 4 compositions of up to 3 join 8 modules: 88 of 92 can be held out.
        (["--train-fraction", "0.01"], "largest held-out fraction that does is 0.956"),
        (["--train-fraction", "0.999"], "holds out none"),
        (["--train-fraction", "1.5"], "--train-fraction should be between 0 and 1"),
        (["--train-fraction", "much"], "--train-fraction should be numbers"),
        (["--width", "0"], "--width should be at least 1"),
        (["--width", "wide"], "--width should be whole numbers"),
        (["--seed", ""], "--seed should be whole numbers"),
        (["--shard", "3/2"], "--shard should be I/N"),
        (["--jobs", "0"], "--jobs should be at least 1"),
        (["--encoding", "invertible", "--modules", "5"], "even number of modules"),
        (["--family", "preference", "--encoding", "few-shot"], "hyperteacher"),
        (["--family", "hierarchy"], "encoding none"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    arguments: list[str], part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    code = main(["synthetic", "sweep", "--out", str(out), *arguments])

    captured = capsys.readouterr()
    assert code == 2
    assert captured.err.count("\n") == 1
    assert part in captured.err
    assert not out.exists()
