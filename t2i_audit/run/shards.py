"""A long stage's results, one file a batch, until they are merged.

Batches are cut once, before the stage starts; a resumed run computes those whose file is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from t2i_audit import storage
from t2i_audit.errors import RunDirectoryError


@dataclass(frozen=True)
class Shards:
    """The files of `count` batches in one folder, e.g. ``judgements/batch_00012.parquet``."""

    folder: Path
    count: int
    suffix: str = ".parquet"

    def path(self, batch: int) -> Path:
        """Where the result of `batch` lies, written or not."""
        if not 0 <= batch < self.count:
            raise ValueError(f"`batch` should be from 0 to {self.count - 1}; got {batch}")
        return self.folder / f"batch_{batch:05d}{self.suffix}"

    def missing(self) -> tuple[int, ...]:
        """The batches that still have to be computed, in order."""
        return tuple(batch for batch in range(self.count) if not self.path(batch).exists())

    def paths(self) -> tuple[Path, ...]:
        """Every batch's file, in the order of the batches.

        Raises:
            RunDirectoryError: one is missing.
        """
        missing = self.missing()
        if missing:
            raise RunDirectoryError(
                f"{self.path(missing[0])} is missing ({len(missing)} of {self.count} batches)"
            )
        return tuple(self.path(batch) for batch in range(self.count))

    def remove(self) -> None:
        """Delete the batches' files, and their folder if nothing else lies in it."""
        for batch in range(self.count):
            if self.path(batch).exists():
                storage.remove(self.path(batch))
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()
