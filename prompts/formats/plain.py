"""Plain text, one prompt a line, and CSV with named columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain

from prompts.errors import SuiteFormatError
from prompts.formats.imported import Draft, clean
from prompts.formats.rows import COLUMNS, TEXT_ONLY, from_rows, to_flat_row
from prompts.structure import Prompt


def read_text(lines: Iterable[str], *, source: str) -> Iterator[Draft]:
    """A prompt a line; blank lines are skipped.

    Raises `SuiteFormatError` naming the line, for an empty file and for control characters.
    """
    empty = True
    for number, line in enumerate(lines, start=1):
        if line.strip():
            empty = False
            where = f"{source}, line {number}"
            yield Draft(where, clean(line, where=where), TEXT_ONLY)
    if empty:
        raise SuiteFormatError(f"{source} is empty; write one prompt a line")


def read_csv(
    lines: Iterable[str],
    *,
    source: str,
    text_column: str | None = None,
    type_column: str | None = None,
) -> Iterator[Draft | Prompt]:
    """The rows of a CSV file with a header; see `from_rows`.

    Raises `SuiteFormatError` naming the row.
    """
    reader = csv.DictReader(lines, strict=True)
    try:
        columns = reader.fieldnames
        if not columns:
            raise SuiteFormatError(f"{source} is empty; a CSV file starts with its columns' names")
        empty = True
        for each in from_rows(
            reader,
            columns,
            source=source,
            text_column=text_column,
            type_column=type_column,
        ):
            empty = False
            yield each
    except csv.Error as error:
        raise SuiteFormatError(f"{source}, line {reader.line_num}: {error}") from None
    if empty:
        raise SuiteFormatError(f"{source} has no rows beneath its columns' names")


def write_text(prompts: Iterable[Prompt]) -> Iterator[str]:
    """The texts, a line each."""
    for prompt in prompts:
        yield prompt.text + "\n"


def write_csv(prompts: Iterable[Prompt]) -> Iterator[str]:
    """A header and a row for each prompt, constituents and foils as JSON."""
    yield from _csv_lines(COLUMNS, (to_flat_row(prompt) for prompt in prompts))


def write_pairs(prompts: Iterable[Prompt]) -> Iterator[str]:
    """A CSV row for each minimal pair: a prompt and one of its foils."""
    rows = (
        {"id": prompt.id, "change": foil.change, "text": prompt.text, "foil": foil.text}
        for prompt in prompts
        for foil in prompt.foils
    )
    yield from _csv_lines(("id", "change", "text", "foil"), rows)


def _csv_lines(columns: tuple[str, ...], rows: Iterable[dict[str, str]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for cells in chain([columns], ([row[name] for name in columns] for row in rows)):
        writer.writerow(cells)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
