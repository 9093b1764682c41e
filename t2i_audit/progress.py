"""Progress of a long stage: a bar with rate and time left, or plain lines where none can be drawn.

It goes to stderr, so that results on stdout stay clean.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from t2i_audit.printable import print_line

if TYPE_CHECKING:
    from rich.progress import Task
    from rich.text import Text

PLAIN_INTERVAL = 5.0  # seconds between plain lines


class Advance(Protocol):
    """Tells the progress that `n` more are done."""

    def __call__(self, n: int = 1) -> None: ...


@contextmanager
def stage(
    name: str,
    total: int,
    *,
    done: int = 0,
    stream: TextIO | None = None,
    interval: float = PLAIN_INTERVAL,
) -> Iterator[Advance]:
    """Show the progress of `name` while the block runs; yields ``advance(n)``.

    Args:
        name: what is counted, e.g. ``images``.
        total: how many there are in all.
        done: how many an earlier run left done; rate and time left count from here.
        stream: where to show it; stderr if None.
        interval: seconds between lines where the stream is not a terminal.
    """
    stream = sys.stderr if stream is None else stream
    shown = _bar if stream.isatty() else _lines
    with shown(name, total, done, stream, interval) as advance:
        yield advance


@contextmanager
def _bar(name: str, total: int, done: int, stream: TextIO, interval: float) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:.3g}/s" if speed else "")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(file=stream)) as progress:
        task = progress.add_task(name, total=total, completed=done)

        def advance(n: int = 1) -> None:
            progress.advance(task, n)

        yield advance


@contextmanager
def _lines(name: str, total: int, done: int, stream: TextIO, interval: float) -> Iterator[Advance]:
    start = said = time.monotonic()
    count = done

    def say(now: float) -> None:
        print_line(plain_line(name, count, total, count - done, now - start), to=stream)

    def advance(n: int = 1) -> None:
        nonlocal count, said
        count += n
        now = time.monotonic()
        if now - said >= interval and count < total:
            said = now
            say(now)

    try:
        yield advance
    finally:
        say(time.monotonic())


def say(sentence: str) -> None:
    """Tell the user `sentence` on stderr."""
    print_line(f"t2i-audit: {sentence}", to=sys.stderr)


@contextmanager
def silent(name: str, total: int, *, done: int = 0) -> Iterator[Advance]:
    """As `stage`, for a process that another one speaks for."""

    def advance(n: int = 1) -> None:
        pass

    yield advance


def plain_line(name: str, count: int, total: int, counted: int, seconds: float) -> str:
    """One line of progress: `counted` of the `count` done were done in the last `seconds`."""
    line = f"{name}: {count}/{total}"
    if counted == 0 or seconds <= 0:
        return line
    rate = counted / seconds
    line += f", {rate:.3g}/s"
    if count >= total:
        return f"{line}, took {_duration(seconds)}"
    return f"{line}, about {_duration((total - count) / rate)} left"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
