"""The prompts of TIIF-Bench (Wei and others, arXiv 2506.02161), each in two wordings.

A file holds one dimension, and a row ``type``, ``short_description`` and ``long_description``. The
benchmark names its images by the number of the row in its file, from 0, and the ids of prompts
follow that: ``color+2d-0``. A prompt has the same id in both wordings.
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
    """The rows of one file, in the short wording if `text_column` is None.

    Raises `SuiteFormatError` with the row.
    """
    rows = []
    for number, (place, row) in enumerate(json_rows(text, source=source, notes=notes)):
        if SHORT not in row and LONG not in row:
            raise SuiteFormatError(
                f"{source}, {place} has no {SHORT} or {LONG}; name a file with prompts of "
                "TIIF-Bench, not with its questions"
            )
        rows.append((place, {"id": f"{row.get('type', 'tiif')}-{number}", **row}))
    if text_column is None:
        notes.add(f"the short wordings were read; --text-column {LONG} reads the long ones")
    columns = list(dict.fromkeys(name for _, row in rows for name in row))
    names = ColumnNames(text_column or SHORT, "type" if "type" in columns else None, "id")
    yield from from_rows(rows, columns, source=source, names=names, notes=notes)
