"""JSON Lines and JSON files in their usual shapes: rows with named values, or just texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prompts.errors import SuiteFormatError
from prompts.formats.decode import lines_of
from prompts.formats.detect_format import format_of
from prompts.formats.drafts import Draft
from prompts.formats.notes import Notes
from prompts.formats.rows import COLUMNS, ColumnNames, TableRow, from_rows
from prompts.formats.tables import TEXT_COLUMNS
from prompts.structure import Prompt

_KINDS = {list: "a list", dict: "an object", str: "a text", bool: "a truth value"}


def read_json(
    text: str, *, source: str, names: ColumnNames | None = None, notes: Notes | None = None
) -> Iterator[Draft | Prompt]:
    """The prompts of a JSON file, or of a file with one JSON value per line; see `from_rows`.

    A file may be a list of objects or texts, an object of lists of equal length, an object that
    holds one list, or an object that maps ids to texts or objects.

    Raises `SuiteFormatError` with the line.
    """
    names, notes = names or ColumnNames(), notes or Notes()
    rows = json_rows(text, source=source, text_column=names.text, notes=notes)
    columns = list(dict.fromkeys(name for _, row in rows for name in row))
    yield from from_rows(rows, columns, source=source, names=names, notes=notes)


def json_rows(
    text: str, *, source: str, text_column: str | None = None, notes: Notes | None = None
) -> list[TableRow]:
    """The rows of a JSON file, at least one; texts become rows with a single column.

    Raises `SuiteFormatError` with the line.
    """
    if not text.strip():
        raise SuiteFormatError(f"{source} is empty; write one JSON object with a prompt per line")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        rows = _by_line(text, error, source)
    else:
        names = (text_column,) if text_column else TEXT_COLUMNS
        rows = [
            (f"item {number}", _row(each, f"{source}, item {number}"))
            for number, each in enumerate(_items(value, names, source, notes or Notes()), start=1)
        ]
        if len(rows) == 1:
            rows = [("line 1", rows[0][1])]
    # The header of a suite is not a prompt.
    rows = [(place, row) for place, row in rows if set(row) != {"header"}]
    if not rows:
        raise SuiteFormatError(f"{source} has no prompts")
    return rows


def _by_line(text: str, whole: Exception, source: str) -> list[TableRow]:
    rows: list[TableRow] = []
    for number, line in enumerate(lines_of(text), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            if not rows:
                # The file may be one value over many lines, with its fault further down.
                place = whole.lineno if isinstance(whole, json.JSONDecodeError) else number
                found = format_of(text)
                hint = "repair it" if found in ("json", "jsonl") else f"import it with {found}"
                raise SuiteFormatError(
                    f"{source}, line {place} is not JSON: {_reason(whole)}; {hint}"
                ) from None
            raise SuiteFormatError(
                f"{source}, line {number} is not JSON: {_reason(error)}; repair or remove it"
            ) from None
        rows.append((f"line {number}", _row(value, f"{source}, line {number}")))
    return rows


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.colno}"
    return (
        "it is nested too deeply" if isinstance(error, RecursionError) else "a number is too long"
    )


def _row(value: Any, where: str) -> Mapping[str, Any]:
    if isinstance(value, str):
        return {TEXT_COLUMNS[0]: value}
    if not isinstance(value, dict):
        kind = _KINDS.get(type(value), "a number or nothing")
        raise SuiteFormatError(f"{where} holds {kind}; it should hold an object or a text")
    return value


def _items(value: Any, names: Sequence[str], source: str, notes: Notes) -> list[Any]:
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise SuiteFormatError(
            f"{source} should hold an object or a list of prompts, not {json.dumps(value):.40}; if "
            "each line is a prompt, import it with text"
        )
    own = next((value[key] for key in value if key.strip().lower() in names), None)
    if isinstance(own, str) or set(COLUMNS) <= set(value):
        return [value]
    lists = {key: each for key, each in value.items() if isinstance(each, list)}
    if isinstance(own, list) and all(isinstance(each, str) for each in own):
        uneven = next((key for key, each in lists.items() if len(each) != len(own)), None)
        if uneven is not None:
            raise SuiteFormatError(
                f"{source} has {len(own)} prompts and {len(lists[uneven])} of {uneven!r}; make the "
                "lists equally long"
            )
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    for kind in (str, dict):
        if value and all(isinstance(each, kind) for each in value.values()):
            notes.add("the keys of its object were read as the ids of the prompts")
            return [
                {"id": key} | (each if isinstance(each, dict) else {TEXT_COLUMNS[0]: each})
                for key, each in value.items()
            ]
    if len(lists) == 1:
        ((key, items),) = lists.items()
        notes.add(f"its list {key!r} was read as the prompts")
        return items
    raise SuiteFormatError(
        f"{source} is one object ({', '.join(map(str, list(value)[:10]))}) and holds no list of "
        "prompts; write one object per line"
    )
