"""How much of a disk, or of a store, the files of a run take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from t2i_audit import storage

IMAGES, ACTIVATIONS, TABLES = "images", "activations", "tables"
# What is made of a finished audit, not by it.
LATER = "use"


def bytes_of(run: Path) -> dict[str, int]:
    """The bytes of the files of a run by kind: images, activations and tables, which are all else.

    What was drawn anew to measure use is left out. No file of a run in a store is fetched.

    Raises:
        StoreError: the run's store cannot be read.
    """
    sizes: Counter[str] = Counter({IMAGES: 0, ACTIVATIONS: 0, TABLES: 0})
    for path in _files(run):
        folder = path.relative_to(run).parts[0]
        if folder != LATER:
            kind = folder if folder in (IMAGES, ACTIVATIONS) else TABLES
            sizes[kind] += storage.size_of(path) or 0
    return dict(sizes)


def _files(run: Path) -> Iterator[Path]:
    if storage.store_of(run) is not None:
        yield from storage.open_tree(run)
    else:
        yield from (path for path in run.rglob("*") if path.is_file())
