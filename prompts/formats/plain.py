"""Plain text with one prompt per line, and tables (CSV, TSV) with named columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Literal

from prompts.errors import SuiteFormatError
from prompts.formats.clean import clean
from prompts.formats.detect_format import format_of, json_of, note_line_marks, refuse_other_formats
from prompts.formats.drafts import Draft
from prompts.formats.notes import Notes
from prompts.formats.rows import (
    COLUMNS,
    METADATA,
    TEXT_ONLY,
    ColumnNames,
    TableRow,
    from_rows,
    to_flat_row,
)
from prompts.formats.tables import SEPARATOR_LINE, delimiter_of, note_delimiter
from prompts.structure import Prompt

_DSG = ("item_id", "tuple")  # columns that only such a file has
_Record = tuple[int, list[str]]
"""The line that it starts at, and its cells."""


def read_text(lines: Iterable[str], *, source: str, notes: Notes | None = None) -> Iterator[Draft]:
    """One prompt per line; blank lines are skipped.

    Raises `SuiteFormatError` for an empty file, for control characters, and for lines that are JSON
    or a table.
    """
    lines = list(lines)
    refuse_other_formats(lines, source=source)
    if notes is not None:
        note_line_marks(lines, notes)
    empty = True
    for number, line in enumerate(lines, start=1):
        if line.strip():
            empty = False
            where = f"{source}, line {number}"
            yield Draft(where, clean(line, where=where, notes=notes), TEXT_ONLY)
    if empty:
        raise SuiteFormatError(f"{source} is empty; write one prompt per line")


def read_csv(
    lines: Iterable[str],
    *,
    source: str,
    names: ColumnNames | None = None,
    delimiter: str | None = None,
    notes: Notes | None = None,
) -> Iterator[Draft | Prompt]:
    """The rows of a table with a header; see `from_rows`.

    Args:
        lines: the file's text, in pieces of any length.
        source: the file, for messages.
        names: the columns to read.
        delimiter: the character between cells; detected if None.
        notes: receives what was detected and left out.

    Raises:
        SuiteFormatError: with the row and its line.
    """
    names, notes = names or ColumnNames(), notes or Notes()
    columns, rows = table_rows(
        "".join(lines), source=source, text_column=names.text, delimiter=delimiter, notes=notes
    )
    yield from from_rows(rows, columns, source=source, names=names, notes=notes)


def table_rows(
    text: str,
    *,
    source: str,
    notes: Notes,
    text_column: str | None = None,
    delimiter: str | None = None,
) -> tuple[list[str], Iterator[TableRow]]:
    """The columns and the rows of a table; see `read_csv`."""
    if not text.strip():
        raise SuiteFormatError(
            f"{source} is empty; a CSV file starts with the names of its columns"
        )
    first = text.lstrip().splitlines()[0]
    if json_of(first) is not None or json_of(text) is not None:
        raise SuiteFormatError(f"{source} is JSON, not a table; import it with {format_of(text)}")
    declared = SEPARATOR_LINE.match(text)
    if declared is not None:
        # The line break stays, so that line numbers are those of the file.
        text = text[declared.end("delimiter") :]
    if delimiter is None:
        delimiter = declared["delimiter"] if declared else delimiter_of(text, text_column)
        note_delimiter(delimiter, notes)
    records = _records(text, delimiter, source)
    columns = _columns(records[0][1], source)
    if text_column != _DSG[0] and set(_DSG) <= set(columns):
        notes.add("it looks like DSG's questions; import it with dsg to get one prompt per item")
    if len(records) == 1:
        raise SuiteFormatError(f"{source} has no rows below the names of its columns")
    return columns, _rows(records[1:], columns, source, notes)


def _records(text: str, delimiter: str, source: str) -> list[_Record]:
    if delimiter != "\t":
        return _parsed(text, delimiter, source)
    # Most files with tabs do not use quoting, so a cell may start with a quotation mark.
    plain = _parsed(text, delimiter, source, quoting=csv.QUOTE_NONE)
    if len({len(cells) for _, cells in plain}) == 1:
        try:
            quoted = _parsed(text, delimiter, source)
        except SuiteFormatError:
            return plain
        agrees = len({len(cells) for _, cells in quoted}) == 1 and len(quoted) == len(plain)
        return quoted if agrees else plain
    return _parsed(text, delimiter, source)


def _parsed(
    text: str, delimiter: str, source: str, *, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
) -> list[_Record]:
    """The records without blank lines; raises `SuiteFormatError` with the line."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True, quoting=quoting
    )
    records = []
    line = 1
    try:
        for cells in reader:
            if cells:
                records.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        limit = csv.field_size_limit()
        if "field limit" in str(error):
            reason = (
                f"a cell has more than {limit:,} characters; check for a quotation mark that is "
                "never closed"
            )
        elif "end of data" in str(error):
            reason = "a quotation mark is never closed; close it, or double it inside a cell"
        else:
            reason = f"{error}; quote a cell that contains quotation marks, and double those inside"
        raise SuiteFormatError(f"{source}, line {line}: {reason}") from None
    return records


def _columns(header: Sequence[str], source: str) -> list[str]:
    columns = [name.strip() or f"column_{place}" for place, name in enumerate(header, start=1)]
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise SuiteFormatError(f"{source} has the column {twice!r} twice; rename one")
    return columns


def _rows(
    records: Iterable[_Record], columns: Sequence[str], source: str, notes: Notes
) -> Iterator[TableRow]:
    for number, (line, cells) in enumerate(records, start=1):
        place = f"row {number} (line {line})"
        if len(cells) > len(columns):
            kind = "column" if len(columns) == 1 else "columns"
            raise SuiteFormatError(
                f"{source}, {place} has {len(cells)} cells for {len(columns)} {kind} "
                f"({', '.join(columns[:20])}); quote a cell that contains the "
                "delimiter"
            )
        if len(cells) < len(columns):
            notes.count(
                "{n} row has fewer cells than there are columns",
                "{n} rows have fewer cells than there are columns",
            )
        yield place, dict(zip(columns, chain(cells, [""] * len(columns)), strict=False))


def write_text(prompts: Iterable[Prompt]) -> Iterator[str]:
    """The texts, one per line."""
    for prompt in prompts:
        yield prompt.text + "\n"


def write_csv(prompts: Iterable[Prompt]) -> Iterator[str]:
    """A header and a row for each prompt, constituents and foils as JSON."""
    yield from _csv_lines((*COLUMNS, METADATA), (to_flat_row(prompt) for prompt in prompts))


def write_pairs(prompts: Iterable[Prompt]) -> Iterator[str]:
    """One CSV row per minimal pair of a prompt and one of its foils."""
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
