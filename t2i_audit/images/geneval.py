"""GenEval's layout: a folder for each prompt, with its metadata and its samples.

``00000/metadata.jsonl`` holds one JSON object, and the images are ``00000/samples/0000.png``,
``0001.png`` and so on, where the number is the sample's (djghosh13/geneval,
``generation/diffusers_generate.py``). A folder's own number has no meaning here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from t2i_audit.images.decode import ImageFault
from t2i_audit.images.listing import (
    Entry,
    LeftOut,
    Listing,
    entry_of,
    files_below,
    is_image_name,
    read_file,
)

METADATA = "metadata.jsonl"
SAMPLES = "samples"


def is_geneval(root: Path) -> bool:
    """Whether `root` has a numbered folder with metadata."""
    return any((folder / METADATA).is_file() for folder in _folders(root))


def list_geneval(root: Path) -> Listing:
    """The images below `root`; those whose metadata cannot be used are left out."""
    entries: list[Entry] = []
    left_out: list[LeftOut] = []
    for folder in _folders(root):
        where = f"{folder.name}/{METADATA}"
        row = _metadata(root, where)
        samples = folder / SAMPLES
        found = sorted(samples.iterdir()) if samples.is_dir() else []
        for path in found:
            file = path.relative_to(root).as_posix()
            if path.name.startswith("."):
                continue
            if isinstance(row, str):
                left_out.append(LeftOut(file, "unmatched", row))
            elif not is_image_name(path.name) or not _is_number(path.stem):
                reason = "its name is not that of a numbered sample"
                left_out.append(LeftOut(file, "unreadable", reason))
            else:
                own = {name: value for name, value in row.items() if name != "seed"}
                entries.append(entry_of(file, where, {**own, "seed": int(path.stem)}))
    names = [entry.file for entry in entries]
    return Listing("geneval", tuple(entries), tuple(left_out), files_below(root, names))


def _folders(root: Path) -> list[Path]:
    folders = [path for path in root.iterdir() if _is_number(path.name) and path.is_dir()]
    return sorted(folders, key=lambda folder: folder.name)


def _metadata(root: Path, where: str) -> dict[str, Any] | str:
    """The metadata of one folder, or why they cannot be used."""
    content = read_file(root, where)
    if isinstance(content, ImageFault):
        return f"{where}: {content}"
    try:
        row = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as err:
        return f"{where} does not hold one JSON object ({err})"
    if not isinstance(row, dict):
        return f"{where} does not hold one JSON object"
    return row


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 19
