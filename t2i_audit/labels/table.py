"""Tables of labels on disk: CSV, JSON Lines, a JSON list or Parquet, told apart by content."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2i_audit.errors import LabelError
from t2i_audit.labels.rows import LeftOut

DELIMITERS = (",", ";", "\t")
PARQUET = b"PAR1"
# Byte order marks of encodings that spreadsheets write beside UTF-8.
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Table:
    """The rows of a table, each with its place in the file."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, Mapping[str, Any]], ...]
    left_out: tuple[LeftOut, ...] = ()


def read_table(path: Path, wanted: Collection[str] | None = None) -> Table:
    """The table in the file `path`.

    Args:
        path: the file.
        wanted: the columns that are needed; of a Parquet file no others are read, which may hold
            gigabytes of images. All if None.

    Raises:
        LabelError: it cannot be read, or has no rows.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for forever
        raise LabelError(f"{path} is no ordinary file; name a file of labels")
    try:
        with path.open("rb") as file:
            magic = file.read(len(PARQUET))
        if magic == PARQUET:
            return _not_empty(_parquet(path, wanted), path)
        data = path.read_bytes()
    except FileNotFoundError:
        raise LabelError(f"there is no file {path}; name a file of labels") from None
    except OSError as err:
        raise LabelError(f"{path} cannot be read: {err.strerror}; name a file of labels") from err
    text = _decoded(data, path)
    start = text.lstrip()[:1]
    table = _json(text, path) if start in ("{", "[") else _csv(text, path)
    return _not_empty(table, path)


def require_columns(table: Table, needed: Iterable[str], path: Path, *, hint: str = "") -> None:
    """Refuse a table without one of the columns `needed`.

    Raises:
        LabelError: with the missing columns and those that there are.
    """
    missing = [column for column in needed if column not in table.columns]
    if missing:
        names = ", ".join(map(repr, missing))
        have = ", ".join(map(repr, table.columns[:20]))
        noun = "column" if len(missing) == 1 else "columns"
        raise LabelError(f"{path} lacks the {noun} {names} (it has {have}){hint}")


def text_of(cell: Any) -> str:
    """A cell as text without white space around it; empty where there is nothing."""
    return "" if cell is None else str(cell).strip()


def _not_empty(table: Table, path: Path) -> Table:
    if not table.rows and not table.left_out:
        raise LabelError(f"{path} has no rows; it should have one for each rater and image")
    return table


def _decoded(data: bytes, path: Path) -> str:
    encoding = "utf-16" if data.startswith(WIDE) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as err:
        line = data.count(b"\n", 0, err.start) + 1
        raise LabelError(
            f"{path}, line {line} is not UTF-8 text; save the file as UTF-8 (in a spreadsheet: CSV "
            "UTF-8)"
        ) from None
    if not text.strip():
        raise LabelError(f"{path} is empty; it should have a row for each rater and image")
    return text


def _csv(text: str, path: Path) -> Table:
    header = text.lstrip().partition("\n")[0]
    # `max` returns the first of equals, so commas win.
    delimiter = max(DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[tuple[str, Mapping[str, Any]]] = []
    left_out: list[LeftOut] = []
    columns: tuple[str, ...] = ()
    try:
        for cells in reader:
            where = f"line {reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = tuple(cell.strip() for cell in cells)
            elif len(cells) > len(columns):
                left_out.append(LeftOut(where, "it has more cells than the header"))
            else:
                rows.append((where, dict(zip(columns, cells, strict=False))))
    except csv.Error as err:
        raise LabelError(f"{path}, line {reader.line_num} is no CSV: {err}") from err
    _require_unique(columns, path)
    return Table(columns, tuple(rows), tuple(left_out))


def _require_unique(columns: tuple[str, ...], path: Path) -> None:
    twice = [name for name in dict.fromkeys(columns) if name and columns.count(name) > 1]
    if twice:
        raise LabelError(f"{path} has two columns {twice[0]!r}; give each column its own name")


def _json(text: str, path: Path) -> Table:
    columns: dict[str, None] = {}
    rows = []
    for where, row in _objects(text, path):
        if not isinstance(row, dict):
            raise LabelError(f"{path}, {where} is no JSON object; write one object for each label")
        columns.update(dict.fromkeys(row))
        rows.append((where, row))
    return Table(tuple(columns), tuple(rows))


def _objects(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    if text.lstrip().startswith("["):
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as err:
            raise LabelError(f"{path} is not JSON: {err}") from err
        yield from ((f"item {number}", value) for number, value in enumerate(values, start=1))
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except (ValueError, RecursionError) as err:
                raise LabelError(f"{path}, line {number} is not JSON: {err}") from err


def _parquet(path: Path, wanted: Collection[str] | None) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = tuple(file.schema_arrow.names)
        columns = [name for name in names if wanted is None or name in wanted]
        table = file.read(columns=columns)
    except (OSError, pa.ArrowException) as err:
        raise LabelError(f"{path} is no Parquet file that can be read: {err}") from err
    rows = table.to_pylist()
    return Table(names, tuple((f"row {number}", row) for number, row in enumerate(rows, start=1)))
