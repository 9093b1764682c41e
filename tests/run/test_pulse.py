"""Signs of life of the processes of a run, and what `t2i-audit status` makes of them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from t2i_audit import storage
from t2i_audit.cli.main import main
from t2i_audit.io import write_text
from t2i_audit.results.status import ActorStatus, RunStatus
from t2i_audit.run import pulse
from t2i_audit.run.directory import open_run
from t2i_audit.storage.store import Store
from t2i_audit.watching import run_status
from t2i_audit.workers import Worker

Capture = pytest.CaptureFixture[str]

# 10 images in batches of 2: the first of two processes has three batches, the other one two.
SETTINGS = {"command": "audit", "prompts": 5, "seeds": 2, "batch_size": 2}
STAGES = ("images", "results")
AT_WORK = """
import sys, time
from pathlib import Path
from t2i_audit.run.directory import open_run
from t2i_audit.workers import Worker
settings = {"command": "audit", "prompts": 5, "seeds": 2, "batch_size": 2}
worker = Worker(1, 2, finishes=False)
stages = ("images", "results")
with open_run(Path(sys.argv[1]), settings, stages=stages, versions={}, worker=worker) as run:
    with run.stage("images", 4) as advance:
        advance(2)
        print("at work", flush=True)
        time.sleep(60)
"""


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "INTERVAL", 0.02)
    monkeypatch.setattr(pulse, "STORE_INTERVAL", 0.02)


def make_batch(run: Path, index: int) -> None:
    write_text(run / "images" / f"batch_{index:05d}.json", "{}")


def status_when(run: Path, holds: Callable[[RunStatus], bool]) -> RunStatus:
    end = time.monotonic() + 30
    while not holds(found := run_status(run)):
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def actors_of(status: RunStatus) -> list[ActorStatus]:
    return [actor for worker in status.workers for actor in worker.actors]


def test_each_part_is_told_with_its_images_rate_and_time_left(tmp_path: Path) -> None:
    worker = Worker(0, 2)
    with (
        open_run(tmp_path, SETTINGS, stages=STAGES, versions={}, worker=worker) as run,
        run.stage("images", 10, done=2, own=(6, 2)) as advance,
    ):
        make_batch(tmp_path, 0)  # by an earlier process
        make_batch(tmp_path, 2)
        make_batch(tmp_path, 3)
        advance(2)
        found = status_when(tmp_path, lambda status: any(own.done == 4 for own in status.workers))
        advance(6)  # its own last two, and what others have made
        last = status_when(tmp_path, lambda status: any(own.done > 4 for own in status.workers))

    first, second = found.workers
    assert (found.images, found.of_images, found.finished) == (6, 10, False)
    assert (first.state, first.images, first.of_images) == ("at work", 4, 6)
    assert first.rate is not None and first.left == pytest.approx(2 / first.rate)
    assert (second.state, second.images, second.of_images) == ("absent", 2, 4)
    assert (last.workers[0].done, last.workers[0].total) == (6, 6)


@pytest.mark.parametrize("fails", [False, True])
def test_a_process_that_ends_leaves_no_sign(tmp_path: Path, fails: bool) -> None:
    try:
        with (
            open_run(tmp_path, SETTINGS, stages=STAGES, versions={}) as run,
            run.stage("images", 10),
        ):
            status_when(tmp_path, lambda status: bool(status.workers))
            if fails:
                raise OSError("no space left")
    except OSError:
        pass

    assert not (tmp_path / "workers").exists()
    assert run_status(tmp_path).workers == ()


def test_a_killed_process_is_named_as_silent_until_another_begins(
    tmp_path: Path, capsys: Capture
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", AT_WORK, str(tmp_path)], stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert child.stdout is not None and child.stdout.readline() == "at work\n"
    status_when(tmp_path, lambda status: bool(status.workers))
    child.send_signal(signal.SIGKILL)
    child.communicate()
    own = tmp_path / "workers" / "00001.json"
    sign = json.loads(own.read_text())
    own.write_text(json.dumps({**sign, "written": sign["written"] - 3600}))

    assert main(["status", str(tmp_path)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"2 of 2 {sign['host']}:{child.pid} silent for 1 h 0 min 0/4" in out
    assert "1 of 2 no process 0/6" in out

    with (
        open_run(tmp_path, SETTINGS, stages=STAGES, versions={}) as run,
        run.stage("images", 10),
    ):
        found = status_when(tmp_path, lambda status: bool(status.workers))
    assert [(each.number, each.state) for each in found.workers] == [(1, "at work")]


def test_an_actor_from_which_nothing_comes_back_is_named(tmp_path: Path) -> None:
    with open_run(tmp_path, SETTINGS, stages=STAGES, versions={}) as run, run.stage("images", 10):
        for name in ("first", "second", "first"):
            run.advance_actor(name, 2)
        found = status_when(
            tmp_path, lambda status: sum(each.made for each in actors_of(status)) == 6
        )

    assert {actor.name: actor.made for actor in actors_of(found)} == {"first": 4, "second": 2}
    assert not any(actor.is_silent for actor in actors_of(found))
    slow = pulse.Actor(2, moved=1000.0, slowest=100.0)
    assert not slow.is_silent(1299.0) and slow.is_silent(1301.0)


def test_in_a_store_each_sign_is_an_object_that_is_gone_at_the_end() -> None:
    url = f"memory://{uuid.uuid4().hex}/run"
    folder, store = storage.local_folder(url), Store(url)

    with open_run(folder, SETTINGS, stages=STAGES, versions={}) as run, run.stage("images", 10):
        end = time.monotonic() + 30
        while not store.tree("workers"):
            assert time.monotonic() < end
            time.sleep(0.02)
        assert run_status(folder).workers[0].state == "at work"

    assert not store.tree("workers")


def test_a_file_that_is_no_sign_is_passed_over(tmp_path: Path) -> None:
    with open_run(tmp_path, SETTINGS, stages=STAGES, versions={}):
        write_text(tmp_path / "workers" / "00000.json", "[]")
        write_text(tmp_path / "workers" / "00001.json", '{"index": 1}')

        assert run_status(tmp_path).workers == ()


def test_a_folder_without_a_run_is_refused(tmp_path: Path, capsys: Capture) -> None:
    assert main(["status", str(tmp_path)]) == 2
    assert f"{tmp_path} holds no run of t2i-audit" in capsys.readouterr().err
