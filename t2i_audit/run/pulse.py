"""Signs of life of the processes that work in a run: a small file each, written again and again.

A process of a run writes ``workers/00002.json`` every few seconds while it works, from a thread of
its own, and deletes the file when it ends. So the file of a process that was killed stays and grows
old. Nothing here can make a run fail, and no result depends on it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit import storage
from t2i_audit.errors import AuditError
from t2i_audit.io import read_json, write_json
from t2i_audit.workers import Worker

if TYPE_CHECKING:
    from pydantic import TypeAdapter

WORKERS = "workers"
INTERVAL = 5.0  # seconds between two signs
STORE_INTERVAL = 15.0  # the same in a store, which charges for requests; locks take as long
SILENT = 60.0  # seconds without a sign after which a process is taken for dead
SLOWER = 3  # times its slowest batch so far that an actor may take before it counts as silent


@dataclass(frozen=True)
class Actor:
    """What came back from one actor of an engine, as the driver saw it."""

    made: int
    """Items in this stage."""
    moved: float
    """Unix time of the last ones."""
    slowest: float
    """Seconds, the longest that passed before items came back."""

    def is_silent(self, now: float) -> bool:
        """Whether nothing has come back for much longer than it used to take."""
        return now - self.moved > max(SILENT, SLOWER * self.slowest)


@dataclass(frozen=True)
class Sign:
    """What one process of a run last said of itself. Times are those of its machine's clock."""

    index: int
    """Of the process among those of a divided run, from 0."""
    count: int
    host: str
    process: int
    stage: str
    done: int
    """Items of its own part of the stage, those of earlier processes included."""
    total: int
    made: int
    """Items that this process has made since `began`."""
    began: float
    """Unix time at which it began the stage."""
    moved: float
    """Unix time at which it last made an item; `began` before the first."""
    written: float
    """Unix time of this sign."""
    actors: dict[str, Actor] = field(default_factory=dict)
    """Of an engine, by a name that no other actor has."""

    def is_silent(self, now: float) -> bool:
        """Whether the process is taken for dead."""
        return now - self.written > SILENT

    @property
    def rate(self) -> float | None:
        """Items in a second, from the beginning of the stage to the last item; None before it."""
        seconds = self.moved - self.began
        return self.made / seconds if self.made and seconds > 0 else None


class Pulse:
    """The signs of this process, written from the first stage on until `stop`."""

    def __init__(self, run: Path, worker: Worker) -> None:
        """Nothing is written yet."""
        self._path = _path(run, worker.index)
        now = time.time()
        self._sign = Sign(
            worker.index,
            worker.count,
            socket.gethostname(),
            os.getpid(),
            "",
            0,
            0,
            0,
            now,
            now,
            now,
        )
        self._interval = INTERVAL if storage.store_of(run) is None else STORE_INTERVAL
        self._changing = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, stage: str, total: int, done: int) -> None:
        """Say that a stage begins, of which `done` of this process's `total` items are done."""
        now = time.time()
        with self._changing:
            self._sign = replace(
                self._sign,
                stage=stage,
                total=total,
                done=done,
                made=0,
                began=now,
                moved=now,
                actors={},
            )
        if self._thread is None:
            self._thread = threading.Thread(target=self._repeat, daemon=True)
            self._thread.start()

    def advance(self, n: int) -> None:
        """Count `n` more items, up to the stage's total."""
        with self._changing:
            own = min(n, self._sign.total - self._sign.done)
            if own > 0:
                made, done = self._sign.made + own, self._sign.done + own
                self._sign = replace(self._sign, made=made, done=done, moved=time.time())

    def advance_actor(self, name: str, n: int) -> None:
        """Note that `n` items have come back from an actor."""
        now = time.time()
        with self._changing:
            before = self._sign.actors.get(name, Actor(0, self._sign.began, 0.0))
            slowest = max(before.slowest, now - before.moved)
            own = Actor(before.made + n, now, slowest)
            self._sign = replace(self._sign, actors={**self._sign.actors, name: own})

    def stop(self) -> None:
        """End, and leave no file."""
        if self._thread is None:
            return
        self._ended.set()
        self._thread.join()
        self._thread = None
        _remove(self._path)

    def _repeat(self) -> None:
        while True:
            with self._changing:
                sign = replace(self._sign, written=time.time())
            with suppress(OSError, AuditError):
                write_json(self._path, sign)
            if self._ended.wait(self._interval):
                return


def read_signs(run: Path) -> tuple[Sign, ...]:
    """The signs of all processes that work in `run`, or did when they were killed, in order.

    A file that cannot be read as a sign counts as none.

    Raises:
        StoreError: the run's store cannot be read.
    """
    return tuple(sign for path in _files(run) if (sign := _sign_in(path)) is not None)


def clear_signs(run: Path) -> None:
    """Delete what dead processes have left in `run`."""
    for path in _files(run):
        _remove(path)


def _files(run: Path) -> list[Path]:
    folder = run / WORKERS
    storage.fetch(storage.open_tree(folder))
    return sorted(folder.glob("[0-9]*.json"))


def _sign_in(path: Path) -> Sign | None:
    try:
        return _adapter().validate_python(read_json(path))
    except (OSError, ValueError):
        return None


def _remove(path: Path) -> None:
    with suppress(OSError, AuditError):
        storage.remove(path)
        path.parent.rmdir()  # fails while other processes have theirs in it


def _path(run: Path, index: int) -> Path:
    return run / WORKERS / f"{index:05d}.json"


@cache
def _adapter() -> TypeAdapter[Sign]:
    from pydantic import TypeAdapter

    return TypeAdapter(Sign)
