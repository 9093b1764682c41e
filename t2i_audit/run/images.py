"""The images of a run: a file each, or packed into tar files, one for each batch.

A tar file is a shard of a WebDataset: ``000012_003.png`` is followed by ``000012_003.json`` with
its prompt. It is named like the record of its batch, ``batch_00012.tar``, and written once, before
the record. ``index.parquet`` says where each image lies, once all are made. Whichever way an image
lies, it is called ``images/000012_003.png``.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from t2i_audit import storage
from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import write_parquet
from t2i_audit.settings import ImageFiles

LAYOUT = "images"
"""The setting of a manifest that is `SHARDS` for packed images, and absent for files."""
SHARDS = "shards"
# With more images than this a folder of files is slow to list, to copy and to keep in a store.
MOST_FILES = 5_000
INDEX = "index.parquet"
TAR = ".tar"
_SHARD = re.compile(r"batch_[0-9]{5,}\.tar")


@dataclass(frozen=True)
class Member:
    """Where the bytes of an image lie."""

    shard: str
    """The tar file, in the folder of the images."""
    offset: int
    size: int


def is_packed(settings: Mapping[str, Any]) -> bool:
    """Whether the images of a run with these settings of its manifest are packed."""
    return settings.get(LAYOUT) == SHARDS


def packs(layout: ImageFiles, images: int, before: Mapping[str, Any] | None) -> bool:
    """Whether a run packs its images.

    Args:
        layout: what the user asked for; ``auto`` packs more than `MOST_FILES`.
        images: how many there will be.
        before: the settings in the manifest of the run that is continued; ``auto`` keeps its
            layout.
    """
    if layout != "auto":
        return layout == SHARDS
    return images > MOST_FILES if before is None else is_packed(before)


def pack(images: Iterable[tuple[str, bytes, Mapping[str, object]]]) -> bytes:
    """A tar file of images; equal images give equal bytes.

    Args:
        images: the name of each, its bytes, and the JSON object that goes beside it.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content, about in images:
            text = json.dumps(about, ensure_ascii=False, sort_keys=True).encode()
            for file, data in ((name, content), (f"{Path(name).stem}.json", text)):
                member = tarfile.TarInfo(file)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def read_image(path: Path, *, shard: Path | None = None) -> bytes:
    """The bytes of the image that is called `path`, wherever it lies.

    Args:
        path: in a run directory, as ``images/000012_003.png`` is.
        shard: the tar file that may hold it, for a run whose images are not all made yet.

    Raises:
        OSError: it is missing or cannot be read.
        StoreError: the run's store cannot be read.
    """
    if not path.exists():
        member = _member(path, shard)
        if member is not None:
            start = member.offset
            return storage.read_range(path.parent / member.shard, start, start + member.size)
        storage.fetch([path])
    return path.read_bytes()


def image_size(path: Path) -> int | None:
    """The bytes that the image takes that is called `path`; None where that is not known."""
    member = None if path.exists() else _member(path, None)
    return storage.size_of(path) if member is None else member.size


def shard_sums(shards: Sequence[Path]) -> tuple[dict[str, str] | None, ...]:
    """The SHA-256 of the images in each of `shards` by name; None for one that is damaged."""

    def sums(shard: Path) -> dict[str, str] | None:
        try:
            with shard.open("rb") as file:
                return {name: _sha256(file, own) for name, own in _members(shard).items()}
        except (OSError, tarfile.TarError):
            return None

    storage.fetch(shards)
    with ThreadPoolExecutor() as pool:
        return tuple(pool.map(sums, shards))


def image_sums(paths: Sequence[Path]) -> tuple[str | None, ...]:
    """The SHA-256 of the images that are called `paths`; None for one that cannot be read."""

    def digest(path: Path) -> str | None:
        try:
            return hashlib.sha256(read_image(path)).hexdigest()
        except OSError:
            return None

    with ThreadPoolExecutor() as pool:
        return tuple(pool.map(digest, paths))


def write_index(folder: Path, shards: Sequence[Path]) -> None:
    """Write where each image in `shards` lies, all of which are in `folder`.

    Raises:
        RunDirectoryError: one is missing or damaged.
    """
    import pyarrow as pa

    storage.fetch(shards)
    rows = []
    for shard in shards:
        try:
            found = _members(shard)
        except (OSError, tarfile.TarError) as err:
            raise RunDirectoryError(
                f"{shard} cannot be read ({err}); give the same command again"
            ) from err
        rows += [
            {"image": name, "shard": shard.name, "offset": own.offset, "size": own.size}
            for name, own in found.items()
        ]
    number = pa.int64()
    fields = {"image": pa.string(), "shard": pa.string(), "offset": number, "size": number}
    write_parquet(folder / INDEX, pa.Table.from_pylist(rows, schema=pa.schema(fields)))


def _member(path: Path, shard: Path | None) -> Member | None:
    index = path.parent / INDEX
    storage.fetch([index] if shard is None else [index, shard])
    if index.exists():
        status = index.stat()
        member = _read_index(index, status.st_mtime_ns, status.st_size).get(path.name)
        if member is not None:
            return member
    if shard is None or not shard.exists():
        return None
    try:
        return _members(shard).get(path.name)
    except tarfile.TarError as err:
        raise OSError(f"{shard} is damaged: {err}") from err


@lru_cache(maxsize=4)
def _read_index(path: Path, changed: int, size: int) -> dict[str, Member]:
    """The members by the name of the image; `changed` and `size` tell one file from the next."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            rows = file.read(columns=["image", "shard", "offset", "size"]).to_pylist()
        members = {row["image"]: Member(row["shard"], row["offset"], row["size"]) for row in rows}
    except (OSError, ValueError, KeyError, pa.ArrowException) as err:
        raise OSError(f"{path} is damaged: {err}") from err
    # The name of a shard must not lead to another folder.
    if not all(_SHARD.fullmatch(str(each.shard)) for each in members.values()):
        raise OSError(f"{path} names a file outside its folder")
    return members


def _members(shard: Path) -> dict[str, Member]:
    """The images in a tar file by name."""
    with tarfile.open(shard, mode="r:") as archive:
        return {
            each.name: Member(shard.name, each.offset_data, each.size)
            for each in archive
            if each.isreg() and not each.issparse() and not each.name.endswith(".json")
        }


def _sha256(file: Any, member: Member) -> str:
    file.seek(member.offset)
    return hashlib.sha256(file.read(member.size)).hexdigest()
