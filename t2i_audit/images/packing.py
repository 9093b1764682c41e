"""As many images as a number of bytes can hold, as thumbnails for a page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from t2i_audit.images.decode import ImageFault, quiet_pillow
from t2i_audit.images.thumbnails import length_in_base64, thumbnail, thumbnails
from t2i_audit.reporter import SILENT, Advance, Reporter

# Pixels of a thumbnail's longer side. Below the last, objects can no longer be told apart.
SIDES = (512, 384, 256, 192, 128, 96)
SAMPLE = 96  # images that say how large the thumbnails of all will be
MARGIN = 1.1  # by which the sample's mean may be too small: about 3 standard errors
BATCH = 64  # images in the threads at once, which bounds what is made in vain
FRAME = len('"", ')  # of each picture in a list of JSON


@dataclass(frozen=True)
class ImageFile:
    """An image in a run directory."""

    path: Path
    sha256: str = ""
    """Of the file that was judged; empty for whatever lies there."""


@dataclass(frozen=True)
class Packed:
    """Thumbnails of images; each image has a picture, a fault, or was left out."""

    side: int
    """Pixels of the longer side at most; images that are smaller keep their size."""
    pictures: dict[int, str]
    """WebP in base 64, by the image's place among those given."""
    faults: dict[int, str] = field(default_factory=dict)
    """Why an image has no picture, in a few words; only of images that were tried."""
    n_left_out: int = 0
    """Images that did not fit: the last of those given."""
    wanted: int = 0
    """Bytes that those left out would take, about."""


def pack(images: Sequence[ImageFile], most_bytes: int, *, reporter: Reporter = SILENT) -> Packed:
    """Thumbnails of `images` in at most `most_bytes` bytes, base 64 and JSON's marks included.

    They are as large as lets all of them fit. Where even the smallest do not, the first of
    `images` are kept, so give them in the order of their use.
    """
    with quiet_pillow(), ThreadPoolExecutor() as pool:
        first = SIDES.index(_side(pool, images, most_bytes))
        for side in SIDES[first:]:
            last = side == SIDES[-1]
            with reporter.stage("thumbnails", len(images)) as advance:
                packed = _packed(pool, images, side, most_bytes, advance)
            if not packed.n_left_out or last:
                break
    return packed


def _side(pool: ThreadPoolExecutor, images: Sequence[ImageFile], most_bytes: int) -> int:
    """The largest side at which all `images` fit, as far as a sample of them tells."""
    n = min(len(images), SAMPLE)
    drawn = [images[place] for place in np.linspace(0, len(images) - 1, n, dtype=int)]
    sizes = np.array([row for row in pool.map(_sizes, drawn) if row], dtype=float)
    if not sizes.size:
        return SIDES[0]
    margin = 1.0 if n == len(images) else MARGIN
    totals = sizes.mean(axis=0) * len(images) * margin
    fitting = [side for side, total in zip(SIDES, totals, strict=True) if total <= most_bytes]
    return fitting[0] if fitting else SIDES[-1]


def _sizes(image: ImageFile) -> list[int]:
    try:
        return [length_in_base64(data) + FRAME for data in thumbnails(image.path, SIDES)]
    except ImageFault:
        return []


def _packed(
    pool: ThreadPoolExecutor,
    images: Sequence[ImageFile],
    side: int,
    most_bytes: int,
    advance: Advance,
) -> Packed:
    pictures: dict[int, str] = {}
    faults: dict[int, str] = {}
    used = 0
    for place, made in enumerate(_made(pool, images, lambda image: _try(image, side))):
        advance()
        if isinstance(made, ImageFault):
            faults[place] = str(made)
            continue
        text = base64.b64encode(made).decode()
        if used + len(text) + FRAME > most_bytes:
            left_out = len(images) - place
            mean = used / len(pictures) if pictures else len(text) + FRAME
            return Packed(side, pictures, faults, left_out, int(left_out * mean))
        pictures[place] = text
        used += len(text) + FRAME
    return Packed(side, pictures, faults)


def _made(
    pool: ThreadPoolExecutor,
    images: Sequence[ImageFile],
    make: Callable[[ImageFile], bytes | ImageFault],
) -> Iterator[bytes | ImageFault]:
    for start in range(0, len(images), BATCH):
        yield from pool.map(make, images[start : start + BATCH])


def _try(image: ImageFile, side: int) -> bytes | ImageFault:
    try:
        return thumbnail(image.path, side, sha256=image.sha256)
    except ImageFault as fault:
        return fault
