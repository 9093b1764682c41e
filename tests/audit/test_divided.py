"""Audits that several processes divide among them; the results are those of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from tests.audit.small import arguments, results


def on_one_thread(*command: str) -> subprocess.CompletedProcess[str]:
    """What a Python `command` does with the threads that torchrun gives each process.

    A matrix product on CPUs rounds by the number of threads, so both sides need the same.
    """
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope="module")
def whole_on_one_thread(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "on-one-thread"
    done = on_one_thread("-m", "t2i_audit", *arguments(suite, out))
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_several_processes_make_the_run_of_one(
    count: int, whole_on_one_thread: Path, suite: Path, tmp_path: Path
) -> None:
    # As the README starts them on CPUs.
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(count))
    done = on_one_thread(*launcher, "-m", "t2i_audit", *arguments(suite, tmp_path / "run"))

    assert done.returncode == 0, done.stdout + done.stderr
    # One of them speaks for all.
    assert done.stdout.count("Run directory: ") == done.stderr.count("judge: ") == 1
    assert results(tmp_path / "run") == results(whole_on_one_thread)


def test_what_a_dead_process_left_is_made_by_the_first(
    whole: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")  # and no process of rank 1 is alive

    assert main(arguments(suite, tmp_path / "run")) == 0

    assert results(tmp_path / "run") == results(whole)


def test_shards_in_folders_of_their_own_are_joined(
    whole: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [tmp_path / "first", tmp_path / "second"]
    for number, run in enumerate(runs, start=1):
        assert main(arguments(suite, run, "--shard", f"{number}/2")) == 0
        assert len(list((run / "images").glob("batch_*.json"))) == 2

    assert main(["merge", *map(str, runs), "--out", str(tmp_path / "joined")]) == 0

    assert results(tmp_path / "joined") == results(whole)
    assert "images: 8/8" in capsys.readouterr().err


def test_shards_in_one_folder_are_joined_where_they_are(
    whole: Path, suite: Path, tmp_path: Path
) -> None:
    for shard in ("2/2", "1/2"):
        assert main(arguments(suite, tmp_path / "run", "--shard", shard)) == 0

    assert main(["merge", str(tmp_path / "run")]) == 0

    assert results(tmp_path / "run") == results(whole)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b"])
def test_a_shard_that_is_none_is_one_sentence(
    shard: str, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(suite, tmp_path / "run", "--shard", shard)) == 2
    assert "--shard should be I/N" in capsys.readouterr().err
