"""Which format a text is in, so that a file given as another one is told, not misread."""

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
    (re.compile(r"[-*+•] .*"), "starts with a list mark"),
    (re.compile(r"\(?\d+[.):] .*"), "starts with a number"),
    (re.compile("\".*\",?|'.*',?"), "stands in quotation marks"),
)
WORDS_OF_A_NAME = 3  # that a column's name has at most


def json_of(line: str) -> Any:
    """The object or list of texts and objects that a line is as JSON, or None."""
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
    """The format that a text with this beginning is likely to be imported with."""
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
    """``csv`` or ``tsv`` if a text is likely to be a table, by its header or its tabs."""
    lines = [line.rstrip("\n") for line in lines_of(text) if line.strip()]
    if not lines:
        return None
    if SEPARATOR_LINE.match(text):
        return "csv"
    for delimiter in DELIMITERS:
        names = _cells(lines[0], delimiter)
        if not any(name.lower() in TEXT_COLUMNS for name in names):
            continue
        # A prompt, too, may have "text" between its commas.
        wide = sum(len(_cells(line, delimiter)) >= len(names) for line in lines)
        if all(len(name.split()) <= WORDS_OF_A_NAME for name in names) and 2 * wide > len(lines):
            return "tsv" if delimiter == "\t" else "csv"
    tabs = {line.count("\t") for line in lines}
    return "tsv" if len(lines) > 1 and len(tabs) == 1 and tabs != {0} else None


def refuse_other_formats(lines: list[str], *, source: str) -> None:
    """Refuse lines that are JSON or a table where each should be a prompt.

    Raises `SuiteFormatError` naming the line and the format to import it with.
    """
    text = "".join(lines)
    for number, line in enumerate(lines, start=1):
        if json_of(line) is not None:
            raise SuiteFormatError(
                f"{source}, line {number} is JSON, not a prompt; import it with {format_of(line)}"
            )
    if json_of(text) is not None:
        raise SuiteFormatError(f"{source} is JSON, not a prompt a line; import it with json")
    table = table_of(text)
    if table is None and source.lower().endswith((".csv", ".tsv")):
        delimiter = delimiter_of(text)
        widths = {len(row) for row in csv.reader(lines, delimiter=delimiter) if row}
        table = "csv" if len(widths) == 1 and widths != {1} else None
    if table is not None:
        shown = lines_of(text)[0].strip()[:60]
        raise SuiteFormatError(
            f"{source} is a table, not a prompt a line: it starts with {shown!r}; import it with "
            f"{table}"
        )


def note_line_marks(lines: Sequence[str], notes: Notes) -> None:
    """Note marks that all lines share and that are likely to be no part of the prompts."""
    told = [line.strip() for line in lines if line.strip()]
    if len(told) < 2:
        return
    for marked, what in _MARKS:
        if all(marked.fullmatch(line) for line in told):
            notes.say(f"every line {what}, which was kept as part of the prompt")
    comments = sum(line.startswith("#") for line in told)
    if comments:
        wording = "{n} line that starts with # was taken as a prompt"
        notes.counts[wording, "{n} lines that start with # were taken as prompts"] += comments


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []
