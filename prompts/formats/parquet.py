"""Reading Parquet files a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from prompts.errors import SuiteFormatError, first_line
from prompts.formats.dataset_splits import listed
from prompts.formats.decode import decode
from prompts.formats.notes import Notes
from prompts.formats.rows import TableRow

ROWS_AT_ONCE = 10_000
BINARY = ("binary", "large_binary", "fixed_size_binary")


def read_parquet(
    files: Sequence[Path], what: str, notes: Notes
) -> tuple[list[str], Iterable[TableRow]]:
    """Columns and rows of Parquet files with the same columns; columns of images are left out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def fault(file: Path, error: Exception) -> SuiteFormatError:
        found = _other_kind(file)
        hint = f"; import it with {found}" if found else "; download or write the file again"
        place = what if len(files) == 1 else f"{what}: {file.name}"
        return SuiteFormatError(f"{place} is not a Parquet file: {first_line(error)}{hint}")

    schemas = {}
    for file in files:
        try:
            schemas[file] = pq.read_schema(file)
        except (pa.ArrowException, OSError) as error:
            raise fault(file, error) from None
    first = schemas[files[0]]
    for file, schema in schemas.items():
        if set(schema.names) != set(first.names):
            raise SuiteFormatError(
                f"{what}: {file.name} has the columns {listed(schema.names)}, and "
                f"{files[0].name} has {listed(first.names)}; name files with the same columns"
            )
    columns = [name for name in first.names if not _holds_bytes(first.field(name).type)]
    for name in first.names:
        if name not in columns:
            notes.add(f"column {name!r} holds images or other binary data and was left out")

    def rows() -> Iterator[TableRow]:
        number = 0
        for file in files:
            try:
                with pq.ParquetFile(file) as table:
                    for batch in table.iter_batches(ROWS_AT_ONCE, columns=columns):
                        for row in batch.to_pylist():
                            number += 1
                            yield f"row {number}", row
            except (pa.ArrowException, OSError) as error:
                raise fault(file, error) from None

    return columns, rows()


def _holds_bytes(type_: Any) -> bool:
    """Whether the cells of a column are or contain bytes, as the images of `datasets` do."""
    if str(type_) in BINARY or str(type_).startswith("fixed_size_binary"):
        return True
    return any(_holds_bytes(type_.field(i).type) for i in range(type_.num_fields))


def _other_kind(path: Path) -> str | None:
    """The format of a text file that was mistaken for Parquet."""
    from prompts.formats.detect_format import format_of

    try:
        return format_of(decode(path.read_bytes(), source=str(path), notes=Notes()))
    except (OSError, SuiteFormatError):
        return None
