"""CSV that a spreadsheet takes for values, whatever names the cells hold."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

Cell = str | int | float | None

# A spreadsheet computes a text that begins so, white space before it or not; East Asian ones take
# the wide forms for the same. An apostrophe before it makes it plain text.
# See https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = re.compile(r"\s*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001
# What ends a line for some reader or other, and characters that are no text at all.
CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> str:
    """A table as CSV, one line a row; numbers stay numbers, None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([inert(column) for column in columns])
    writer.writerows([inert(row[column]) for column in columns] for row in rows)
    return text.getvalue()


def inert(value: Cell) -> Cell:
    r"""`value` as a cell that nothing is computed from; line breaks in it become ``\n``."""
    if not isinstance(value, str):
        return value
    mark = "'" if FORMULA.match(value) else ""
    return mark + CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), value)
