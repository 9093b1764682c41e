"""Shards with damaged or hostile files are joined without harm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from tests.audit.damage import (
    contents,
    cut_short,
    edit_a_flaw,
)
from tests.audit.small import arguments


def audit(suite: Path, out: Path, *more: str) -> int:
    return main(arguments(suite, out, *more))


@pytest.fixture(scope="module")
def shards(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the shards of a divided run; not to be changed."""
    folder = tmp_path_factory.mktemp("shards")
    for number in (1, 2):
        assert audit(suite, folder / str(number), "--shard", f"{number}/2") == 0
    return folder


def test_merge_tells_what_is_damaged_in_which_shard(
    shards: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = shutil.copytree(shards, tmp_path / "runs")
    (runs / "1" / "images" / "000000_000.png").unlink()  # in batch 0
    edit_a_flaw(runs / "2")  # in batch 1
    (shard,) = (runs / "1").glob("judgements/*/batch_00002.parquet")
    cut_short(str(shard.relative_to(runs)))(runs)
    cut_short("2/activations/denoiser/batch_00001.npz")(runs)
    out = tmp_path / "joined"
    capsys.readouterr()

    assert main(["merge", str(runs / "1"), str(runs / "2"), "--out", str(out)]) == 0

    said = capsys.readouterr().err
    for name, what in (
        ("1/images/000000_000.png", "missing; its batch is taken from another run, or made again"),
        ("2/images/batch_00001.json", "damaged; its batch is taken from another run"),
        (str(shard.relative_to(runs)), "damaged; the images of its batch are judged again"),
    ):
        assert f"{runs / name} is {what}" in said
    assert contents(out) == contents(whole)


def test_merge_takes_a_damaged_batch_from_a_run_where_it_is_whole(
    shards: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = shutil.copytree(shards, tmp_path / "runs")
    other = shutil.copytree(runs / "1", tmp_path / "other")
    (runs / "1" / "images" / "000000_000.png").unlink()
    folders = [str(folder) for folder in (runs / "1", other, runs / "2")]
    capsys.readouterr()

    assert main(["merge", *folders, "--out", str(tmp_path / "joined")]) == 0

    said = capsys.readouterr().err
    assert "000000_000.png is missing" in said and "images: 8/8\n" in said  # none was made
    assert contents(tmp_path / "joined") == contents(whole)


def test_merge_follows_no_record_out_of_its_run(
    shards: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = shutil.copytree(shards, tmp_path / "runs")
    path = runs / "1" / "images" / "batch_00000.json"
    (tmp_path / "secret").write_text("dear")
    path.write_text(path.read_text().replace("images/000000_000.png", "../../secret"))
    out = tmp_path / "joined"
    capsys.readouterr()

    assert main(["merge", str(runs / "1"), str(runs / "2"), "--out", str(out)]) == 0

    assert f"{path} is damaged" in capsys.readouterr().err
    assert contents(out) == contents(whole)


def test_a_file_in_a_run_allows_no_code_to_run(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(shards / "1", tmp_path / "run")
    settings = json.loads((run / "settings.json").read_text())
    settings["model_options"]["trust_remote_code"] = settings["model"]
    (run / "settings.json").write_text(json.dumps(settings))
    capsys.readouterr()

    assert main(["merge", str(run)]) == 2

    said = capsys.readouterr().err
    assert "give --trust-remote-code builtin:sound" in said and said.count("\n") == 1


@pytest.mark.parametrize("content", [b"[]", b"\xff", b'{"model": 3}', b"[" * 100_000])
def test_settings_that_are_none_are_one_sentence(
    content: bytes, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(shards / "1", tmp_path / "run")
    (run / "settings.json").write_bytes(content)
    capsys.readouterr()

    assert main(["merge", str(run)]) == 2

    said = capsys.readouterr().err
    assert "settings.json cannot be used" in said and said.count("\n") == 1
