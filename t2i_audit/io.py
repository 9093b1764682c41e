"""Files that are either wholly there or not there at all.

Every writer goes through `atomic_file`: the bytes reach a temporary file in the same folder, are
synced, and take the final name in one rename. A kill or a full disk leaves at most a temporary
file, which `remove_leftovers` knows by its name. A file of a run in a store is in the store, too,
when its writer returns, and is fetched from there when it is read (`t2i_audit.storage`).
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from t2i_audit import storage
from t2i_audit.addresses import as_given
from t2i_audit.printable import printable_json

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# Marks a file that was being written; such a file is never part of a run.
TEMPORARY_SUFFIX = ".t2i-audit-tmp"
HASH_CHUNK = 1 << 20  # bytes read at a time
OPENS_FOLDERS = os.name == "posix"
DEEPEST = 64  # levels of JSON objects and lists; nothing that is read here has more than ten

# Pinned so that the same rows give the same bytes, however they were gathered.
PARQUET_OPTIONS: dict[str, Any] = {
    "version": "2.6",
    "data_page_version": "1.0",
    "compression": "zstd",
    "compression_level": 3,
    "use_dictionary": True,
    "write_statistics": True,
    "write_page_checksum": True,  # a flipped bit must not pass for a number
    "row_group_size": 65_536,
    "store_schema": True,
}


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it becomes `path` only if the block succeeds.

    The folder is made if it is missing. On any exception the temporary file is removed and an
    earlier `path` stays as it was.

    Raises:
        StoreError: `path` belongs to a store, which cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Processes of two machines that share the folder may have the same number.
    own = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.parent / f".{path.name}.{own}{TEMPORARY_SUFFIX}"
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
        storage.keep(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path` atomically, line ends as they are."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON atomically; see `to_json` for what becomes of it."""
    write_text(path, dump_json(value))


def dump_json(value: object) -> str:
    """`value` as indented JSON text with a final line break; NaN and infinities are ``null``.

    Control characters are escaped, so that the text may be printed.
    """
    text = json.dumps(to_json(value), indent=2, ensure_ascii=False, allow_nan=False)
    return printable_json(text) + "\n"


def read_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no ordinary file, not JSON, or nested more than `DEEPEST` levels deep.
    """
    storage.fetch([path])
    # A pipe would be waited for forever.
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError("it is not an ordinary file")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as err:
        raise ValueError("it is nested too deeply") from err
    _require_shallow(value)
    return value


def _require_shallow(value: Any) -> None:
    """Raise `ValueError` where a function that calls itself level by level might not end."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write `table` atomically; equal rows give equal bytes, whatever chunks they come in."""
    import pyarrow.parquet as pq

    with atomic_file(path) as temporary:
        pq.write_table(table.combine_chunks(), temporary, **PARQUET_OPTIONS)


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write `array` in NumPy's format atomically; it can then be memory-mapped."""
    import numpy as np

    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def reserve(path: Path) -> None:
    """Have the disk set aside all of a file that is to be written through a memory map.

    Without it a full disk kills the process at the first page that does not fit; with it, it is
    an `OSError` here.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        if size:
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as err:
                if err.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                    raise OSError(err.errno, err.strerror, str(path)) from err


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    storage.fetch([path])
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_of_all(paths: Sequence[Path]) -> tuple[str | None, ...]:
    """The SHA-256 of each file, None for what is not a file that can be read."""

    def digest(path: Path) -> str | None:
        try:
            return sha256_of(path) if path.is_file() else None
        except OSError:
            return None

    storage.fetch(paths)
    # Reading and hashing leave the interpreter free, so that threads work side by side.
    with ThreadPoolExecutor() as pool:
        return tuple(pool.map(digest, paths))


def remove_leftovers(folder: Path) -> int:
    """Remove the temporary files of a killed writer anywhere under `folder`; returns how many.

    Only the holder of the run's lock may call it: another writer's file looks the same.
    """
    leftovers = list(folder.rglob(f".*{TEMPORARY_SUFFIX}"))
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    return len(leftovers)


def to_json(value: object) -> Any:
    """`value` in JSON's own types.

    Dataclasses become objects, tuples, sets (sorted) and arrays become lists, paths become text,
    NumPy scalars become numbers. NaN and infinities become None: JSON has no word for undefined
    but ``null``.

    Raises:
        TypeError: a value has no counterpart in JSON.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, PurePath):
        given = as_given(str(value))
        # With slashes on every system, so that what one has written another one finds.
        return given if given != str(value) else value.as_posix()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return [to_json(item) for item in sorted(value)]
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if hasattr(value, "tolist"):  # a NumPy array or scalar, without importing NumPy
        return to_json(value.tolist())
    raise TypeError(f"{type(value).__name__} has no counterpart in JSON: {value!r}")


def _sync(path: Path) -> None:
    """Have the bytes (or a folder's names) on the disk before anything relies on them."""
    if path.is_dir() and not OPENS_FOLDERS:
        return
    # Windows syncs only what is open for writing, and no other system opens a folder so.
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
