"""Plain tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from t2i_audit.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

PIPE_WIDTH = 120  # letters per line where the output is no terminal and has no width of its own


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


def make_table(
    headers: Sequence[str], rows: Iterable[Sequence[str | Text]], *, gap: int = 2
) -> Table:
    """A table without frames, `gap` letters between its columns.

    A cell that is a `Text` keeps its style and must be printable itself.
    """
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    for header in headers:
        table.add_column(printable(header), overflow="fold")
    for row in rows:
        table.add_row(*(printable(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on stdout."""
    console().print(make_table(headers, rows))
