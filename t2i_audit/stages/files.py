"""The files of a batch of images, and its record, which names them with their checksums."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import dump_json, read_json, to_json, write_json
from t2i_audit.run.shards import Shards
from t2i_audit.run.tables import read_rows

if TYPE_CHECKING:
    from pydantic import TypeAdapter

IMAGES = Path("images")
# File names in it. The name of an image must not lead to another folder.
RECORD = re.compile(r"batch_([0-9]{5,})\.json")
IMAGE = re.compile(
    r"(images|use/images/[a-z]+-[0-9a-f]{12})/[0-9]{6,}_[0-9]{3,}\.(png|jpg|webp|avif|bmp|gif|tif)"
)
DENOISER = Path("activations/denoiser")
RANDOM_DENOISER = "activations/random_denoiser_"
JUDGEMENTS = Path("judgements")
CHECKSUM = "sha256"  # in a record, of the rest of it


@dataclass(frozen=True)
class ImageFile:
    """One image on disk."""

    prompt_id: str
    seed: int
    image: str
    """File, relative to the run directory."""
    flaw: str
    """Why it cannot be judged, e.g. ``not finite``; empty if it can."""
    sha256: str


@dataclass(frozen=True)
class Record:
    """The record of one batch on disk. It is written last: with it the batch is complete."""

    images: tuple[ImageFile, ...]
    denoiser_sha256: str | None
    """Of the file of the denoiser's states; None where none were recorded."""


def image_shards(run: Path, batches: int) -> Shards:
    """The record of each of so many batches of images; a batch is made when its record exists."""
    return Shards(run / IMAGES, batches, suffix=".json")


def judgement_shards(run: Path, key: str, batches: int) -> Shards:
    """One judge's verdicts on each of so many `batches`; `key` is that of its `Member`.

    They stay when the run is finished, so that no verdict is made twice.
    """
    return Shards(run / JUDGEMENTS / key, batches)


def denoiser_part(run: Path, batch: int) -> Path:
    """The file of the denoiser's states of one batch."""
    return run / DENOISER / f"batch_{batch:05d}.npz"


def random_denoiser_folder(run: Path, draw: int) -> Path:
    """The folder of the states of one draw of the denoiser with random weights, from 0 on."""
    return run / f"{RANDOM_DENOISER}{draw + 1}"


def write_record(path: Path, record: Record) -> None:
    """Write the record of a batch atomically, with a checksum of its contents."""
    write_json(path, {**to_json(record), CHECKSUM: _checksum(record)})


def read_record(path: Path) -> Record:
    """The record of a batch.

    Raises:
        RunDirectoryError: it cannot be read, is not a record, was changed, or names a file
            elsewhere.
    """
    try:
        value: Any = read_json(path)
        record = _record_adapter().validate_python(value)
        if not _is_as_written(path, value[CHECKSUM]) and value[CHECKSUM] != _checksum(record):
            raise ValueError("its checksum does not match its contents")
    except (OSError, ValueError, TypeError, KeyError) as err:
        raise RunDirectoryError(f"{path} cannot be read: {err}") from err
    if not all(IMAGE.fullmatch(image.image) for image in record.images):
        raise RunDirectoryError(f"{path} names an image outside the run's folders")
    return record


@cache
def _record_adapter() -> TypeAdapter[Record]:
    from pydantic import TypeAdapter

    return TypeAdapter(Record)


def _checksum(record: Record) -> str:
    return hashlib.sha256(dump_json(record).encode()).hexdigest()


def _is_as_written(path: Path, checksum: str) -> bool:
    """Whether a record's text is what `write_record` makes of contents with this checksum.

    A run that goes on reads thousands of records, and to write each anew takes longer than all
    else that is done with it.
    """
    text = path.read_text(encoding="utf-8")
    end = f',\n  "{CHECKSUM}": "{checksum}"\n}}\n'
    rest = f"{text.removesuffix(end)}\n}}\n"
    return text.endswith(end) and hashlib.sha256(rest.encode()).hexdigest() == checksum


def record_sums(path: Path) -> dict[str, str]:
    """SHA-256 of the images and of the denoiser's states of a batch, by file name.

    Raises:
        RunDirectoryError: as `read_record`.
    """
    return sums_of(read_record(path), path)


def sums_of(record: Record, path: Path) -> dict[str, str]:
    """As `record_sums`, of the record that lies at `path`."""
    sums = {image.image: image.sha256 for image in record.images}
    if record.denoiser_sha256 is not None:
        sums[(DENOISER / f"{path.stem}.npz").as_posix()] = record.denoiser_sha256
    return sums


def is_judged(path: Path, images: Sequence[ImageFile]) -> bool:
    """Whether the verdicts in `path` are intact and are on exactly these images."""
    return judged_images(path) == [named(image) for image in images]


def judged_images(path: Path) -> list[tuple[object, ...]] | None:
    """The images that the verdicts in `path` are on, as `named` has them; None if it is damaged."""
    try:
        rows = read_rows(path, "judgements")  # all columns, any of which may be damaged
    except RunDirectoryError:
        return None
    return [(row["prompt_id"], row["seed"], row["image"], row["image_sha256"]) for row in rows]


def named(image: ImageFile) -> tuple[object, ...]:
    """An image and the checksum of its bytes, as a row of the table ``judgements`` has them."""
    return image.prompt_id, image.seed, image.image, image.sha256
