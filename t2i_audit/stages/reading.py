"""Files of a run, read as they were recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from prompts.structure import Prompt
from t2i_audit import storage
from t2i_audit.errors import RunDirectoryError
from t2i_audit.generation import Batch
from t2i_audit.images.decode import pixels_of
from t2i_audit.run.features import FeaturePart, Features, gather_parts, part_of
from t2i_audit.run.images import read_image
from t2i_audit.stages.damage import forget
from t2i_audit.stages.files import (
    DENOISER,
    ImageFile,
    Record,
    denoiser_part,
    image_shards,
    read_record,
)


def read_pixels(run: Path, file: ImageFile, *, shard: Path | None = None) -> np.ndarray:
    """The pixels of an image of the run in `run`, ``(h, w, 3)`` uint8.

    Args:
        run: the run directory.
        file: the image.
        shard: as `read_image`.

    Raises:
        RunDirectoryError: its file is missing or damaged; its batch is made again the next time.
    """
    path = run / file.image
    try:
        content = read_image(path, shard=shard)
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest() != file.sha256:
        forget(run, file.image)
        raise RunDirectoryError(
            f"{path} is missing or damaged; give the same command again, which makes it again"
        )
    return pixels_of(content, path)


def read_states(run: Path, batch: int, record: Record, path: Path) -> FeaturePart:
    """What was recorded of the denoiser for one batch.

    Args:
        run: the run directory.
        batch: its number.
        record: of the batch, with states.
        path: where the record lies.

    Raises:
        RunDirectoryError: the file is missing or damaged; its batch is made again the next time.
    """
    own = denoiser_part(run, batch)
    storage.fetch([own])
    content = own.read_bytes() if own.exists() else b""
    if hashlib.sha256(content).hexdigest() != record.denoiser_sha256:
        storage.remove(path)
        raise RunDirectoryError(
            f"{own} is missing or damaged; give the same command again, which makes it again"
        )
    return part_of(content)


def denoiser_features(
    run: Path, batches: Sequence[Batch], prompts: Sequence[Prompt]
) -> tuple[Features, ...]:
    """The recorded states of the denoiser, in the order of the suite's prompts.

    Raises:
        RunDirectoryError: as `read_states`.
    """
    shards = image_shards(run, len(batches))
    storage.fetch(denoiser_part(run, batch.index) for batch in batches)
    records = ((batch.index, shards.path(batch.index)) for batch in batches)
    read = ((index, path, read_record(path)) for index, path in records)
    parts = (
        read_states(run, index, record, path)
        for index, path, record in read
        if record.denoiser_sha256 is not None
    )
    return gather_parts(parts, [prompt.id for prompt in prompts], folder=run / DENOISER)
