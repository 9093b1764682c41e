"""Reading datasets: folders of Parquet, JSON Lines or CSV, what ``save_to_disk`` wrote, hub ids.

A file's split is found as the library ``datasets`` finds it: by a name such as
``train-00000-of-00002.parquet``, by a word such as ``validation`` in its name, or by its folder's
name. One split is taken, never a mixture of several; nor are several configurations mixed, which
lie in folders of their own.

Files are read here and not by `datasets`, which keeps a copy of every file it reads, and may take
the copy of another folder of the same name for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any

from prompts.errors import SuiteFormatError
from prompts.formats.decode import decode
from prompts.formats.drafts import Draft
from prompts.formats.json_rows import json_rows
from prompts.formats.notes import Notes
from prompts.formats.plain import table_rows
from prompts.formats.rows import Names, Row, from_rows
from prompts.structure import Prompt

ROWS_AT_ONCE = 10_000
UNNAMED = "train"
"""What `datasets` calls the only split of files whose names tell none."""
_SUFFIXES = (".parquet", ".jsonl", ".json", ".csv", ".tsv")
# Written beside the data by `datasets` and by the hub.
_NO_DATA = frozenset(
    ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json")
)
_SAVED = ("dataset_dict.json", "state.json")
_NUMBERED = re.compile(r"(?P<split>\w[\w.+]*?)-\d{5}-of-\d{5}.*")
_SPLITS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
_BINARY = ("binary", "large_binary", "fixed_size_binary")


def read_dataset(
    source: str,
    *,
    split: str | None = None,
    names: Names | None = None,
    notes: Notes | None = None,
) -> Iterator[Draft | Prompt]:
    """Rows of a dataset: a folder that ``save_to_disk`` wrote, a Parquet file or folder, a hub id.

    Args:
        source: a path, or a name on the hub.
        split: the one to take; needed where there are several.
        names: of the columns to read.
        notes: told what was chosen and left out.

    Raises:
        SuiteFormatError: it cannot be loaded, has no such split or several, and as `from_rows`.
    """
    names, notes = names or Names(), notes or Notes()
    path = Path(source)
    what = f"dataset {source}"
    if path.is_file():
        files = _of_split({_split_of(PurePath(path.name)): [path]}, split, what)
        columns, rows = _read_files(files, what, notes, suffix=".parquet")
    elif path.is_dir() and not any((path / name).is_file() for name in _SAVED):
        columns, rows = _read_files(_files(path, split, what), what, notes)
    elif not path.exists() and _looks_like_a_path(source):
        raise SuiteFormatError(f"{what} is no file and no folder; look at its spelling")
    else:
        columns, rows = _loaded(source, split, notes)
    empty = True
    for each in from_rows(rows, columns, source=what, names=names, notes=notes):
        empty = False
        yield each
    if empty:
        raise SuiteFormatError(f"{what} has no rows")


def _looks_like_a_path(source: str) -> bool:
    """Whether it cannot be a name on the hub, such as ``owner/name``."""
    return source[:1] in (".", "/", "~") or source.count("/") > 1 or source.endswith(_SUFFIXES)


def _files(folder: Path, split: str | None, what: str) -> list[Path]:
    """The files of one split of one configuration, all of one kind."""
    found: dict[str, dict[str | None, list[Path]]] = {}
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if (
            path.suffix.lower() in _SUFFIXES
            and path.name not in _NO_DATA
            and not any(part.startswith(".") for part in inner.parts)
            and path.is_file()
        ):
            splits = found.setdefault(_configuration(inner), {})
            splits.setdefault(_split_of(inner), []).append(path)
    if not found:
        raise SuiteFormatError(
            f"{what} has no files that can be read ({', '.join(_SUFFIXES)}); name another folder"
        )
    if len(found) > 1:
        raise SuiteFormatError(
            f"{what} has several configurations ({_listed(name or '.' for name in found)}); name "
            "the folder or the files of one"
        )
    (splits,) = found.values()
    files = _of_split(splits, split, what)
    suffixes = sorted({path.suffix.lower() for path in files})
    if len(suffixes) > 1:
        raise SuiteFormatError(
            f"{what} has files of several kinds ({_listed(suffixes)}); name those of one kind"
        )
    return files


def _of_split(splits: dict[str | None, list[Path]], asked: str | None, what: str) -> list[Path]:
    named: dict[str, list[Path]] = {}
    for name, paths in splits.items():
        # Beside files of named splits, one without is a split of its own.
        for path in paths:
            lonely = path.stem if len(splits) > 1 else UNNAMED
            named.setdefault(lonely if name is None else name, []).append(path)
    return named[_chosen(list(named), asked, what)]


def _chosen(there: Sequence[str], asked: str | None, what: str) -> str:
    if asked is None:
        if len(there) == 1:
            return there[0]
        raise SuiteFormatError(
            f"{what} has the splits {_listed(there)}; name one with --dataset-split"
        )
    for name in there:
        if name == asked or _SPLITS.get(asked.lower()) == name:
            return name
    have = "only the split" if len(there) == 1 else "the splits"
    raise SuiteFormatError(
        f"{what} has no split {asked!r} but {have} {_listed(there)}; name one with --dataset-split"
    )


def _split_of(path: PurePath) -> str | None:
    """The split that a file's name, or else one of its folders, tells."""
    match = _NUMBERED.fullmatch(path.name)
    if match is not None:
        return _SPLITS.get(match["split"].lower(), match["split"])
    for name in (path.stem, *reversed(path.parts[:-1])):
        words = re.split(r"[-._ ]", name.lower())
        known = dict.fromkeys(_SPLITS[word] for word in words if word in _SPLITS)
        if len(known) == 1:
            return next(iter(known))
    return None


