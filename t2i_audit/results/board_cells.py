"""Rows of a leaderboard as the cells of a table, and read back from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from t2i_audit.results.board_column import BoardColumn
from t2i_audit.results.board_columns import VERSION
from t2i_audit.results.board_tables import (
    PAIR_COLUMNS,
    SCHEMA_VERSION,
    board_columns,
    columns_named,
)
from t2i_audit.results.leaderboard import LeaderboardRow, RunPair

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Cell = str | int | float | None
SEPARATOR = "; "
ENDS = ("estimate", "lower", "upper")


def board_table(rows: Sequence[LeaderboardRow]) -> tuple[list[str], list[dict[str, Cell]]]:
    """The names of the columns of `rows`, and their cells by name."""
    columns = board_columns(
        (kind for row in rows for kind in row.success_by_kind),
        (name for row in rows if row.cost for name in row.cost.parameters),
        (slot for row in rows for slot in row.use_by_slot),
    )
    return [column.name for column in columns], [_cells(row, columns) for row in rows]


def pairs_table(pairs: Iterable[RunPair]) -> tuple[list[str], list[dict[str, Cell]]]:
    """The same of pairs."""
    return [each.name for each in PAIR_COLUMNS], [_cells(pair, PAIR_COLUMNS) for pair in pairs]


def rows_of(names: Sequence[str], cells: Sequence[Sequence[str]]) -> tuple[LeaderboardRow, ...]:
    """The rows of a table of the columns `names`, from the texts in its cells.

    Raises:
        ValueError: the table is of another version or is not as documented; what is wrong is named.
    """
    from pydantic import ValidationError

    from t2i_audit.run.manifest import first_fault

    if not names or names[0] != VERSION.name:
        raise ValueError(f"its first column is not {VERSION.name!r}")
    for texts in cells:
        if texts[:1] != [str(SCHEMA_VERSION)]:
            raise ValueError(
                f"its {VERSION.name} is {(texts or [''])[0]!r}, and this version of t2i-audit "
                f"reads {SCHEMA_VERSION}"
            )
    columns = columns_named(names)
    rows = []
    for number, texts in enumerate(cells, start=2):
        if len(texts) != len(columns):
            raise ValueError(f"line {number} has {len(texts)} cells for {len(columns)} columns")
        try:
            rows.append(_adapter().validate_python(_nested(columns, texts)))
        except ValidationError as err:
            raise ValueError(f"line {number}: {first_fault(err)}") from err
        except ValueError as err:
            raise ValueError(f"line {number}: {err}") from err
    return tuple(rows)


@cache
def _adapter() -> TypeAdapter[LeaderboardRow]:
    from pydantic import TypeAdapter

    return TypeAdapter(LeaderboardRow)


def _cells(row: object, columns: Iterable[BoardColumn]) -> dict[str, Cell]:
    return {column.name: _cell(row, column) for column in columns}


def _cell(row: object, column: BoardColumn) -> Cell:
    if column is VERSION:
        return SCHEMA_VERSION
    value: Any = row
    for name in column.path:
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name)
        if value is None:
            return None
    if column.many:
        return SEPARATOR.join(value)
    if isinstance(value, bool):
        # Spelt so, both pandas and a spreadsheet take it for a truth value.
        return str(value).upper()
    # A spreadsheet would take "nan" for a text.
    return None if isinstance(value, float) and math.isnan(value) else value


def _nested(columns: Iterable[BoardColumn], texts: Iterable[str]) -> dict[str, Any]:
    """What the cells of one row hold, as nested as the row is."""
    row: dict[str, Any] = {}
    for column, text in zip(columns, texts, strict=True):
        if column.derived or (not text and column.optional):
            continue
        place = row
        for name in column.path[:-1]:
            place = place.setdefault(name, {})
        place[column.path[-1]] = _value(column, text)
        if column.path[-1] == "n":
            # Empty ends of an interval that is there are undefined.
            for end in ENDS:
                place.setdefault(end, math.nan)
    row.setdefault("setup", {})
    row.setdefault("decodability", {})
    row.setdefault("culprit", None)
    row.setdefault("suite_sha256", "")
    row.setdefault("weights_sha256", "")
    return row


def _value(column: BoardColumn, text: str) -> Any:
    if column.many:
        return tuple(text.split(SEPARATOR))
    try:
        if column.type == "int64":
            # pandas writes 3 as 3.0 where another cell of the column is empty.
            return int(text.removesuffix(".0"))
        if column.type == "float64":
            return float(text)
        if column.type == "bool":
            return {"TRUE": True, "FALSE": False}[text.upper()]
    except (ValueError, KeyError) as err:
        raise ValueError(f"{column.name} is {text!r}, which is no {column.type}") from err
    return text
