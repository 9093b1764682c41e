"""A dataset of the library ``datasets``: Parquet files, or a folder that ``save_to_disk`` wrote.

Its images are in a column of bytes, or of the feature ``Image``. A path that stands in place of
the bytes is read only below the dataset's own folder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from prompts.errors import SuiteFormatError, first_line
from t2i_audit.images.decode import MOST_BYTES, ImageFault
from t2i_audit.images.listing import (
    FILE_COLUMNS,
    Content,
    Entry,
    ImagesError,
    Listing,
    entry_of,
    read_file,
)

PARQUET = ".parquet"
SAVED = ("dataset_dict.json", "state.json")
AT_ONCE = 64  # rows of images that are read at once
Rows = Callable[[Sequence[str]], Iterator[Mapping[str, Any]]]
"""The rows of a dataset with these columns, in order."""


def is_dataset(root: Path) -> bool:
    """Whether `root` is a Parquet file, a folder with some, or a saved dataset."""
    if root.is_file():
        return root.suffix.lower() == PARQUET
    return any((root / name).is_file() for name in SAVED) or any(
        path.is_file() for path in root.rglob(f"*{PARQUET}")
    )


def list_dataset(root: Path, split: str | None) -> Listing:
    """The images of one split of the dataset in `root`.

    Raises:
        ImagesError: it cannot be read, has no column of images, or has several splits and `split`
            names none of them.
    """
    folder = root if root.is_dir() else root.parent
    try:
        if any((folder / name).is_file() for name in SAVED) and root.is_dir():
            columns, rows = _saved(root, split)
        else:
            columns, rows = _parquet(root, split)
    except SuiteFormatError as err:
        raise ImagesError(str(err)) from err
    pictures = [name for name, is_picture in columns.items() if is_picture]
    if len(pictures) != 1:
        have = f"{len(pictures)} ({', '.join(pictures)})" if pictures else "none"
        raise ImagesError(
            f"{root} should have one column of images, and has {have}; its columns are "
            f"{', '.join(list(columns)[:20])}"
        )
    (picture,) = pictures
    # Names of files say nothing of the prompt, and would be taken for its text by nobody.
    others = [name for name in columns if name != picture and name.lower() not in FILE_COLUMNS]
    entries: list[Entry] = [
        entry_of(f"row {number}", f"{root.name}, row {number}", row)
        for number, row in enumerate(rows(others), start=1)
    ]

    def contents(wanted: Collection[int]) -> Iterator[tuple[int, Content]]:
        chosen = frozenset(wanted)
        for index, row in enumerate(rows([picture]) if chosen else ()):
            if index in chosen:
                yield index, _content(folder, row[picture])

    return Listing("dataset", tuple(entries), (), contents)


def _content(folder: Path, cell: Any) -> Content:
    data, path = cell, None
    if isinstance(cell, Mapping):
        data, path = cell.get("bytes"), cell.get("path")
    if isinstance(data, bytes):
        too_large = len(data) > MOST_BYTES
        return ImageFault(f"it has more than {MOST_BYTES:,} bytes") if too_large else data
    if isinstance(path, str) and path:
        return read_file(folder, path)
    return ImageFault("its cell is empty")


def _parquet(root: Path, split: str | None) -> tuple[dict[str, bool], Rows]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = _parquet_files(root, split)

    def fault(file: Path, error: Exception) -> ImagesError:
        return ImagesError(f"{file} is no Parquet file, or is damaged: {first_line(error)}")

    schemas = []
    for file in files:
        try:
            schemas.append(pq.read_schema(file))
        except (pa.ArrowException, OSError) as err:
            raise fault(file, err) from err
    first = schemas[0]
    for file, schema in zip(files, schemas, strict=True):
        if schema.names != first.names:
            raise ImagesError(f"{file} has other columns than {files[0]}; name files of one kind")

    def rows(columns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        for file in files:
            try:
                with pq.ParquetFile(file) as table:
                    for batch in table.iter_batches(AT_ONCE, columns=list(columns)):
                        # Without columns, as many empty rows.
                        yield from batch.to_pylist() if columns else [{}] * batch.num_rows
            except (pa.ArrowException, OSError) as err:
                raise fault(file, err) from err

    return {name: _is_picture(first.field(name).type) for name in first.names}, rows


def _parquet_files(root: Path, split: str | None) -> list[Path]:
    from prompts.formats.dataset_splits import files_of_split, split_of

    if root.is_file():
        return [root]
    by_split: dict[str | None, list[Path]] = {}
    for path in sorted(root.rglob(f"*{PARQUET}")):
        inner = PurePath(path.relative_to(root))
        if not any(part.startswith(".") for part in inner.parts):
            by_split.setdefault(split_of(inner), []).append(path)
    return files_of_split(by_split, split, str(root))


def _is_picture(type_: Any) -> bool:
    """Whether a column of this Arrow type holds bytes, alone or beside a path."""
    import pyarrow as pa

    if pa.types.is_struct(type_):
        names = {type_.field(index).name for index in range(type_.num_fields)}
        return names == {"bytes", "path"}
    return pa.types.is_binary(type_) or pa.types.is_large_binary(type_)


def _saved(root: Path, split: str | None) -> tuple[dict[str, bool], Rows]:
    import datasets

    from prompts.formats.dataset_splits import UNNAMED, choose_split

    try:
        loaded = datasets.load_from_disk(str(root))
    except Exception as err:  # whatever the readers of the library raise
        raise ImagesError(f"{root} cannot be loaded: {first_line(err)}") from err
    if isinstance(loaded, dict):
        loaded = loaded[choose_split(list(map(str, loaded)), split, str(root))]
    elif split is not None:
        own = str(loaded.split) if loaded.split is not None else UNNAMED
        choose_split([own], split, str(root))
    pictures = {
        name: isinstance(feature, datasets.Image) for name, feature in loaded.features.items()
    }
    for name in (name for name, is_picture in pictures.items() if is_picture):
        loaded = loaded.cast_column(name, datasets.Image(decode=False))

    def rows(columns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        try:
            yield from loaded.select_columns(list(columns)) if columns else [{}] * len(loaded)
        except (OSError, ValueError) as err:
            raise ImagesError(f"{root} cannot be read: {first_line(err)}") from err

    return pictures, rows
