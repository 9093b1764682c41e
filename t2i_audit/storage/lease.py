"""The lock of a run in a store: an object that its owner writes again and again.

A process that does all holds the object ``.lock``, and each process of a divided run its own,
``.lock-INDEX``. The object is made by a request that the store refuses if it is there already. It
is written anew every `RENEWAL` seconds, so that one that has stayed the same for `LEASE` seconds,
as the process sees it that waits for it, belongs to a process that is dead. No clocks are compared.
On the owner's own machine a dead process is recognised at once.

Should an owner be cut off for so long that another takes over, it writes nothing any more.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from t2i_audit.errors import AuditError, RunDirectoryError
from t2i_audit.storage.faults import StoreError
from t2i_audit.storage.working_copy import WorkingCopy
from t2i_audit.workers import Worker

LOCK = ".lock"
RENEWAL = 15.0  # seconds
LEASE = 60.0  # seconds; three renewals may fail
PAUSE = 1.0  # seconds between two looks at a lock that may be a dead process's
LOOK = 5.0  # seconds between two looks at a lock of another process of the same run

_held: set[str] = set()
"""The tokens of the locks that this process holds."""


class Lease:
    """The lock that this process holds on a run in a store; made by `take`."""

    def __init__(self, copy: WorkingCopy, name: str, worker: Worker, *, alone: bool) -> None:
        self._copy, self._name, self._worker = copy, name, worker
        self.alone = alone
        """Whether no other process was at work in the run when the lock was taken."""
        self._token = secrets.token_hex(8)
        self._count = 0
        self._seen: dict[str, tuple[bytes | None, float, float]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def let_others_in(self) -> None:
        """Nothing: the others may come in from the beginning."""

    def is_held(self, index: int) -> bool:
        """Whether the worker with the number `index` of a divided run is alive."""
        if index == self._worker.index:
            return True
        return self._is_alive(_name_of(index))

    def release(self) -> None:
        """Let go, unless another process has taken over."""
        self._ended.set()
        _held.discard(self._token)
        if self._thread.is_alive():
            self._thread.join()
        # A lock that stays behind is taken for a dead process's.
        with suppress(StoreError):
            if self._is_own(self._read(self._name)):
                self._copy.store.remove(self._name)

    def take(self, note: Callable[[str], None]) -> None:
        """Write the object, waiting for one that may be a dead process's.

        Raises:
            RunDirectoryError: its owner is alive.
            StoreError: the store cannot be read or written.
        """
        try:
            self._copy.store.create(self._name, self._content())
        except FileExistsError:
            there = self._read(self._name)
            if not self._is_own(there):  # as where the answer to the first try was lost
                self._require_dead(self._name, note)
                self._copy.store.write(self._name, self._content())
        self._copy.lost = ""
        _held.add(self._token)
        self._thread.start()

    def require_alone(self, names: list[str], note: Callable[[str], None]) -> None:
        """Refuse the run if an owner of one of the other locks `names` is alive.

        Raises:
            RunDirectoryError: it is.
            StoreError: the store cannot be read.
        """
        for name in names:
            self._require_dead(name, note)
            self._copy.store.remove(name)

    def _require_dead(self, name: str, note: Callable[[str], None]) -> None:
        there = self._read(name)
        if there is None or _is_dead_here(there):
            return
        shown = self._copy.store.shown
        note(
            f"{shown} has a lock of {_owner(there)}; seeing for up to {LEASE:.0f} s whether that "
            "is alive"
        )
        end = time.monotonic() + LEASE
        while time.monotonic() < end:
            time.sleep(PAUSE)
            now = self._read(name)
            if now is None:
                return
            if now != there:
                raise RunDirectoryError(
                    f"another process ({_owner(there)}) is at work in {shown}; wait for it or give "
                    "another --out"
                )

    def _is_alive(self, name: str) -> bool:
        """Whether the owner of the lock `name` seems alive, by what was seen of it so far."""
        now = time.monotonic()
        before, since, looked = self._seen.get(name, (None, now, -math.inf))
        if now - looked >= LOOK:
            content = self._read(name)
            # From the first look on a lock counts as alive until it has stayed the same.
            since = since if content == before else now
            before, looked = content, now
            self._seen[name] = before, since, looked
        return before is not None and not _is_dead_here(before) and now - since < LEASE

    def _renew(self) -> None:
        while not self._ended.wait(RENEWAL):
            with suppress(AuditError, OSError):  # the next renewal may reach the store
                there = self._read(self._name)
                if there is not None and not self._is_own(there):
                    self._copy.lost = (
                        f"another process ({_owner(there)}) has taken over the run in "
                        f"{self._copy.store.shown}, as this one did not reach the store for "
                        f"{LEASE:.0f} s; wait for it, and give the same command again"
                    )
                    return
                self._copy.store.write(self._name, self._content())

    def _read(self, name: str) -> bytes | None:
        try:
            return self._copy.store.read(name)
        except FileNotFoundError:
            return None

    def _content(self) -> bytes:
        self._count += 1
        own = {"token": self._token, "renewals": self._count}
        return json.dumps({**_this_process(), **own}).encode()

    def _is_own(self, content: bytes | None) -> bool:
        return content is not None and _fields(content).get("token") == self._token


def take(copy: WorkingCopy, worker: Worker, note: Callable[[str], None]) -> Lease:
    """Lock the run in the store of `copy` for a process with this worker.

    Args:
        copy: of the run directory.
        worker: the process's part of the run's batches.
        note: receives a sentence where the process has to wait.

    Raises:
        RunDirectoryError: another process is at work in the run.
        StoreError: the store cannot be read or written.
    """
    name = LOCK if worker.is_whole else _name_of(worker.index)
    there = [each for each in copy.store.top() if each != name and is_lease(each)]
    lease = Lease(copy, name, worker, alone=worker.is_whole or not there)
    lease.take(note)
    try:
        # Both write their own lock before they look for others', so that not both come in.
        there = [each for each in copy.store.top() if each != name and is_lease(each)]
        lease.require_alone([each for each in there if worker.is_whole or each == LOCK], note)
    except BaseException:
        lease.release()
        raise
    return lease


def is_lease(name: str) -> bool:
    """Whether the object `name` is a lock."""
    return name == LOCK or name.startswith(f"{LOCK}-")


def _name_of(index: int) -> str:
    return f"{LOCK}-{index:05d}"


def _fields(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _owner(content: bytes | None) -> str:
    fields = _fields(content or b"")
    return f"process {fields.get('process', 'unknown')} of {fields.get('host', 'unknown')}"


def _this_process() -> dict[str, Any]:
    """Names of the machine and the process, and of what numbers the processes."""
    numbered = ""
    with suppress(OSError):  # only Linux has these
        # Containers may share a host's name, but not its numbers of processes.
        numbered = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        numbered += os.readlink("/proc/self/ns/pid")
    return {"host": socket.gethostname(), "numbered": numbered, "process": os.getpid()}


def _is_dead_here(content: bytes) -> bool:
    """Whether the owner was a process of this machine that is gone."""
    fields, own = _fields(content), _this_process()
    number = fields.get("process")
    same = all(fields.get(name) == own[name] for name in ("host", "numbered"))
    if not same or not own["numbered"] or not isinstance(number, int):
        return False
    if number == own["process"]:
        return fields.get("token") not in _held
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