def _configuration(path: PurePath) -> str:
    """The folders that a file lies in, but for those that are there by custom or name a split."""
    own = [p for p in path.parts[:-1] if p != "data" and _split_of(PurePath(p) / "x") is None]
    return "/".join(own)


def _read_files(
    files: Sequence[Path], what: str, notes: Notes, *, suffix: str | None = None
) -> tuple[list[str], Iterable[Row]]:
    kind = suffix or files[0].suffix.lower()
    if kind == ".parquet":
        return _parquet(files, what, notes)
    columns: list[str] = []
    rows: list[Row] = []
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


def _parquet(files: Sequence[Path], what: str, notes: Notes) -> tuple[list[str], Iterable[Row]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def fault(file: Path, error: Exception) -> SuiteFormatError:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        found = _other_kind(file)
        hint = f"; import it with {found}" if found else "; download or write the file anew"
        place = what if len(files) == 1 else f"{what}: {file.name}"
        return SuiteFormatError(f"{place} is no Parquet: {reason[0]}{hint}")

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
                f"{what}: {file.name} has the columns {_listed(schema.names)}, and "
                f"{files[0].name} has {_listed(first.names)}; name files with the same columns"
            )
    columns = [name for name in first.names if not _holds_bytes(first.field(name).type)]
    for name in first.names:
        if name not in columns:
            notes.say(f"column {name!r} holds images or other bytes and was left out")

    def rows() -> Iterator[Row]:
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
    """Whether a column's cells are bytes, or hold some, as images of `datasets` do."""
    if str(type_) in _BINARY or str(type_).startswith("fixed_size_binary"):
        return True
    return any(_holds_bytes(type_.field(i).type) for i in range(type_.num_fields))


def _other_kind(path: Path) -> str | None:
    """The format to import a file with that is text and no Parquet."""
    from prompts.formats.detect_format import format_of

    try:
        return format_of(decode(path.read_bytes(), source=str(path), notes=Notes()))
    except (OSError, SuiteFormatError):
        return None


def _loaded(source: str, split: str | None, notes: Notes) -> tuple[list[str], Iterable[Row]]:
    """Columns and rows of what ``save_to_disk`` wrote, or of a dataset on the hub."""
    import datasets

    datasets.disable_progress_bars()
    what = f"dataset {source!r}"
    try:
        if Path(source).is_dir():
            loaded = datasets.load_from_disk(source)
        else:
            loaded = datasets.load_dataset(source)
    except Exception as error:  # the library raises whatever its readers and the hub raise
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SuiteFormatError(f"{what} cannot be loaded: {reason[0]}") from None
    if isinstance(loaded, dict):
        loaded = loaded[_chosen(list(map(str, loaded)), split, what)]
    elif split is not None:
        own = str(loaded.split) if loaded.split is not None else UNNAMED
        _chosen([own], split, what)
    columns = [name for name, type_ in loaded.features.items() if not _is_media(type_)]
    for name in loaded.column_names:
        if name not in columns:
            notes.say(f"column {name!r} holds images or other bytes and was left out")

    def rows() -> Iterator[Row]:
        try:
            for number, row in enumerate(loaded.select_columns(columns), start=1):
                yield f"row {number}", row
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise SuiteFormatError(f"{what} cannot be read: {reason[0]}") from None

    return columns, rows()


def _is_media(feature: Any) -> bool:
    return type(feature).__name__ in ("Image", "Audio", "Video", "Pdf") or (
        getattr(feature, "dtype", None) in _BINARY
    )


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(map(str, shown[:10])) + (", ..." if len(shown) > 10 else "")
