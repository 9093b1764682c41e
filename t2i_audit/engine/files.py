"""Files that lie on the driver's disk, sent to machines that do not have them.

A machine keeps what it is sent in a folder of the user's cache, under a name that stands for the
files' contents as far as sizes and times tell. What is loaded from it is compared with what the
driver has loaded (`t2i_audit.engine.actor`), so that a wrong file is noticed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from t2i_audit.io import atomic_file

CHUNK = 64 << 20  # bytes that are sent at once
# Pickles and the like, which are never read.
NEVER_READ = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".msgpack", ".h5", ".onnx", ".pyc")

Read = Callable[[str, int], bytes]
"""At most `CHUNK` bytes of a file of the driver, by its path, from an offset on."""


@dataclass(frozen=True)
class SentPath:
    """A file or a folder on the driver's disk."""

    given: str
    """As the settings name it."""
    path: str
    """Absolute."""
    files: tuple[tuple[str, int, int], ...]
    """Name within the folder (empty for a file), size in bytes and time of the last change in
    nanoseconds of each file."""

    @property
    def key(self) -> str:
        """Equal for equal files, as far as names, sizes and times tell."""
        return hashlib.sha256(repr(self.files).encode()).hexdigest()[:32]


def sent_path(given: str) -> SentPath:
    """The file or folder that the settings name as `given`, which is there."""
    path = Path(given).expanduser().absolute()
    found = [("", path)] if path.is_file() else _files_in(path)
    stats = [(name, file.stat()) for name, file in found]
    files = tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
    return SentPath(given, str(path), files)


def _files_in(folder: Path) -> list[tuple[str, Path]]:
    files = []
    # Links are followed: a snapshot of the hub consists of them.
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(parent, name)
            if not name.startswith(".") and file.suffix not in NEVER_READ:
                files.append((file.relative_to(folder).as_posix(), file))
    return files


def local_path(sent: SentPath, read: Read) -> Path:
    """Where `sent` lies on this machine: at the same path if it is there, else fetched with `read`.

    Raises:
        OSError: this machine's disk is full, or its cache cannot be written.
    """
    from filelock import FileLock

    if _is_there(sent, Path(sent.path)):
        return Path(sent.path)
    # The name stays, as judges are called by the names of their folders.
    folder = cache_folder() / sent.key
    target = folder / Path(sent.path).name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The actors of one machine fetch a file once.
    with FileLock(folder / ".lock"):
        for name, size, time in sent.files:
            file = target / name if name else target
            if not _is_same(file, size, time):
                source = f"{sent.path}/{name}" if name else sent.path
                _fetch(source, file, size, read)
                os.utime(file, ns=(time, time))
    return target


def cache_folder() -> Path:
    """The folder in which a machine keeps what it is sent."""
    own = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) / "t2i-audit" / "sent"


def _is_there(sent: SentPath, path: Path) -> bool:
    return all(
        _is_same(path / name if name else path, size, time) for name, size, time in sent.files
    )


def _is_same(file: Path, size: int, time: int) -> bool:
    try:
        stat = file.stat()
    except OSError:
        return False
    # Some shared disks keep whole seconds.
    return stat.st_size == size and abs(stat.st_mtime_ns - time) < 2_000_000_000


def _fetch(source: str, file: Path, size: int, read: Read) -> None:
    with atomic_file(file) as temporary, temporary.open("wb") as out:
        while out.tell() < size:
            chunk = read(source, out.tell())
            if not chunk:
                raise OSError(f"{source} has become shorter while it was sent")
            out.write(chunk)


class FileServer:
    """Reads files of the driver's disk for actors on other machines; an actor itself."""

    def __init__(self, paths: tuple[SentPath, ...]) -> None:
        """Of no other files than these."""
        self._known = {
            f"{each.path}/{name}" if name else each.path
            for each in paths
            for name, _, _ in each.files
        }

    def read(self, path: str, offset: int) -> bytes:
        """At most `CHUNK` bytes of a file from `offset` on."""
        if path not in self._known:
            raise ValueError(f"{path} is none of the files that are sent")
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(CHUNK)
