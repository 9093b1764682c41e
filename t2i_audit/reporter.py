"""Where a run reports what it does: to the terminal, to nobody, or to whoever asks for it.

A `Reporter` is handed down from the command line or the Python API. Nothing below them prints.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TextIO

from t2i_audit.printable import print_line, printable

if TYPE_CHECKING:
    from rich.progress import Progress, Task
    from rich.text import Text

PLAIN_INTERVAL = 5.0  # seconds between plain lines of progress


class Advance(Protocol):
    """Reports that `n` more items of a stage are done."""

    def __call__(self, n: int = 1) -> None: ...


class Reporter(Protocol):
    """Receives the notes and the progress of a run."""

    def note(self, sentence: str) -> None:
        """Report something the user should know."""

    def stage(self, name: str, total: int, *, done: int = 0) -> AbstractContextManager[Advance]:
        """Report the progress of a stage while the block runs.

        Args:
            name: what is counted, e.g. ``images``.
            total: the number of items in all.
            done: the number of items that an earlier process finished; the rate and the remaining
                time are computed from the rest.
        """


@dataclass(frozen=True)
class TerminalReporter:
    """Writes to the terminal: a progress bar, or plain lines where no bar can be drawn.

    The output goes to stderr, so that stdout holds results alone.
    """

    stream: TextIO | None = None
    """The stream to write to; stderr, looked up at each call, if None."""
    interval: float = PLAIN_INTERVAL
    """Seconds between plain lines of progress."""

    def note(self, sentence: str) -> None:
        """Print `sentence` on a line of its own."""
        print_line(f"t2i-audit: {sentence}", to=self.target)

    def stage(self, name: str, total: int, *, done: int = 0) -> AbstractContextManager[Advance]:
        """Show the progress of a stage while the block runs."""
        if self.is_interactive:
            return _bar(name, total, done, self.target)
        return _lines(name, total, done, self.target, self.interval)

    @property
    def target(self) -> TextIO:
        """Where it writes."""
        return sys.stderr if self.stream is None else self.stream

    @property
    def is_interactive(self) -> bool:
        """Whether it writes to a terminal, on which bars can be drawn."""
        return self.target.isatty()


@dataclass(frozen=True)
class SilentReporter:
    """Reports nothing."""

    def note(self, sentence: str) -> None:
        """Ignore `sentence`."""

    @contextmanager
    def stage(self, name: str, total: int, *, done: int = 0) -> Iterator[Advance]:
        """Run the block without showing its progress."""

        def advance(n: int = 1) -> None:
            pass

        yield advance


@dataclass(frozen=True)
class NotesReporter(SilentReporter):
    """Passes notes on and shows no progress.

    Of several processes that were launched together, one shows the progress; what the others find,
    such as a damaged file, is reported all the same.
    """

    inner: Reporter

    def note(self, sentence: str) -> None:
        """Pass `sentence` on."""
        self.inner.note(sentence)


@dataclass(frozen=True)
class NamedReporter:
    """Passes all on under a name, where several models report to the same place."""

    inner: Reporter
    name: str

    def note(self, sentence: str) -> None:
        """Pass `sentence` on, with the name before it."""
        self.inner.note(f"{self.name}: {sentence}")

    def stage(self, name: str, total: int, *, done: int = 0) -> AbstractContextManager[Advance]:
        """Show the progress of a stage, with the name before its own."""
        return self.inner.stage(f"{self.name}: {name}", total, done=done)


@contextmanager
def side_by_side(reporter: Reporter) -> Iterator[Reporter]:
    """A reporter for stages that run at the same time, in threads: each has a line of its own."""
    if not (isinstance(reporter, TerminalReporter) and reporter.is_interactive):
        yield reporter  # whole lines may come in any order
        return
    with _bars(reporter.target) as progress:
        yield _BarsReporter(progress)


@dataclass(frozen=True)
class _BarsReporter:
    progress: Progress

    def note(self, sentence: str) -> None:
        line = printable(f"t2i-audit: {sentence}")
        self.progress.console.print(line, soft_wrap=True, markup=False, highlight=False)

    @contextmanager
    def stage(self, name: str, total: int, *, done: int = 0) -> Iterator[Advance]:
        task = self.progress.add_task(printable(name), total=total, completed=done)
        try:
            yield lambda n=1: self.progress.advance(task, n)
        finally:
            self.progress.refresh()
            self.progress.remove_task(task)


@dataclass(frozen=True)
class CollectingReporter:
    """Keeps what is reported, for tests and for Python callers."""

    notes: list[str] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    """The names of the stages that began, in order."""
    counts: dict[str, int] = field(default_factory=dict)
    """Name of a stage -> the number of its items that are done."""

    def note(self, sentence: str) -> None:
        """Keep `sentence`."""
        self.notes.append(sentence)

    @contextmanager
    def stage(self, name: str, total: int, *, done: int = 0) -> Iterator[Advance]:
        """Keep the name of the stage, and count its items."""
        self.stages.append(name)
        self.counts[name] = done

        def advance(n: int = 1) -> None:
            self.counts[name] += n

        yield advance


SILENT = SilentReporter()


@contextmanager
def _bar(name: str, total: int, done: int, stream: TextIO) -> Iterator[Advance]:
    with _bars(stream) as progress:
        task = progress.add_task(name, total=total, completed=done)

        def advance(n: int = 1) -> None:
            progress.advance(task, n)

        yield advance


def _bars(stream: TextIO) -> Progress:
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
    return Progress(*columns, console=Console(file=stream))


@contextmanager
def _lines(name: str, total: int, done: int, stream: TextIO, interval: float) -> Iterator[Advance]:
    start = last = time.monotonic()
    count = done

    def show(now: float) -> None:
        print_line(plain_line(name, count, total, count - done, now - start), to=stream)

    def advance(n: int = 1) -> None:
        nonlocal count, last
        count += n
        now = time.monotonic()
        if now - last >= interval and count < total:
            last = now
            show(now)

    try:
        yield advance
    finally:
        show(time.monotonic())


def plain_line(name: str, count: int, total: int, counted: int, seconds: float) -> str:
    """One line of progress: `counted` of the `count` items were done in the last `seconds`."""
    line = f"{name}: {count}/{total}"
    if counted == 0 or seconds <= 0:
        return line
    rate = counted / seconds
    line += f", {rate:.3g}/s"
    if count >= total:
        return f"{line}, took {duration(seconds)}"
    return f"{line}, about {duration((total - count) / rate)} left"


def duration(seconds: float) -> str:
    """E.g. ``4 min 12 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
