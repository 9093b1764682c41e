"""The objects of one folder in a store, by their names below it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from t2i_audit.storage.faults import StoreError, is_final, naming, no_file_system
from t2i_audit.storage.urls import has_secret, masked

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# Beside what a store's own client tries: a request is given up after three tries.
TRIES = 3
FIRST_WAIT = 0.5  # seconds; then twice as long

T = TypeVar("T")


class Store:
    """What lies in a store under one URL."""

    def __init__(self, url: str) -> None:
        """Of a URL as `normal_url` gives it; nothing is requested yet.

        Raises:
            StoreError: it holds credentials, or there is no file system for it here.
        """
        import fsspec

        self.url = url
        if has_secret(url):
            raise StoreError(
                f"{masked(url)} holds credentials, which would be seen where the URL is; give it "
                "without them, and set them in the environment"
            )
        try:
            file_system, root = fsspec.url_to_fs(url)
        except Exception as err:  # whatever the file system's own constructor raises
            raise no_file_system(url, err) from err
        self._files: AbstractFileSystem = file_system
        self._root = root.rstrip("/")

    @property
    def shown(self) -> str:
        """The URL without credentials."""
        return masked(self.url)

    def top(self) -> dict[str, int]:
        """The names and sizes of the objects directly in it, and of folders, which end in ``/``.

        Raises:
            StoreError: it cannot be read, as where the bucket does not exist.
        """
        self._files.invalidate_cache()
        try:
            with naming(self.url, "read"):
                found = self._try(lambda: self._files.ls(self._root, detail=True))
        except FileNotFoundError:
            # A prefix without objects looks like this; only a listing tells a missing bucket.
            return self.tree()
        return {
            self._below(each["name"]) + ("/" if each["type"] == "directory" else ""): _size(each)
            for each in found
            if self._below(each["name"])
        }

    def tree(self, folder: str = "") -> dict[str, int]:
        """The names and sizes of all objects in `folder` and below.

        Raises:
            StoreError: it cannot be read.
        """
        self._files.invalidate_cache()
        path = f"{self._root}/{folder}" if folder else self._root
        try:
            with naming(self.url, "read"):
                found = self._try(lambda: self._files.find(path, detail=True))
        except FileNotFoundError as err:
            raise StoreError(
                f"{self.shown} cannot be used: {masked(str(err)).rstrip('.')}; make the bucket, or "
                "give another URL"
            ) from err
        # Some stores keep an empty object for a folder.
        return {
            self._below(name): _size(each)
            for name, each in found.items()
            if self._below(name) and not name.endswith("/")
        }

    def get(self, name: str, target: Path) -> bool:
        """Copy an object to the file `target`; returns False where there is none.

        Raises:
            StoreError: it cannot be read.
        """
        try:
            with naming(f"{self.url}/{name}", "read"):
                self._try(lambda: self._files.get_file(self._path(name), str(target)))
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes of an object, from `start` to before `end` where these are given.

        Raises:
            FileNotFoundError: there is none.
            StoreError: it cannot be read.
        """
        with naming(f"{self.url}/{name}", "read"):
            return self._try(lambda: self._files.cat_file(self._path(name), start=start, end=end))

    def put(self, name: str, source: Path) -> None:
        """Copy the file `source` into the store, where it replaces what has this name.

        Raises:
            StoreError: it cannot be written.
        """
        self._write(name, lambda: self._files.put_file(str(source), self._path(name)))

    def write(self, name: str, content: bytes) -> None:
        """As `put`, of `content`."""
        self._write(name, lambda: self._files.pipe_file(self._path(name), content))

    def create(self, name: str, content: bytes) -> None:
        """Write an object that must not be there yet, which the store itself decides.

        Raises:
            FileExistsError: it is there.
            StoreError: it cannot be written.
        """
        self._write(name, lambda: self._files.pipe_file(self._path(name), content, mode="create"))

    def remove(self, name: str) -> None:
        """Delete an object, if it is there.

        Raises:
            StoreError: it cannot be deleted.
        """
        try:
            with naming(f"{self.url}/{name}", "deleted"):
                self._try(lambda: self._files.rm_file(self._path(name)))
        except FileNotFoundError:
            pass

    def _write(self, name: str, request: Callable[[], Any]) -> None:
        try:
            with naming(f"{self.url}/{name}", "written"):
                self._try(request)
        except FileNotFoundError as err:
            raise StoreError(
                f"{self.shown}/{name} cannot be written: {masked(str(err)).rstrip('.')}; make the "
                "bucket, or give another URL"
            ) from err

    def _try(self, request: Callable[[], T]) -> T:
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

        retrying = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=wait_exponential(FIRST_WAIT),
            retry=retry_if_exception(_is_passing),
            reraise=True,
        )
        return retrying(request)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _below(self, path: str) -> str:
        return path.rstrip("/").removeprefix(self._root).lstrip("/")


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, Exception) and not is_final(error)


def _size(entry: dict[str, Any]) -> int:
    return int(entry.get("size") or 0)
