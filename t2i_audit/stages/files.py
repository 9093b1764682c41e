"""What lies on disk of a batch of pictures, and whether it can be relied on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2i_audit.errors import RunDirectoryError
from t2i_audit.generation import Batch
from t2i_audit.io import read_json, sha256_of, write_json
from t2i_audit.progress import say
from t2i_audit.run.shards import Shards
from t2i_audit.run.tables import read_rows

IMAGES = Path("images")
DENOISER = Path("activations/denoiser")
JUDGEMENTS = Path("judgements")


@dataclass(frozen=True)
class Picture:
    """One picture on disk."""

    prompt_id: str
    seed: int
    image: str
    """File, relative to the run directory."""
    flaw: str
    """Why nothing can be judged in it, e.g. ``not finite``; empty for a sound picture."""
    sha256: str


@dataclass(frozen=True)
class Record:
    """One batch on disk. It is written last: with it the batch is whole."""

    pictures: tuple[Picture, ...]
    denoiser_sha256: str | None
    """Of the file of the denoiser's features; None where none were recorded."""


def picture_shards(run: Path, batches: Sequence[Batch]) -> Shards:
    """The record of each batch of pictures; a batch is made when its record exists."""
    return Shards(run / IMAGES, len(batches), suffix=".json")


def judgement_shards(run: Path, batches: Sequence[Batch]) -> Shards:
    """The judgements of each batch, until they are merged."""
    return Shards(run / JUDGEMENTS, len(batches))


def denoiser_part(run: Path, batch: int) -> Path:
    """Where the denoiser's features of one batch lie."""
    return run / DENOISER / f"batch_{batch:05d}.npz"


def write_record(path: Path, record: Record) -> None:
    """Write the record of a batch atomically."""
    write_json(path, record)


def read_record(path: Path) -> Record:
    """The record of a batch.

    Raises:
        RunDirectoryError: it cannot be read, or is none.
    """
    try:
        value: Any = read_json(path)
        pictures = tuple(Picture(**each) for each in value["pictures"])
        return Record(pictures, value["denoiser_sha256"])
    except (OSError, ValueError, TypeError, KeyError) as err:
        raise RunDirectoryError(f"{path} cannot be read: {err}") from err


def drop_damaged(run: Path, batches: Iterable[Batch], pictures: Shards, judgements: Shards) -> None:
    """Of `batches`, delete what is damaged on disk, and say so: what is missing is made again."""
    for batch in batches:
        record = pictures.path(batch.index)
        if record.exists():
            damage = _damage(run, batch, record)
            if damage:
                say(f"{damage}; the {len(batch.items)} images of its batch are made again")
                # The record last: until it is gone, the damage is found again.
                judgements.path(batch.index).unlink(missing_ok=True)
                record.unlink()
                continue
        judged = judgements.path(batch.index)
        if judged.exists() and not _is_judged(judged, batch):
            say(f"{judged} is damaged; its {len(batch.items)} images are judged again")
            judged.unlink()


def _damage(run: Path, batch: Batch, path: Path) -> str:
    """What is wrong with a batch, as the beginning of a sentence; empty if nothing is."""
    try:
        record = read_record(path)
    except RunDirectoryError:
        return f"{path} is damaged"
    named = [(picture.prompt_id, picture.seed) for picture in record.pictures]
    if named != [(item.prompt.id, item.seed_index) for item in batch.items]:
        return f"{path} is damaged"
    sums = {run / picture.image: picture.sha256 for picture in record.pictures}
    if record.denoiser_sha256 is not None:
        sums[denoiser_part(run, batch.index)] = record.denoiser_sha256
    for file, digest in sums.items():
        if not file.is_file():
            return f"{file} is missing"
        if sha256_of(file) != digest:
            return f"{file} is damaged"
    return ""


def _is_judged(path: Path, batch: Batch) -> bool:
    try:
        rows = read_rows(path, "judgements")
    except RunDirectoryError:
        return False
    return [(row["prompt_id"], row["seed"]) for row in rows] == [
        (item.prompt.id, item.seed_index) for item in batch.items
    ]
