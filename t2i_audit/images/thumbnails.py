"""Images made small enough for a page to hold them."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit.errors import RunDirectoryError
from t2i_audit.images.decode import ImageFault, decode
from t2i_audit.run.images import read_image

if TYPE_CHECKING:
    from PIL import Image

SIDES = (1024, 768, 512, 384, 256)  # pixels; what is smaller stays as it is
SMALLEST = SIDES[-1]
QUALITY = 85  # of WebP, at which no detail of an object goes
# Of a thumbnail: objects, their colours and their places are told apart. Small images that keep
# their size need more, as WebP halves the resolution of colour.
SHRUNK, KEPT = 75, 90
KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}


def thumbnail(path: Path, side: int, *, sha256: str = "") -> bytes:
    """The image in `path` as WebP of at most `side` pixels a side; a smaller one keeps its size.

    Args:
        path: an image in any format that a run can hold.
        side: pixels.
        sha256: of the file that is meant; empty for whatever lies there.

    Raises:
        ImageFault: it is missing, damaged, or another file than is meant.
    """
    return next(thumbnails(path, (side,), sha256=sha256))


def thumbnails(path: Path, sides: Sequence[int], *, sha256: str = "") -> Iterator[bytes]:
    """The `thumbnail` at each of `sides`, from the largest to the smallest.

    Raises:
        ImageFault: as `thumbnail`.
    """
    from PIL import Image

    try:
        data = read_image(path)
    except FileNotFoundError as err:
        raise ImageFault("it is missing") from err
    except OSError as err:
        raise ImageFault("it cannot be read") from err
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise ImageFault("it was changed since")
    image = Image.fromarray(decode(data).pixels)
    size = image.size
    for side in sides:
        # Boxes of pixels are averaged first, which is as good to the eye and much faster.
        image.thumbnail((side, side), reducing_gap=2.0)
        yield _webp(image, KEPT if image.size == size else SHRUNK)


def embedded(path: Path, most: int) -> str | None:
    """The image in `path` as a ``data:`` address of at most about `most` bytes; None if too large.

    The file itself where it fits, otherwise a copy that is compressed and, if need be, smaller.

    Raises:
        RunDirectoryError: it cannot be read.
    """
    from PIL import Image

    try:
        data = read_image(path)
        if path.suffix in KINDS and length_in_base64(data) <= most:
            return _address(data, KINDS[path.suffix])
        with Image.open(io.BytesIO(data)) as opened:
            image = opened.convert("RGB")
    except OSError as err:
        raise RunDirectoryError(f"{path} cannot be read: {err}") from err
    for side in (max(image.size), *(side for side in SIDES if side < max(image.size))):
        copy = image.copy()
        copy.thumbnail((side, side))
        file = _webp(copy, QUALITY)
        if length_in_base64(file) <= most:
            return _address(file, "image/webp")
    return None


def length_in_base64(data: bytes) -> int:
    """Letters, of which each takes a byte of a page; at most 4 too many."""
    return 4 * (len(data) // 3 + 1)


def _webp(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", quality=quality)
    return file.getvalue()


def _address(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
