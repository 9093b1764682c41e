"""The commands on finished runs, given the URLs of runs in a store."""

from __future__ import annotations

import csv
from itertools import product
from pathlib import Path

import pytest

import t2i_audit as t2i
from prompts.suite import dump_prompts
from prompts.world import Content, write
from t2i_audit.cli.main import main
from tests.storage.server import BUCKET, S3
from tests.storage.test_audit import objects
from tests.use.small import AUDIT

URL = f"s3://{BUCKET}/finished/run"
SHAPES = ("star", "square", "cross")


@pytest.fixture
def run(s3: S3, on_disk: Path) -> str:
    """The run on disk, put into the store."""
    import fsspec

    files, root = fsspec.url_to_fs(URL)
    if files.exists(root):
        files.rm(root, recursive=True)
    for path in on_disk.rglob("*"):
        if path.is_file():
            files.pipe_file(f"{root}/{path.relative_to(on_disk).as_posix()}", path.read_bytes())
    return URL


def test_a_probe_in_a_store_is_that_on_disk(s3: S3, small_suite: Path, tmp_path: Path) -> None:
    place = f"s3://{BUCKET}/finished/probe"
    command = ["probe", "builtin:sound", "--suite", str(small_suite), "--random-weights", "1"]
    command += ["--device", "cpu", "--no-report"]
    for out in (place, str(tmp_path / "probe")):
        assert main([*command, "-o", out]) == 0
    there = objects(place)
    for name in ("probes.parquet", "decodability.parquet", "summary.json"):
        assert there[name] == (tmp_path / "probe" / name).read_bytes()
    # Given again, the command finds it finished.
    s3.requests.clear()
    assert main([*command, "-o", place]) == 0
    assert not [path for method, path in s3.requests if method == "PUT" and ".npy" in path]


def test_a_forecast_from_a_store_is_that_from_disk(
    run: str, on_disk: Path, small_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = f"s3://{BUCKET}/finished/forecasts"
    command = ["forecast", run, "--prompts", str(small_suite), "--device", "cpu"]
    assert main([*command, "-o", f"{written}/forecast.csv"]) == 0
    assert f"Written: {written}/forecast.csv" in capsys.readouterr().out
    command[1] = str(on_disk)
    assert main([*command, "-o", str(tmp_path / "forecast.csv")]) == 0
    there = objects(written)
    assert there["forecast.csv"] == (tmp_path / "forecast.csv").read_bytes()
    assert set(there) == {path.name for path in tmp_path.iterdir()}


@pytest.mark.slow
def test_a_calibration_is_kept_in_the_store(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = t2i.load_run(run).table("judgements")
    labels = tmp_path / "labels.csv"
    with labels.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("prompt_id", "seed", "rater", "correct"))
        for prompt_id, seed in zip(rows.prompt_id, rows.seed, strict=True):
            table.writerow((prompt_id, seed, "Ann", "yes"))

    assert main(["calibrate", run, "--labels", str(labels)]) == 0

    said = capsys.readouterr()
    assert run in said.out and "t2i-audit-" not in said.out + said.err
    there = objects(run)
    assert b'"Ann"' in there["judge_card.json"] or b"labels.csv" in there["judge_card.json"]
    corrected = t2i.load_run(run).summary.corrected
    assert corrected is not None and corrected.overall.rate.estimate == 1
    assert "report.html" in there and not [name for name in there if name.startswith(".lock")]


@pytest.mark.slow
def test_use_is_measured_on_a_run_in_a_store(
    s3: S3, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = product(("red", "blue"), ("left of", "right of"), ("green", "yellow"), SHAPES)
    suite = tmp_path / "suite.jsonl"
    prompts = tuple(
        write(Content(((one, "circle"), (other, shape)), relation))
        for one, relation, other, shape in contents
    )
    suite.write_text(dump_prompts(prompts), encoding="utf-8")
    place = f"s3://{BUCKET}/finished/used"
    t2i.audit("builtin:sound", suite=suite, out=place, **AUDIT)
    command = ["use", place, "--use-prompts", "4", "--use-kinds", "context"]
    assert main([*command, "--plan"]) == 0
    assert "4 images to make" in capsys.readouterr().out

    assert main([*command, "--device", "cpu", "--no-report"]) == 0

    there = objects(place)
    drawn = [name for name in there if name.startswith("use/images/context-")]
    assert len([name for name in drawn if name.endswith(".png")]) == 4
    assert {"use.json", "use.parquet"} <= set(there)
    capsys.readouterr()
    assert main([*command, "--device", "cpu", "--no-report"]) == 0
    assert f"lies in {place}" in capsys.readouterr().err
