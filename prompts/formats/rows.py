"""Prompts as rows of a table: what CSV, Parquet and `datasets` share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any

from prompts.errors import SuiteFormatError
from prompts.formats.imported import Draft, clean
from prompts.formats.native import fault_of
from prompts.structure import Prompt

if TYPE_CHECKING:
    from pydantic import TypeAdapter

COLUMNS = ("id", "text", "type", "template", "split", "constituents", "foils")
TEXT_COLUMNS = ("text", "prompt", "caption")
TEXT_ONLY = "text"
"""Prompt type of a row that does not say one."""


def to_row(prompt: Prompt) -> dict[str, Any]:
    """A prompt as a row of `COLUMNS`, constituents and foils as lists."""
    row = asdict(prompt)
    return {name: row[name] for name in COLUMNS}


def to_flat_row(prompt: Prompt) -> dict[str, str]:
    """A prompt as a row of text, constituents and foils as JSON."""
    row = to_row(prompt)
    for name in ("constituents", "foils"):
        row[name] = json.dumps(row[name], ensure_ascii=False)
    return {name: value or "" for name, value in row.items()}


def from_rows(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    source: str,
    text_column: str | None = None,
    type_column: str | None = None,
    first: int = 1,
) -> Iterator[Draft | Prompt]:
    """Rows of a table: with their structure where they have our columns, else as text.

    Args:
        rows: by column.
        columns: the names there are.
        source: the file, for messages.
        text_column: where the text stands; if None, ``text``, ``prompt`` or ``caption``.
        type_column: where the prompt type stands, if anywhere.
        first: number of the first row in messages.

    Raises:
        SuiteFormatError: a column is missing, or a row cannot be used.
    """
    if text_column is None and set(COLUMNS) <= set(columns):
        for number, row in enumerate(rows, start=first):
            yield _structured(row, where=f"{source}, row {number}")
        return
    column = text_column or next((name for name in TEXT_COLUMNS if name in columns), None)
    for name in (column, type_column):
        if (name is None and column is None) or (name is not None and name not in columns):
            asked = "column for the text" if name is None else f"column {name!r}"
            raise SuiteFormatError(
                f"{source} has no {asked}; it has {', '.join(columns)}: name one with "
                f"{'--type-column' if name == type_column and name else '--text-column'}"
            )
    for number, row in enumerate(rows, start=first):
        where = f"{source}, row {number}"
        text = row[column or ""]
        if not isinstance(text, str):
            raise SuiteFormatError(f"{where}: column {column!r} holds no text but {text!r}")
        kind = str(row[type_column] or TEXT_ONLY) if type_column else TEXT_ONLY
        yield Draft(where, clean(text, where=where), kind)


def _structured(row: Mapping[str, Any], *, where: str) -> Prompt:
    from pydantic import ValidationError

    content = {name: row[name] for name in COLUMNS}
    try:
        for name in ("constituents", "foils"):
            if isinstance(content[name], str):
                content[name] = json.loads(content[name])
        content["split"] = content["split"] or None
        prompt = _prompt_type().validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise SuiteFormatError(f"{where}: {place}: {first['msg']}") from None
    except json.JSONDecodeError as error:
        raise SuiteFormatError(f"{where}: constituents or foils are no JSON: {error}") from None
    fault = fault_of(prompt)
    if fault:
        raise SuiteFormatError(f"{where}: {fault}")
    return prompt


@cache
def _prompt_type() -> TypeAdapter[Prompt]:
    from pydantic import TypeAdapter

    return TypeAdapter(Prompt)
