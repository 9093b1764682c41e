"""The lock of a run in a store."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid

import pytest

from t2i_audit import AuditError
from t2i_audit.storage import lease
from t2i_audit.storage.lease import LOCK, take
from t2i_audit.storage.store import Store
from t2i_audit.storage.working_copy import WorkingCopy
from t2i_audit.workers import ALONE, Worker


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("RENEWAL", 0.1), ("LEASE", 0.6), ("PAUSE", 0.05), ("LOOK", 0.05)):
        monkeypatch.setattr(lease, name, seconds)


@pytest.fixture
def url() -> str:
    return f"memory://{uuid.uuid4().hex}/run"


def copy_of(url: str) -> WorkingCopy:
    return WorkingCopy(Store(url))


def quiet(sentence: str) -> None:
    """Ignore what is noted."""


def lock_of(machine: str, process: int) -> bytes:
    own = {**lease._this_process(), "process": process}
    return json.dumps(own if machine == "this" else {**own, "host": machine}).encode()


def test_a_second_process_is_refused_while_the_first_lives_and_let_in_when_it_ends(
    url: str,
) -> None:
    first = take(copy_of(url), ALONE, quiet)
    with pytest.raises(AuditError, match=rf"another process .* is at work in {url}"):
        take(copy_of(url), ALONE, quiet)
    first.release()
    take(copy_of(url), ALONE, quiet).release()
    assert copy_of(url).store.top() == {}


def test_the_lock_of_a_process_of_this_machine_that_is_dead_is_taken_over_at_once(
    url: str,
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    copy = copy_of(url)
    copy.store.write(LOCK, lock_of("this", gone.pid))
    notes: list[str] = []
    take(copy, ALONE, notes.append).release()
    assert notes == []


def test_the_lock_of_another_machine_is_taken_over_once_nobody_renews_it(url: str) -> None:
    copy = copy_of(url)
    copy.store.write(LOCK, lock_of("elsewhere", 1))
    notes: list[str] = []
    start = time.monotonic()
    take(copy, ALONE, notes.append).release()
    assert time.monotonic() - start >= lease.LEASE
    assert "process 1 of elsewhere" in notes[0]


def test_an_owner_that_was_cut_off_and_lost_its_lock_writes_nothing_any_more(url: str) -> None:
    copy = copy_of(url)
    held = take(copy, ALONE, quiet)
    copy.store.write(LOCK, lock_of("elsewhere", 7))
    end = time.monotonic() + 20
    while not copy.lost and time.monotonic() < end:
        time.sleep(0.05)
    file = copy.folder / "summary.json"
    file.write_text("{}")
    with pytest.raises(AuditError, match=r"process 7 of elsewhere.* has taken over the run"):
        copy.put(file)
    held.release()
    assert json.loads(copy.store.read(LOCK))["host"] == "elsewhere"  # not ours to delete


def test_processes_of_a_divided_run_share_it_and_know_who_lives(url: str) -> None:
    parts = [Worker(index, 3, finishes=index == 0) for index in range(3)]
    first, second = (take(copy_of(url), part, quiet) for part in parts[:2])
    assert first.is_held(0)
    assert first.is_held(1)
    assert not first.is_held(2)
    with pytest.raises(AuditError, match="is at work"):
        take(copy_of(url), ALONE, quiet)
    second.release()
    time.sleep(0.1)
    assert not first.is_held(1)
    first.release()
    take(copy_of(url), ALONE, quiet).release()


def test_a_process_that_does_all_keeps_those_of_a_divided_run_out(url: str) -> None:
    whole = take(copy_of(url), ALONE, quiet)
    with pytest.raises(AuditError, match="is at work"):
        take(copy_of(url), Worker(1, 2, finishes=False), quiet)
    whole.release()
