"""Reading datasets: folders of Parquet, JSON Lines or CSV, saved datasets, and hub ids.

Files are read here and not by the library ``datasets``, which caches a copy of every file it reads
and may mistake the cached copy of another folder of the same name for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from prompts.errors import SuiteFormatError, first_line
from prompts.formats.dataset_splits import (
    SUFFIXES,
    UNNAMED,
    choose_split,
    files_of_split,
    split_files,
    split_of,
)
from prompts.formats.decode import decode
from prompts.formats.drafts import Draft
from prompts.formats.json_rows import json_rows
from prompts.formats.notes import Notes
from prompts.formats.parquet import BINARY, read_parquet
from prompts.formats.plain import table_rows
from prompts.formats.rows import ColumnNames, TableRow, from_rows
from prompts.structure import Prompt

_SAVED = ("dataset_dict.json", "state.json")


def read_dataset(
    source: str,
    *,
    split: str | None = None,
    names: ColumnNames | None = None,
    notes: Notes | None = None,
) -> Iterator[Draft | Prompt]:
    """Rows of a dataset: a folder written by ``save_to_disk``, a file or folder, or a hub id.

    Args:
        source: a path, or an id on the hub.
        split: the split to read; required if there are several.
        names: the columns to read.
        notes: receives what was chosen and left out.

    Raises:
        SuiteFormatError: it cannot be loaded, or does not have exactly one such split; see also
            `from_rows`.
    """
    names, notes = names or ColumnNames(), notes or Notes()
    path = Path(source)
    what = f"dataset {source}"
    if path.is_file():
        files = files_of_split({split_of(PurePath(path.name)): [path]}, split, what)
        columns, rows = _read_files(files, what, notes, suffix=".parquet")
    elif path.is_dir() and not any((path / name).is_file() for name in _SAVED):
        columns, rows = _read_files(split_files(path, split, what), what, notes)
    elif not path.exists() and _looks_like_a_path(source):
        raise SuiteFormatError(f"{what} is neither a file nor a folder; check the spelling")
    else:
        columns, rows = _loaded(source, split, notes)
    empty = True
    for each in from_rows(rows, columns, source=what, names=names, notes=notes):
        empty = False
        yield each
    if empty:
        raise SuiteFormatError(f"{what} has no rows")


def _looks_like_a_path(source: str) -> bool:
    """Whether `source` cannot be an id on the hub such as ``owner/name``."""
    return source[:1] in (".", "/", "~") or source.count("/") > 1 or source.endswith(SUFFIXES)


def _read_files(
    files: Sequence[Path], what: str, notes: Notes, *, suffix: str | None = None
) -> tuple[list[str], Iterable[TableRow]]:
    kind = suffix or files[0].suffix.lower()
    if kind == ".parquet":
        return read_parquet(files, what, notes)
    columns: list[str] = []
    rows: list[TableRow] = []
    for file in files:
        try:
            text = decode(file.read_bytes(), source=str(file), notes=notes)
        except OSError as error:
            raise SuiteFormatError(f"{file} cannot be read: {error.strerror}") from None
        if kind in (".csv", ".tsv"):
            own, found = table_rows(text, source=str(file), notes=notes)
            read = list(found)
        else:
            read = json_rows(text, source=str(file), notes=notes)
            own = list(dict.fromkeys(name for _, row in read for name in row))
        columns += [name for name in own if name not in columns]
        rows += [(f"{file.name}, {place}", row) for place, row in read]
    return columns, rows


def _loaded(source: str, split: str | None, notes: Notes) -> tuple[list[str], Iterable[TableRow]]:
    """Columns and rows of a dataset written by ``save_to_disk``, or of one on the hub."""
    import datasets

    what = f"dataset {source!r}"
    try:
        with _without_progress_bars():
            if Path(source).is_dir():
                loaded = datasets.load_from_disk(source)
            else:
                loaded = datasets.load_dataset(source)
    except Exception as error:  # whatever the readers of the library and the hub raise
        raise SuiteFormatError(f"{what} cannot be loaded: {first_line(error)}") from None
    if isinstance(loaded, dict):
        loaded = loaded[choose_split(list(map(str, loaded)), split, what)]
    elif split is not None:
        own = str(loaded.split) if loaded.split is not None else UNNAMED
        choose_split([own], split, what)
    columns = [name for name, type_ in loaded.features.items() if not _is_media(type_)]
    for name in loaded.column_names:
        if name not in columns:
            notes.add(f"column {name!r} holds images or other binary data and was left out")

    def rows() -> Iterator[TableRow]:
        try:
            for number, row in enumerate(loaded.select_columns(columns), start=1):
                yield f"row {number}", row
        except (OSError, ValueError) as error:
            raise SuiteFormatError(f"{what} cannot be read: {first_line(error)}") from None

    return columns, rows()


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Switch off the progress bars of datasets while the block runs."""
    import datasets

    disabled = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not disabled:
            datasets.enable_progress_bars()


def _is_media(feature: Any) -> bool:
    return type(feature).__name__ in ("Image", "Audio", "Video", "Pdf") or (
        getattr(feature, "dtype", None) in BINARY
    )
