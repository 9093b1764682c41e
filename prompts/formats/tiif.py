"""TIIF-Bench's prompts (Wei and others, arXiv 2506.02161): each in a short and a long wording.

A file is one dimension; a row holds ``type``, ``short_description`` and ``long_description``. The
benchmark names its pictures by the row's number in its file, from 0, and so are the prompts here:
``color+2d-0``. The same prompt has the same id in both wordings.
"""

from __future__ import annotations

from collections.abc import Iterator

from prompts.errors import SuiteFormatError
from prompts.formats.drafts import Draft
from prompts.formats.json_rows import json_rows
from prompts.formats.notes import Notes
from prompts.formats.rows import ColumnNames, from_rows
from prompts.structure import Prompt

SHORT, LONG = "short_description", "long_description"


def read_tiif(
    text: str, *, source: str, text_column: str | None = None, notes: Notes
) -> Iterator[Draft | Prompt]:
    """The rows of one file, in their short wording if `text_column` is None.

    Raises `SuiteFormatError` naming the row.
    """
    rows = []
    for number, (place, row) in enumerate(json_rows(text, source=source, notes=notes)):
        if SHORT not in row and LONG not in row:
            raise SuiteFormatError(
                f"{source}, {place} has no {SHORT} or {LONG}; name a file of TIIF-Bench's prompts, "
                "not of its questions"
            )
        rows.append((place, {"id": f"{row.get('type', 'tiif')}-{number}", **row}))
    if text_column is None:
        notes.say(f"the short wordings were taken; --text-column {LONG} takes the long ones")
    columns = list(dict.fromkeys(name for _, row in rows for name in row))
    names = ColumnNames(text_column or SHORT, "type" if "type" in columns else None, "id")
    yield from from_rows(rows, columns, source=source, names=names, notes=notes)
