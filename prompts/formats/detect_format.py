"""Detection of the format of a text, so that a file in another format is not misread."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from typing import Any

from prompts.errors import SuiteFormatError
from prompts.formats.decode import lines_of
from prompts.formats.notes import Notes
from prompts.formats.tables import DELIMITERS, SEPARATOR_LINE, TEXT_COLUMNS, delimiter_of

_MARKS = (
    (re.compile(r"[-*+•] .*"), "starts with a list marker"),
    (re.compile(r"\(?\d+[.):] .*"), "starts with a number"),
    (re.compile("\".*\",?|'.*',?"), "is in quotation marks"),
)
MOST_NAME_WORDS = 3  # in the name of a column


def json_of(line: str) -> Any:
    """The JSON object, or list of texts or objects, that a line holds; None for other lines."""
    stripped = line.strip()
    if stripped[:1] not in ("{", "["):
        return None
    try:
        value = json.loads(stripped)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict) or (value and isinstance(value[0], dict | list | str)):
        return value
    return None


def format_of(text: str) -> str:
    """The most likely format of a text with this beginning."""
    first = next((line for line in lines_of(text) if line.strip()), "")
    row = json_of(first)
    if isinstance(row, dict):
        for keys, name in (
            ({"vqa_list"}, "geneval2"),
            ({"include", "tag"}, "geneval"),
            ({"short_description"}, "tiif"),
        ):
            if keys <= set(row):
                return name
        return "jsonl"
    if first.strip()[:1] in ("{", "["):
        return "json"
    return table_of(text) or "text"


def table_of(text: str) -> str | None:
    """``csv`` or ``tsv`` if a text is likely to be a table, judging by its header or its tabs."""
    lines = [line.rstrip("\n") for line in lines_of(text) if line.strip()]
    if not lines:
        return None
    if SEPARATOR_LINE.match(text):
        return "csv"
    for delimiter in DELIMITERS:
        names = _cells(lines[0], delimiter)
        if not any(name.lower() in TEXT_COLUMNS for name in names):
            continue
        # A prompt may also have "text" between its commas.
        wide = sum(len(_cells(line, delimiter)) >= len(names) for line in lines)
        if all(len(name.split()) <= MOST_NAME_WORDS for name in names) and 2 * wide > len(lines):
            return "tsv" if delimiter == "\t" else "csv"
    tabs = {line.count("\t") for line in lines}
    return "tsv" if len(lines) > 1 and len(tabs) == 1 and tabs != {0} else None


def refuse_other_formats(lines: list[str], *, source: str) -> None:
    """Refuse JSON and tables where each line should be a prompt.

    Raises `SuiteFormatError` with the line and the format to import it with.
    """
    text = "".join(lines)
    for number, line in enumerate(lines, start=1):
        if json_of(line) is not None:
            raise SuiteFormatError(
                f"{source}, line {number} is JSON, not a prompt; import it with {format_of(line)}"
            )
    if json_of(text) is not None:
        raise SuiteFormatError(f"{source} is JSON, not one prompt per line; import it with json")
    table = table_of(text)
    if table is None and source.lower().endswith((".csv", ".tsv")):
        delimiter = delimiter_of(text)
        widths = {len(row) for row in csv.reader(lines, delimiter=delimiter) if row}
        table = "csv" if len(widths) == 1 and widths != {1} else None
    if table is not None:
        shown = lines_of(text)[0].strip()[:60]
        raise SuiteFormatError(
            f"{source} is a table, not one prompt per line: it starts with {shown!r}; import it "
            f"with {table}"
        )


def note_line_marks(lines: Sequence[str], notes: Notes) -> None:
    """Note marks at the start of all lines that are probably not part of the prompts."""
    stripped = [line.strip() for line in lines if line.strip()]
    if len(stripped) < 2:
        return
    for marked, what in _MARKS:
        if all(marked.fullmatch(line) for line in stripped):
            notes.add(f"every line {what}, which was kept as part of the prompt")
    comments = sum(line.startswith("#") for line in stripped)
    if comments:
        wording = "{n} line that starts with # was read as a prompt"
        notes.counts[wording, "{n} lines that start with # were read as prompts"] += comments


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []
