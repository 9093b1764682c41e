"""JSON Lines and JSON files: rows with named values, or texts alone, in the shapes that occur."""

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
    """The prompts of a JSON file, or of one with a JSON value a line; see `from_rows`.

    A file may be a list of objects or of texts, an object of lists of equal length, an object that
    holds one list, or an object from ids to texts or to objects.

    Raises `SuiteFormatError` naming the line.
    """
    names, notes = names or ColumnNames(), notes or Notes()
    rows = json_rows(text, source=source, text_column=names.text, notes=notes)
    columns = list(dict.fromkeys(name for _, row in rows for name in row))
    yield from from_rows(rows, columns, source=source, names=names, notes=notes)


def json_rows(
    text: str, *, source: str, text_column: str | None = None, notes: Notes | None = None
) -> list[TableRow]:
    """The rows of a JSON file, texts alone as rows with one column; never empty.

    Raises `SuiteFormatError` naming the line.
    """
    if not text.strip():
        raise SuiteFormatError(f"{source} is empty; write a JSON object with a prompt a line")
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
    # The first line of a suite of this program says where it comes from.
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
                # The file may be one value over many lines, which then is wrong further on.
                place = whole.lineno if isinstance(whole, json.JSONDecodeError) else number
                found = format_of(text)
                hint = "mend it" if found in ("json", "jsonl") else f"import it with {found}"
                raise SuiteFormatError(
                    f"{source}, line {place} is not JSON: {_reason(whole)}; {hint}"
                ) from None
            raise SuiteFormatError(
                f"{source}, line {number} is not JSON: {_reason(error)}; mend or remove it"
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
        raise SuiteFormatError(f"{where} holds {kind}; it should be an object or a text")
    return value


def _items(value: Any, names: Sequence[str], source: str, notes: Notes) -> list[Any]:
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise SuiteFormatError(
            f"{source} holds no object or list of prompts but {json.dumps(value):.40}; if each "
            "line is a prompt, import it with text"
        )
    own = next((value[key] for key in value if key.strip().lower() in names), None)
    if isinstance(own, str) or set(COLUMNS) <= set(value):
        return [value]
    lists = {key: each for key, each in value.items() if isinstance(each, list)}
    if isinstance(own, list) and all(isinstance(each, str) for each in own):
        uneven = next((key for key, each in lists.items() if len(each) != len(own)), None)
        if uneven is not None:
            raise SuiteFormatError(
                f"{source} has {len(own)} prompts and {len(lists[uneven])} of {uneven!r}; make its "
                "lists equally long"
            )
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    for kind in (str, dict):
        if value and all(isinstance(each, kind) for each in value.values()):
            notes.say("the keys of its object were taken for the prompts' ids")
            return [
                {"id": key} | (each if isinstance(each, dict) else {TEXT_COLUMNS[0]: each})
                for key, each in value.items()
            ]
    if len(lists) == 1:
        ((key, items),) = lists.items()
        notes.say(f"its list {key!r} was taken for the prompts")
        return items
    raise SuiteFormatError(
        f"{source} is one object ({', '.join(map(str, list(value)[:10]))}) and holds no list of "
        "prompts; write one object a line"
    )
