"""A WebDataset: tar files in which ``KEY.png`` and ``KEY.json`` belong together.

The JSON object of an image names its prompt, as a row of a table does; in its place ``KEY.txt``
may hold the prompt's text. Nothing is unpacked: a member's bytes are read where they lie, so its
name leads nowhere.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prompts.errors import first_line
from t2i_audit.images.decode import ENDINGS, MOST_BYTES, ImageFault
from t2i_audit.images.listing import Content, Entry, ImagesError, LeftOut, Listing, entry_of

TAR = ".tar"
MOST_METADATA = 1 << 24  # bytes of one JSON or text member


@dataclass(frozen=True)
class _Member:
    """Where the bytes of a member lie in a tar file."""

    tar: Path
    name: str
    offset: int
    size: int

    @property
    def file(self) -> str:
        return f"{self.tar.name}:{self.name}"

    def read(self, most: int) -> Content:
        if self.size > most:
            return ImageFault(f"it has more than {most:,} bytes")
        try:
            with self.tar.open("rb") as file:
                file.seek(self.offset)
                return file.read(self.size)
        except OSError as err:
            return ImageFault(f"it cannot be read: {err.strerror}")


def tars_in(root: Path) -> list[Path]:
    """The tar files that `root` is or holds, in the order of their names."""
    if root.is_file():
        return [root] if root.suffix.lower() == TAR else []
    return sorted(path for path in root.iterdir() if path.suffix.lower() == TAR and path.is_file())


def list_webdataset(root: Path) -> Listing:
    """The images in the tar files that `root` is or holds.

    Raises:
        ImagesError: a tar file cannot be read.
    """
    entries: list[Entry] = []
    left_out: list[LeftOut] = []
    images: list[_Member] = []
    for tar in tars_in(root):
        for parts in _samples(tar).values():
            pictures = [part for ending, part in parts if f".{ending}" in ENDINGS]
            row = _metadata(dict(parts))
            for number, image in enumerate(pictures):
                if isinstance(row, str):
                    left_out.append(LeftOut(image.file, "unmatched", row))
                elif number:
                    first = pictures[0].file
                    left_out.append(LeftOut(image.file, "doubled", f"its key has {first} as well"))
                else:
                    images.append(image)
                    entries.append(entry_of(image.file, image.file, row))

    def contents(wanted: Collection[int]) -> Iterator[tuple[int, Content]]:
        for index in sorted(wanted):
            yield index, images[index].read(MOST_BYTES)

    return Listing("webdataset", tuple(entries), tuple(left_out), contents)


def _samples(tar: Path) -> dict[str, list[tuple[str, _Member]]]:
    """The members of each key, with what follows it in their names."""
    found: dict[str, list[tuple[str, _Member]]] = {}
    try:
        with tarfile.open(tar, mode="r:") as archive:
            for member in archive:
                folder, _, name = member.name.rpartition("/")
                key, dot, ending = name.partition(".")
                if member.isreg() and not member.issparse() and key and dot:
                    where = _Member(tar, member.name, member.offset_data, member.size)
                    found.setdefault(f"{folder}/{key}", []).append((ending.lower(), where))
    except Exception as err:  # a damaged archive raises whatever its header leads to
        raise ImagesError(
            f"{tar} is no tar file, or is damaged ({first_line(err)}); download or pack it again, "
            "uncompressed"
        ) from err
    return found


def _metadata(parts: dict[str, _Member]) -> dict[str, Any] | str:
    """What stands beside an image, or why that cannot be used."""
    member = parts.get("json") or parts.get("txt")
    if member is None:
        return "it has neither a .json nor a .txt with its prompt"
    content = member.read(MOST_METADATA)
    if isinstance(content, ImageFault):
        return f"{member.file}: {content}"
    try:
        text = content.decode("utf-8")
        row = json.loads(text) if "json" in parts else {"text": text}
    except (ValueError, RecursionError) as err:
        return f"{member.file} cannot be read: {first_line(err)}"
    return row if isinstance(row, dict) else f"{member.file} holds no JSON object"
