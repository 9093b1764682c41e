"""What tables have in common: the names of the column of prompts, and the delimiters of cells."""

from __future__ import annotations

import csv
import io
import re

from prompts.formats.notes import Notes

TEXT_COLUMNS = ("text", "prompt", "caption", "prompts", "captions", "texts", "text_prompt")
"""Names of the column that holds the prompts in lower case, the most likely first."""
DELIMITERS = (",", ";", "\t", "|")
SEPARATOR_LINE = re.compile('sep=(?P<delimiter>[^"\r\n])(?=[\r\n])', re.IGNORECASE)
"""The first line with which Excel declares the delimiter."""
_DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_ROWS_COMPARED = 50  # rows from which a delimiter is detected


def delimiter_of(text: str, wanted: str | None = None) -> str:
    """The delimiter of a table, detected from its header and from how well its rows agree.

    `wanted` is the name of a column that the table should have, if one is known.
    """
    names = {wanted.lower()} if wanted else set(TEXT_COLUMNS)

    def fitness(delimiter: str) -> tuple[bool, float, int]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = []
        try:
            for row in reader:
                rows += [row] if row else []
                if len(rows) > _ROWS_COMPARED:
                    break
        except csv.Error:
            pass
        if not rows:
            return False, 0.0, 0
        agreeing = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
        has_text = any(cell.strip().lower() in names for cell in rows[0])
        return has_text, agreeing if len(rows[0]) > 1 else 0.0, len(rows[0])

    # `max` returns the first of equals, so commas win.
    return max(DELIMITERS, key=fitness)


def note_delimiter(delimiter: str, notes: Notes) -> None:
    """Note a delimiter other than the comma."""
    if delimiter != ",":
        name = _DELIMITER_NAMES.get(delimiter, repr(delimiter))
        notes.add(f"its cells are separated by {name}, as detected")
