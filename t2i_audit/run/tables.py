"""Reads and writes the tables of a run; each is checked against its documented columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit import storage
from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import to_json, write_parquet
from t2i_audit.run.columns import (
    COLUMNS,
    ColumnType,
    TableName,
    check_nulls,
    check_table,
    schema_of,
)
from t2i_audit.run.shards import Shards

if TYPE_CHECKING:
    import pyarrow as pa


def table_path(run: Path, name: TableName) -> Path:
    """Where the table `name` of the run in `run` lies."""
    return run / f"{name}.parquet"


def table_from_rows(name: TableName, rows: Iterable[Mapping[str, object]]) -> pa.Table:
    """Make a table of rows that are keyed by column.

    Values of ``json`` columns are given as they are (lists, objects) and written as JSON with
    sorted keys.

    Raises:
        ValueError: a row lacks a column, has another one, or holds a value of another type.
    """
    import pyarrow as pa

    columns = COLUMNS[name]
    names = {column.name for column in columns}
    values: dict[str, list[object]] = {column.name: [] for column in columns}
    for index, row in enumerate(rows):
        if row.keys() != names:
            unlike = ", ".join(sorted(row.keys() ^ names))
            raise ValueError(f"row {index} of {name!r} differs from its columns in {unlike}")
        for column in columns:
            value = row[column.name]
            if column.type == "json":
                value = json.dumps(to_json(value), sort_keys=True, ensure_ascii=False)
            values[column.name].append(value)
    schema = schema_of(name)
    arrays = []
    for field in schema:
        try:
            arrays.append(pa.array(values[field.name], type=field.type, from_pandas=False))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as err:
            raise ValueError(f"{name}.{field.name} should be {field.type}: {err}") from err
    table = pa.Table.from_arrays(arrays, schema=schema)
    check_table(name, table)
    return table


def write_table(path: Path, name: TableName, table: pa.Table) -> None:
    """Write `table` to `path` atomically; equal rows give equal bytes.

    Raises:
        ValueError: it is not as documented.
    """
    check_table(name, table)
    write_parquet(path, table.cast(schema_of(name)).replace_schema_metadata(None))


def read_table(path: Path, name: TableName, *, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table that `write_table` wrote, or some of its `columns`.

    Raises:
        RunDirectoryError: it is missing, damaged, or not as documented.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    storage.fetch([path])
    try:
        # ParquetFile and not read_table: that one takes a column from a folder named ``a=b``.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            check_table(name, file.schema_arrow.empty_table())
            table = file.read(columns=None if columns is None else list(columns))
        check_nulls(name, table)
    except FileNotFoundError as err:
        raise RunDirectoryError(f"{path} is missing") from err
    except (OSError, pa.ArrowException, ValueError) as err:
        raise RunDirectoryError(
            f"{path} cannot be used ({err}); delete it and give the same command again"
        ) from err
    return table


def read_rows(
    path: Path, name: TableName, *, columns: Sequence[str] | None = None
) -> list[dict[str, object]]:
    """The rows of a table, keyed by column, with ``json`` columns read.

    Args:
        path: of the table.
        name: the table.
        columns: those that are wanted; all if None.

    Returns:
        The rows, in which equal texts and equal JSON values of a column are one object, as most of
        a long table's are equal. So these must not be changed.

    Raises:
        RunDirectoryError: as `read_table`.
    """
    table = read_table(path, name, columns=columns)
    types = {column.name: column.type for column in COLUMNS[name]}
    try:
        values = [_values(table.column(each), types[each]) for each in table.column_names]
    except (ValueError, RecursionError) as err:
        raise RunDirectoryError(
            f"{path} cannot be used ({err}); delete it and give the same command again"
        ) from err
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*values, strict=True)]


def _values(column: pa.ChunkedArray, kind: ColumnType) -> list[object]:
    values: list[object] = column.to_pylist()
    if kind not in ("string", "json"):
        return values
    known = {each: each for each in values}
    if kind == "json":
        known = {each: json.loads(str(each)) for each in known}
    return [known[each] for each in values]


def merge_shards(shards: Shards, name: TableName, path: Path) -> pa.Table:
    """Join the batches' tables in the batches' order into one table at `path`.

    The shards are left in place; remove them once the stage's state says ``done``.

    Raises:
        RunDirectoryError: a shard is missing or cannot be used.
    """
    return join_tables(shards.paths(), name, path)


def join_tables(paths: Sequence[Path], name: TableName, path: Path) -> pa.Table:
    """Join the tables in `paths`, in their order, into one table at `path`.

    Raises:
        RunDirectoryError: one is missing or cannot be used.
    """
    import pyarrow as pa

    storage.fetch(paths)
    tables = [read_table(each, name) for each in paths]
    table = pa.concat_tables(tables) if tables else table_from_rows(name, ())
    write_table(path, name, table)
    return table
