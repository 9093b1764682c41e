"""The folder of this machine in which the files of a store are worked on."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from t2i_audit.addresses import name_folder
from t2i_audit.errors import RunDirectoryError
from t2i_audit.file_names import file_name
from t2i_audit.storage.store import Store

AT_ONCE = 16  # requests; a store answers many at the same time, each after tens of milliseconds
PROBE = ".t2i-audit-probe"


class WorkingCopy:
    """A folder that has the files of a store as they are asked for, and writes through."""

    def __init__(self, store: Store) -> None:
        """An empty folder for `store`."""
        self.store = store
        name = file_name(store.shown.rpartition("/")[2])
        # Resolved, so that a path in it is found again when links in it are followed.
        self._outer = Path(tempfile.mkdtemp(prefix="t2i-audit-")).resolve()
        self.folder = self._outer / name
        self.folder.mkdir()
        self.lost = ""
        """Why nothing may be written any more; empty while it may."""
        self._sizes: dict[str, int] = {}
        """Bytes of the files that were listed or put, by their names."""
        self._is_listed = False
        """Whether these are all that the store has."""
        self._absent: set[str] = set()
        """What the store was asked for and had not."""
        self._is_writable = False
        name_folder(str(self.folder), store.shown)

    def open_top(self) -> None:
        """Forget all that was copied, and copy the files that lie directly in the folder.

        Raises:
            StoreError: the store cannot be read.
        """
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        self._is_listed = False
        self._sizes.clear()
        self._absent.clear()
        top = self.store.top()
        for name in top:
            if name.endswith("/"):
                (self.folder / name).mkdir()
        self.fetch(self.folder / name for name in top if not name.endswith("/"))

    def open_tree(self, folder: Path) -> list[Path]:
        """The files that the store has in `folder` and below, whether they are copied or not.

        Raises:
            StoreError: the store cannot be read.
        """
        below = self._name(folder) if folder != self.folder else ""
        found = self.store.tree(below)
        self._absent.clear()
        if not below:
            self._is_listed = True
            self._sizes.clear()
        self._sizes |= found
        return [self.folder / name for name in found]

    def fetch(self, paths: Iterable[Path]) -> None:
        """Copy those of the files `paths` that the store has and the folder has not.

        Raises:
            StoreError: the store cannot be read.
        """
        missing = [
            path
            for path in dict.fromkeys(paths)
            if not path.exists() and self._name(path) not in self._absent
        ]
        if self._is_listed:
            missing = [path for path in missing if self._name(path) in self._sizes]
        if len(missing) == 1:
            self._get(missing[0])
        elif missing:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(self._get, missing))

    def put(self, path: Path) -> None:
        """Have the store hold the file `path` as it is now.

        Raises:
            StoreError: the store cannot be written.
            RunDirectoryError: another process has taken the run over.
        """
        try:
            if self.lost:
                raise RunDirectoryError(self.lost)
            self.store.put(self._name(path), path)
        except BaseException:
            # The folder never holds what the store lacks.
            path.unlink(missing_ok=True)
            raise
        self._absent.discard(self._name(path))
        self._sizes[self._name(path)] = path.stat().st_size

    def remove(self, path: Path) -> None:
        """Delete the file `path` in the store and in the folder.

        Raises:
            StoreError: the store cannot be written.
            RunDirectoryError: another process has taken the run over.
        """
        if self.lost:
            raise RunDirectoryError(self.lost)
        self.store.remove(self._name(path))
        path.unlink(missing_ok=True)
        self._sizes.pop(self._name(path), None)

    def read_range(self, path: Path, start: int, end: int) -> bytes:
        """Bytes `start` to before `end` of the file `path`, which is not copied.

        Raises:
            FileNotFoundError: the store has no such file.
            StoreError: the store cannot be read.
        """
        return self.store.read(self._name(path), start, end)

    def size_of(self, path: Path) -> int | None:
        """The bytes of a file in the store, where its folder was listed."""
        return self._sizes.get(self._name(path))

    def require_writable(self) -> None:
        """Refuse a store that cannot be written, by writing and deleting an object.

        Raises:
            StoreError: it cannot.
        """
        if not self._is_writable:
            self.store.write(PROBE, b"")
            self.store.remove(PROBE)
            self._is_writable = True

    def close(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self._outer, ignore_errors=True)

    def _get(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{secrets.token_hex(8)}.t2i-audit-tmp"
        try:
            if self.store.get(self._name(path), temporary):
                os.replace(temporary, path)
            else:
                self._absent.add(self._name(path))
        finally:
            temporary.unlink(missing_ok=True)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()
