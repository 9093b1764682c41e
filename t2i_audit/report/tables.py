"""Plain tables and figures for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from t2i_audit.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

UNDEFINED = "undefined"
PIPE_WIDTH = 120  # letters a line where the output is no terminal and has no width of its own


def console(*, file: TextIO | None = None, width: int | None = None) -> Console:
    """A console on `file` (stdout if None) that prints text as it is, control characters shown.

    Texts that it is given inside another of rich's objects must be `printable` themselves, as the
    cells of `make_table` are.
    """
    from rich.console import Console

    class PlainConsole(Console):
        def print(self, *objects: Any, **options: Any) -> None:
            plain = (printable(each) if isinstance(each, str) else each for each in objects)
            super().print(*plain, **options)

    screen = PlainConsole(file=file, width=width, highlight=False, markup=False, emoji=False)
    if width is None and not screen.is_terminal:
        screen.width = PIPE_WIDTH
    return screen


def make_table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, gap: int = 2) -> Table:
    """A table without frames, `gap` letters between its columns."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    for header in headers:
        table.add_column(printable(header), overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row))
    return table


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on stdout."""
    console().print(make_table(headers, rows))


def format_interval(interval: Mapping[str, Any] | None) -> str:
    """``0.97 [0.95, 0.99]`` of an interval as JSON has it; ``undefined`` where it is null."""
    if interval is None or interval.get("estimate") is None:
        return UNDEFINED
    text = f"{interval['estimate']:.2f}"
    if interval.get("lower") is None or interval.get("upper") is None:
        return text
    return f"{text} [{interval['lower']:.2f}, {interval['upper']:.2f}]"
