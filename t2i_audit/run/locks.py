"""Locks of a run directory; the system lets go of them when their process ends, however it ends.

A process that does all holds ``.lock`` alone. Those of a divided run hold it together, and each
its own ``.lock-INDEX`` as well, which tells the others that it is alive.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from t2i_audit.errors import RunDirectoryError
from t2i_audit.workers import Worker

LOCK = ".lock"
# Another process of a divided run may hold the lock alone for a moment, while it clears up.
PATIENCE = 10.0  # seconds
PAUSE = 0.05


class RunLock:
    """The locks that one process holds on one run directory; made by `hold`."""

    def __init__(self, out: Path, worker: Worker, files: list[IO[str]], *, alone: bool) -> None:
        self._out = out
        self._worker = worker
        self._files = files
        self.alone = alone
        """Whether no other process is in the directory."""

    def let_others_in(self) -> None:
        """From here on the other processes of a divided run may come in."""
        if self.alone and not self._worker.is_whole:
            self.alone = False
            # Windows gives no shared lock beside one's own exclusive one.
            _unlock(self._files[0])
            if not _wait(self._files[0], shared=True):
                raise _refusal(self._out, self._files[0])

    def is_held(self, index: int) -> bool:
        """Whether the worker with the number `index` is alive."""
        if index == self._worker.index:
            return True
        try:
            with _own_path(self._out, index).open("r", encoding="utf-8") as file:
                # Shared, so that two processes asking at once do not see each other.
                return not _try(file, shared=True)
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let go."""
        for file in self._files:
            file.close()


def hold(out: Path, worker: Worker) -> RunLock:
    """Take the locks of `out` for a process with this worker.

    Raises:
        RunDirectoryError: another process is at work there.
        OSError: the lock cannot be written.
    """
    files: list[IO[str]] = []
    try:
        files.append((out / LOCK).open("a+", encoding="utf-8"))
        alone = _try(files[0], shared=False)
        if not alone and (worker.is_whole or not _wait(files[0], shared=True)):
            raise _refusal(out, files[0])
        if not worker.is_whole:
            files.append(_own_path(out, worker.index).open("a+", encoding="utf-8"))
            if not _wait(files[1], shared=False):
                raise _refusal(out, files[1])
        for file in files:
            file.truncate(0)
            file.write(f"process {os.getpid()}")
            file.flush()
    except BaseException:
        for file in files:
            file.close()
        raise
    return RunLock(out, worker, files, alone=alone)


def is_lock(path: Path) -> bool:
    """Whether `path` is a lock's file."""
    return path.name == LOCK or path.name.startswith(f"{LOCK}-")


def _own_path(out: Path, index: int) -> Path:
    return out / f"{LOCK}-{index:05d}"


def _try(file: IO[str], *, shared: bool) -> bool:
    # Takes a quarter of a second where redis is installed, for which it has locks as well.
    import portalocker

    kind = portalocker.LockFlags.SHARED if shared else portalocker.LockFlags.EXCLUSIVE
    try:
        portalocker.lock(file, kind | portalocker.LockFlags.NON_BLOCKING)
    except portalocker.AlreadyLocked:
        return False
    return True


def _unlock(file: IO[str]) -> None:
    import portalocker

    portalocker.unlock(file)


def _wait(file: IO[str], *, shared: bool) -> bool:
    end = time.monotonic() + PATIENCE
    while not _try(file, shared=shared):
        if time.monotonic() > end:
            return False
        time.sleep(PAUSE)
    return True


def _refusal(out: Path, file: IO[str]) -> RunDirectoryError:
    holder = ""
    with suppress(OSError):  # Windows lets nobody read what another process has locked
        file.seek(0)
        holder = file.read().strip()
    holder = holder or "unknown"
    return RunDirectoryError(
        f"another process ({holder}) is at work in {out}; wait for it or give another --out"
    )
