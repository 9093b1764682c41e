"""Writes the images of a batch: a PNG file each, or all in one tar file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from t2i_audit.generation import Batch
from t2i_audit.generation.sampler import Sampled
from t2i_audit.images.png import encode_pngs
from t2i_audit.io import write_bytes
from t2i_audit.pipelines.safety import BLOCKED, FLAT, NOT_FINITE
from t2i_audit.run.images import pack
from t2i_audit.stages.files import IMAGES, ImageFile


def write_images(
    run: Path, folder: Path, batch: Batch, sampled: Sampled, *, row_of: Mapping[str, int]
) -> tuple[ImageFile, ...]:
    """Write the images of `batch` as PNG into `folder` of the run directory `run`.

    Args:
        run: the run directory.
        folder: in it.
        batch: the prompts and seeds.
        sampled: its images.
        row_of: by prompt's id, the number that the files are called by.
    """
    images = []
    for image, content in _encoded(folder, batch, sampled, row_of):
        write_bytes(run / image.image, content)
        images.append(image)
    return tuple(images)


def write_shard(
    shard: Path, batch: Batch, sampled: Sampled, *, row_of: Mapping[str, int]
) -> tuple[ImageFile, ...]:
    """As `write_images`, into one tar file."""
    encoded = list(_encoded(IMAGES, batch, sampled, row_of))
    texts = [item.prompt.text for item in batch.items]
    about = [
        {"prompt_id": image.prompt_id, "seed": image.seed, "prompt": text}
        for (image, _), text in zip(encoded, texts, strict=True)
    ]
    members = (
        (Path(image.image).name, content, row)
        for (image, content), row in zip(encoded, about, strict=True)
    )
    write_bytes(shard, pack(members))
    return tuple(image for image, _ in encoded)


def _encoded(
    folder: Path, batch: Batch, sampled: Sampled, row_of: Mapping[str, int]
) -> Iterator[tuple[ImageFile, bytes]]:
    """Each image of a batch, and its PNG file."""
    contents = encode_pngs(sampled.images)
    for index, (item, content) in enumerate(zip(batch.items, contents, strict=True)):
        pixels = sampled.images[index]
        name = folder / f"{row_of[item.prompt.id]:06d}_{item.seed_index:03d}.png"
        flaw = _flaw(pixels, bool(sampled.finite[index]), bool(sampled.blocked[index]))
        digest = hashlib.sha256(content).hexdigest()
        image = ImageFile(item.prompt.id, item.seed_index, name.as_posix(), flaw, digest)
        yield image, content


def _flaw(pixels: np.ndarray, finite: bool, blocked: bool) -> str:
    if blocked:
        return BLOCKED
    if not finite:
        return NOT_FINITE
    if (pixels == pixels[:1, :1]).all():
        return FLAT
    return ""
