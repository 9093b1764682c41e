"""A folder of images with a table of them: CSV, TSV, JSON Lines or JSON.

The table has a column of file names (relative to its own folder), a column of prompts or of their
ids, and, if there is one, a column of seeds. The ``metadata.csv`` or ``metadata.jsonl`` of an
image folder of the library ``datasets`` is such a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from t2i_audit.images.listing import (
    FILE_COLUMNS,
    Entry,
    ImagesError,
    Listing,
    entry_of,
    files_below,
)

if TYPE_CHECKING:
    from prompts.formats.notes import Notes

SUFFIXES = (".csv", ".tsv", ".jsonl", ".json")
PREFERRED = "metadata"  # the table's name in an image folder


def table_in(root: Path) -> Path | None:
    """The table of the images in `root`; None where there is none.

    Raises:
        ImagesError: there are several, and none is called metadata.
    """
    if root.is_file():
        return root if root.suffix.lower() in SUFFIXES else None
    found = _tables(root)
    if not found:
        # An image folder of `datasets` may have one folder for its only split.
        found = [
            table
            for folder in sorted(root.iterdir())
            if folder.is_dir()
            for table in _tables(folder)
            if table.stem == PREFERRED
        ]
    named = [table for table in found if table.stem == PREFERRED]
    if len(named or found) > 1:
        names = ", ".join(table.relative_to(root).as_posix() for table in (named or found)[:5])
        raise ImagesError(
            f"{root} has several tables ({names}); name the one of the images in place of the "
            "folder"
        )
    return next(iter(named or found), None)


def list_table(table: Path) -> Listing:
    """The images that the rows of `table` name.

    Raises:
        ImagesError: it cannot be read, or has no column of file names.
    """
    columns, rows, notes = read_rows(table)
    lower = {name.strip().lower(): name for name in reversed(columns)}
    own = next((lower[name] for name in FILE_COLUMNS if name in lower), None)
    if own is None:
        raise ImagesError(
            f"{table} has no column of file names; it has {', '.join(columns[:20])}: call it "
            f"{FILE_COLUMNS[0]}"
        )
    entries: list[Entry] = []
    for place, row in rows:
        where = f"{table.name}, {place}"
        file = row.get(own)
        if not isinstance(file, str) or not file.strip():
            raise ImagesError(f"{where} names no file in column {own!r}; fill it in")
        rest = {name: value for name, value in row.items() if name != own}
        # One file has one name, so that it is noticed where it is named twice.
        entries.append(entry_of(PurePosixPath(file.strip()).as_posix(), where, rest))
    names = [entry.file for entry in entries]
    return Listing("table", tuple(entries), (), files_below(table.parent, names), notes)


def read_rows(
    table: Path,
) -> tuple[list[str], list[tuple[str, Mapping[str, Any]]], tuple[str, ...]]:
    """The columns of `table`, its rows with their positions, and what was detected.

    Raises:
        ImagesError: it cannot be read.
    """
    from prompts.errors import SuiteFormatError
    from prompts.formats.decode import decode
    from prompts.formats.json_rows import json_rows
    from prompts.formats.notes import Notes
    from prompts.formats.plain import table_rows

    notes, source = Notes(), str(table)
    try:
        text = decode(table.read_bytes(), source=source, notes=notes)
        if table.suffix.lower() in (".jsonl", ".json"):
            rows = json_rows(text, source=source, notes=notes)
            columns = list(dict.fromkeys(name for _, row in rows for name in row))
            return columns, rows, _sentences(table, notes)
        delimiter = "\t" if table.suffix.lower() == ".tsv" else None
        columns, found = table_rows(text, source=source, delimiter=delimiter, notes=notes)
        return columns, list(found), _sentences(table, notes)
    except SuiteFormatError as err:
        raise ImagesError(str(err)) from err
    except OSError as err:
        raise ImagesError(f"{table} cannot be read: {err.strerror}") from err


def _sentences(table: Path, notes: Notes) -> tuple[str, ...]:
    return tuple(f"{table.name}: {line}." for line in notes.lines())


def _tables(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
