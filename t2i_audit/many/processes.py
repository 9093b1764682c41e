"""Several audits at the same time, each in a process of its own.

A process ends with its model, so that the memory of the next one is whole, and a process that dies
takes no other model with it. It reads its settings from its standard input, which stays open: when
it closes, because this process was interrupted or has died, the audit ends as by Ctrl-C. What it
reports comes back over its standard output, one JSON object a line (see `worker`).
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from typing import IO

from t2i_audit.io import to_json
from t2i_audit.many.one import keep_traceback
from t2i_audit.many.plan import PlannedAudit
from t2i_audit.reporter import Advance, NamedReporter, Reporter, side_by_side

VISIBLE = "CUDA_VISIBLE_DEVICES"
# A process that is told to stop ends at the next step of its sampler; one that does not is killed.
PATIENCE = 60.0  # seconds
INTERRUPTED = "it was interrupted"
NEW_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # Windows has no sessions
WORKER = (sys.executable, "-P", "-m", "t2i_audit.many.worker")


def audit_side_by_side(
    audits: Sequence[PlannedAudit], devices: Sequence[str | None], reporter: Reporter
) -> Iterator[tuple[str, str | None]]:
    """Make `audits` in as many processes as there are `devices`.

    Args:
        audits: in the order in which they begin.
        devices: for each process the GPU that it sees; None for all.
        reporter: receives what all of them report.

    Yields:
        The name of each audit as it ends, and why it failed; None if it is finished.
    """
    free: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    for device in devices:
        free.put(device)
    children = _Children()

    def make(audit: PlannedAudit) -> str | None:
        device = free.get()
        try:
            return children.audit(audit, device, NamedReporter(shared, audit.name))
        finally:
            free.put(device)

    with side_by_side(reporter) as shared, ThreadPoolExecutor(len(devices)) as pool:
        futures = {pool.submit(make, audit): audit.name for audit in audits}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            children.stop()
            raise


class _Children:
    """The processes that are at work."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[str]] = []
        self._lock = threading.Lock()
        self._stopped = False

    def audit(self, audit: PlannedAudit, device: str | None, reporter: Reporter) -> str | None:
        """Make one audit in a process; returns why it failed, None if it is finished."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as messages:
            process = self._start(device, messages)
            if process is None:
                return INTERRUPTED
            assert process.stdin is not None and process.stdout is not None
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(to_json(audit.settings)) + "\n")
                process.stdin.flush()
            outcome = _follow(process.stdout, reporter)
            code = process.wait()
            process.stdout.close()
            with self._lock:
                self._running.remove(process)
                _close(process)
                stopped = self._stopped
            if outcome is not None:
                return outcome.get("failed")
            if stopped:
                return INTERRUPTED
            messages.seek(0)
            return keep_traceback(
                audit.settings.out, f"its process ended with code {code}", messages.read()
            )

    def stop(self) -> None:
        """Interrupt all, and wait until they have ended."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
            for process in running:
                _close(process)
        end = time.monotonic() + PATIENCE
        try:
            with suppress(subprocess.TimeoutExpired):
                for process in running:
                    process.wait(max(0.0, end - time.monotonic()))
        finally:  # too slow, or interrupted once more
            for process in running:
                process.kill()

    def _start(self, device: str | None, messages: IO[str]) -> subprocess.Popen[str] | None:
        own = {} if device is None else {VISIBLE: device}
        with self._lock:
            if self._stopped:
                return None
            process = subprocess.Popen(
                WORKER,
                env={**os.environ, **own, "PYTHONIOENCODING": "utf-8:replace"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=messages,
                encoding="utf-8",
                # Ctrl-C reaches this process alone, which then tells each of them once.
                start_new_session=True,
                creationflags=NEW_GROUP,
            )
            self._running.append(process)
            return process


def _close(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()


def _follow(lines: IO[str], reporter: Reporter) -> dict[str, str] | None:
    """Pass on what a process reports; returns its outcome, None if it ended without one."""
    outcome = None
    advance: Advance | None = None
    with ExitStack() as stage:
        for line in lines:
            said = json.loads(line)
            if "note" in said:
                reporter.note(said["note"])
            elif "stage" in said:
                begun = reporter.stage(said["stage"], said["total"], done=said["done"])
                advance = stage.enter_context(begun)
            elif "advance" in said and advance is not None:
                advance(said["advance"])
            elif "end" in said:
                stage.close()
            else:
                outcome = said
    return outcome
