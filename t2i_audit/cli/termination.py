"""What a scheduler's SIGTERM does, as when a job is preempted: the program ends in good order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

TERMINATED = 143  # 128 + SIGTERM, as shells count


class Terminated(SystemExit):
    """Raised in the main thread when the process is told to end."""


@contextmanager
def ending_when_told() -> Iterator[None]:
    """While the block runs, a SIGTERM is raised as `Terminated`, so that all is left in order.

    A second one ends the process at once. Nothing is done where the signal is handled or ignored
    already, or outside the main thread, which alone may handle signals. Windows has no such signal
    from outside.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    raise Terminated(TERMINATED)
