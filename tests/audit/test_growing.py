"""A finished run that gets more seeds makes only what it lacks, as if it had had them at first."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import t2i_audit as t2i
from t2i_audit.cli.main import main
from t2i_audit.run.command import read_settings
from tests.audit.damage import contents
from tests.audit.small import arguments
from tests.audit.test_several_judges import counted

# 4 prompts with 2 seeds make batches of 3, 3 and 2 images: the last one is not full.
UNEVEN = ("--batch-size", "3")


def audit(suite: Path, out: Path, seeds: int, *more: str) -> int:
    return main(arguments(suite, out, *UNEVEN, "--seeds", str(seeds), *more))


@pytest.fixture(scope="module")
def runs(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Fresh runs of so many seeds; not to be changed."""
    folder = tmp_path_factory.mktemp("grown")
    for seeds in (2, 4):
        assert audit(suite, folder / str(seeds), seeds) == 0
    return {seeds: folder / str(seeds) for seeds in (2, 4)}


@pytest.fixture
def growing(runs: dict[int, Path], tmp_path: Path) -> Path:
    return shutil.copytree(runs[2], tmp_path / "run")


def test_a_grown_run_is_the_run_that_had_the_seeds_from_the_start(
    suite: Path, runs: dict[int, Path], growing: Path
) -> None:
    full = [*growing.glob("images/*_000.png"), growing / "images" / "000000_001.png"]
    before = {path: path.stat().st_mtime_ns for path in full}

    assert audit(suite, growing, 4) == 0

    assert contents(growing) == contents(runs[4])
    assert {path: path.stat().st_mtime_ns for path in full} == before
    manifest = json.loads((growing / "manifest.json").read_text())
    assert manifest["settings"]["seeds"] == read_settings(growing).seeds == 4


def test_an_interrupted_growth_goes_on(suite: Path, runs: dict[int, Path], growing: Path) -> None:
    with counted("UNet2DConditionModel", most=5):  # the trial, and then within the third batch
        assert audit(suite, growing, 4) != 0
    with pytest.raises(t2i.AuditError, match="is not finished"):
        t2i.load_run(growing)

    assert audit(suite, growing, 4) == 0

    assert contents(growing) == contents(runs[4])


def test_a_damaged_image_of_a_growing_run_is_made_again(
    suite: Path, runs: dict[int, Path], growing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (growing / "images" / "000001_000.png").unlink()

    assert audit(suite, growing, 4) == 0

    assert "000001_000.png is missing; the 3 images of its batch are made again" in (
        capsys.readouterr().err
    )
    assert contents(growing) == contents(runs[4])


def test_fewer_seeds_are_one_sentence(
    suite: Path, growing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(growing)

    assert audit(suite, growing, 1) == 2

    said = capsys.readouterr().err
    assert "seeds is 2 there and 1 here" in said and "give --seeds 2 or more" in said
    assert said.count("\n") == 1
    assert contents(growing) == before


def test_a_run_of_other_versions_does_not_grow(
    suite: Path, growing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = growing / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["versions"]["torch"] = "1.0"
    path.write_text(json.dumps(manifest))
    before = contents(growing)

    assert audit(suite, growing, 4) == 2

    assert "torch is '1.0' there" in capsys.readouterr().err
    assert contents(growing) == before


def test_shards_grow_each_by_itself(suite: Path, runs: dict[int, Path], tmp_path: Path) -> None:
    parts = [tmp_path / number for number in "12"]
    for seeds in (2, 4):
        for part in parts:
            assert audit(suite, part, seeds, "--shard", f"{part.name}/2") == 0

    assert main(["merge", *map(str, parts), "--out", str(tmp_path / "joined")]) == 0

    assert contents(tmp_path / "joined") == contents(runs[4])
