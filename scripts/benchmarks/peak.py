"""The most memory that a block of code takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAUSE = 0.02  # seconds between looks


@contextmanager
def watching() -> Iterator[list[float]]:
    """Yields a list of one number: the most MiB so far that this process held of its own."""
    peak, done = [private()], threading.Event()

    def watch() -> None:
        while not done.wait(PAUSE):
            peak[0] = max(peak[0], private())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def private() -> float:
    """MiB of this process's own, pages of mapped files left out."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in status if line.startswith("RssAnon")).split()[1]) / 1024
