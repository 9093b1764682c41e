"""Which folders of this machine stand for which URLs, and what is read and written there.

Functions that take a path of any kind do nothing about one that belongs to no store.
"""

from __future__ import annotations

import atexit
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from t2i_audit.errors import AuditError
from t2i_audit.storage.store import Store
from t2i_audit.storage.urls import is_url, masked, normal_url, path_on_disk
from t2i_audit.storage.working_copy import WorkingCopy

_by_url: dict[str, WorkingCopy] = {}
_by_folder: dict[Path, WorkingCopy] = {}


def local_folder(place: str | Path) -> Path:
    """The folder of this machine for a path, which it is itself, or for the URL of a run.

    The files that lie directly in the run are copied into it; the others are copied by `fetch`.

    Raises:
        StoreError: the URL cannot be used, or its store cannot be read.
    """
    own = _on_disk(place)
    if own is not None:
        return own
    copy = _copy_for(normal_url(place))
    copy.open_top()
    return copy.folder


def local_file(place: str | Path) -> Path:
    """As `local_folder`, of a single file; what lies beside it is not read.

    Raises:
        StoreError: the URL cannot be used, or its store cannot be read.
    """
    own = _on_disk(place)
    if own is not None:
        return own
    url = normal_url(place)
    # In an opened run, so that it is known to lie there.
    for known, copy in _by_url.items():
        if url.startswith(f"{known}/"):
            path = copy.folder / url.removeprefix(f"{known}/")
            break
    else:
        folder, _, name = url.rpartition("/")
        copy = _copy_for(folder)
        path = copy.folder / name
    # What was copied before is copied again; a folder of objects is no copy of one.
    if not path.is_dir():
        path.unlink(missing_ok=True)
        copy.fetch([path])
    return path


def _on_disk(place: str | Path) -> Path | None:
    """The path that is meant by a path or a ``file://`` URL; None for what lies in a store."""
    return path_on_disk(place) if is_url(place) else Path(place)


def opened(place: str) -> Path:
    """The folder for a path, or for a URL that was opened before; nothing is read.

    Tables and pages call a run as the user did.
    """
    copy = _by_url.get(normal_url(place)) if is_url(place) else None
    return Path(place) if copy is None else copy.folder


def refuse_url(place: str | Path, name: str) -> None:
    """Refuse a URL where there must be a path.

    Raises:
        AuditError: `place`, which the option or argument `name` gives, is a URL.
    """
    if is_url(place):
        raise AuditError(
            f"{name} should be a path on this machine, not {masked(normal_url(place))}"
        )


def store_of(path: Path) -> WorkingCopy | None:
    """The working copy that `path` lies in, or is; None for a path of this machine alone."""
    if not _by_folder:
        return None
    return next((_by_folder[each] for each in (path, *path.parents) if each in _by_folder), None)


def fetch(paths: Iterable[Path]) -> None:
    """Have those files at hand that lie in a store.

    What is nowhere stays missing, which is for the reader to notice.

    Raises:
        StoreError: a store cannot be read.
    """
    if not _by_folder:
        return
    wanted: defaultdict[WorkingCopy, list[Path]] = defaultdict(list)
    for path in paths:
        copy = store_of(path)
        if copy is not None:
            wanted[copy].append(path)
    for copy, own in wanted.items():
        copy.fetch(own)


def open_tree(folder: Path) -> list[Path]:
    """The files that a store has in `folder` and below; none for a folder of this machine alone.

    Raises:
        StoreError: the store cannot be read.
    """
    copy = store_of(folder)
    return [] if copy is None else copy.open_tree(folder)


def keep(path: Path) -> None:
    """Have the store hold the file `path`, which was written in a working copy.

    Raises:
        StoreError: the store cannot be written.
    """
    copy = store_of(path)
    if copy is not None:
        copy.put(path)


def remove(path: Path) -> None:
    """Delete the file `path`, in its store as well; nothing happens where there is none.

    Raises:
        StoreError: the store cannot be written.
        OSError: the file cannot be deleted.
    """
    copy = store_of(path)
    if copy is None:
        path.unlink(missing_ok=True)
    else:
        copy.remove(path)


def read_range(path: Path, start: int, end: int) -> bytes:
    """Bytes `start` to before `end` of a file, without copying it from a store.

    Raises:
        OSError: it is missing or cannot be read.
        StoreError: its store cannot be read.
    """
    copy = store_of(path)
    if copy is not None and not path.exists():
        return copy.read_range(path, start, end)
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start)


def size_of(path: Path) -> int | None:
    """The bytes of a file, which is not copied from a store; None where that is not known.

    The sizes of files in a store are known after `open_tree`.
    """
    if path.is_file():
        return path.stat().st_size
    copy = store_of(path)
    return None if copy is None else copy.size_of(path)


def _copy_for(url: str) -> WorkingCopy:
    if url not in _by_url:
        copy = WorkingCopy(Store(url))
        atexit.register(copy.close)
        _by_url[url] = _by_folder[copy.folder] = copy
    return _by_url[url]
