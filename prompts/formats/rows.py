"""Prompts as rows of a table, for CSV, JSON, Parquet and `datasets`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from prompts.errors import SuiteFormatError
from prompts.formats.clean import clean
from prompts.formats.drafts import Draft
from prompts.formats.metadata import as_metadata, is_empty
from prompts.formats.native import fault_of
from prompts.formats.notes import Notes
from prompts.formats.tables import DELIMITERS, TEXT_COLUMNS
from prompts.structure import Prompt

if TYPE_CHECKING:
    from pydantic import TypeAdapter

COLUMNS = ("id", "text", "type", "template", "split", "constituents", "foils")
METADATA = "metadata"
"""The last column of files that this program writes; older versions did not write it."""
ID_COLUMNS = ("id", "prompt_id", "item_id")
TEXT_ONLY = "text"
"""The prompt type of a row that names none."""
_JSON_COLUMNS = ("constituents", "foils", METADATA)

TableRow = tuple[str, Mapping[str, Any]]
"""The position, e.g. ``row 1 (line 2)``, and the cells by column."""


@dataclass(frozen=True)
class ColumnNames:
    """The columns to read; None for those that are detected from their names."""

    text: str | None = None
    type: str | None = None
    id: str | None = None


def to_row(prompt: Prompt) -> dict[str, Any]:
    """A prompt as a row of `COLUMNS` and metadata, constituents and foils as lists."""
    row = asdict(prompt)
    content = json.dumps(prompt.metadata, ensure_ascii=False) if prompt.metadata else None
    return {name: row[name] for name in COLUMNS} | {METADATA: content}


def to_flat_row(prompt: Prompt) -> dict[str, str]:
    """A prompt as a row of text, constituents and foils as JSON."""
    row = to_row(prompt)
    for name in ("constituents", "foils"):
        row[name] = json.dumps(row[name], ensure_ascii=False)
    return {name: value or "" for name, value in row.items()}


def from_rows(
    rows: Iterable[TableRow],
    columns: Sequence[str],
    *,
    source: str,
    names: ColumnNames,
    notes: Notes,
) -> Iterator[Draft | Prompt]:
    """Rows of a table: with structure if the table has all of `COLUMNS`, else as text.

    All other columns become the metadata of the prompts.

    Args:
        rows: each with its position.
        columns: the names of all columns.
        source: the file, for messages.
        names: the columns of the text (by default ``text``, ``prompt``, ``caption``...), the
            prompt type and the id (by default ``id``, ``prompt_id`` or ``item_id``).
        notes: receives what was left out or chosen.

    Raises:
        SuiteFormatError: a column is missing, or a row cannot be used.
    """
    if names.text is None and set(COLUMNS) <= set(columns):
        for place, row in rows:
            yield _structured(row, where=f"{source}, {place}")
        return
    text_column = _text_column(columns, names.text, source, notes)
    type_column = _asked(columns, names.type, "--type-column", source)
    id_column = _asked(columns, names.id, "--id-column", source)
    if id_column is None:
        id_column = next(iter(_known(columns, ID_COLUMNS)), None)
    read = {text_column, type_column, id_column}
    for place, row in rows:
        # Spreadsheets end with such rows; with a single column, an empty row lacks its prompt.
        if len(row) > 1 and all(is_empty(value) for value in row.values()):
            notes.count("{n} empty row was left out", "{n} empty rows were left out")
            continue
        where = f"{source}, {place}"
        identifier = _text_of(row.get(id_column)) if id_column else ""
        kind = _text_of(row.get(type_column)) if type_column else ""
        yield Draft(
            where,
            _prompt_text(row, text_column, where, notes),
            clean(kind, where=f"{where}, column {type_column!r}") if kind else TEXT_ONLY,
            id=clean(identifier, where=f"{where}, column {id_column!r}") if identifier else "",
            metadata=as_metadata(
                {name: row[name] for name in row if name not in read}, where=where
            ),
        )


def _text_column(columns: Sequence[str], asked: str | None, source: str, notes: Notes) -> str:
    if asked is not None:
        return _asked(columns, asked, "--text-column", source) or asked
    found = _known(columns, TEXT_COLUMNS)
    if not found:
        if len(columns) > 1:
            hint = "if its first row is a prompt, insert a row of column names above it"
        elif any(delimiter in columns[0] for delimiter in DELIMITERS):
            hint = "if these are several columns, import it with csv and --delimiter"
        else:
            hint = "if each line is a prompt, import it with text"
        raise SuiteFormatError(
            f"{source} has no column for the text; it has {_listed(columns)}: name one with "
            f"--text-column; {hint}"
        )
    if len(found) > 1:
        others = ", ".join(map(repr, found[1:]))
        notes.add(
            f"column {found[0]!r} was read as the prompts, not {others}; "
            "choose another with --text-column"
        )
    return found[0]


def _asked(columns: Sequence[str], asked: str | None, option: str, source: str) -> str | None:
    if asked is None or asked in columns:
        return asked
    found = _known(columns, (asked.lower(),))
    if len(found) == 1:
        return found[0]
    raise SuiteFormatError(
        f"{source} has no column {asked!r}; it has {_listed(columns)}: name one with {option}"
    )


def _known(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns with these names in any case, in the order of the names."""
    return [own for name in names for own in columns if own.strip().lower() == name]


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in columns[:20])
    return shown + (", ..." if len(columns) > 20 else "")


def _prompt_text(row: Mapping[str, Any], column: str, where: str, notes: Notes) -> str:
    if column not in row:
        raise SuiteFormatError(f"{where} has no column {column!r}; fill it in, or remove the row")
    text = row[column]
    if is_empty(text):
        raise SuiteFormatError(
            f"{where}: column {column!r} is empty; fill it in, or remove the row"
        )
    if not isinstance(text, str):
        raise SuiteFormatError(f"{where}: column {column!r} should hold text, not {text!r:.60}")
    return clean(text, where=where, notes=notes)


def _text_of(value: Any) -> str:
    if is_empty(value):
        return ""
    # pandas stores whole numbers as floats if a cell of the column is missing.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _structured(row: Mapping[str, Any], *, where: str) -> Prompt:
    from pydantic import ValidationError

    missing = [name for name in COLUMNS if name not in row]
    if missing:
        raise SuiteFormatError(f"{where} has no {', '.join(missing)}, unlike other rows")
    content = {name: row.get(name) for name in (*COLUMNS, METADATA)}
    try:
        for name in _JSON_COLUMNS:
            value = content[name]
            if isinstance(value, str) and value:
                content[name] = json.loads(value)
        content["split"] = content["split"] or None
        content[METADATA] = as_metadata(content[METADATA] or {}, where=where)
        prompt = _prompt_type().validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"])
        raise SuiteFormatError(f"{where}: {field}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise SuiteFormatError(
            f"{where}: constituents, foils or metadata are not valid JSON: {error}"
        ) from None
    fault = fault_of(prompt)
    if fault:
        raise SuiteFormatError(f"{where}: {fault}")
    return prompt


@cache
def _prompt_type() -> TypeAdapter[Prompt]:
    from pydantic import TypeAdapter

    return TypeAdapter(Prompt)
