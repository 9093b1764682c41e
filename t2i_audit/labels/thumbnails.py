"""Images as text that a page can hold, each within a number of bytes."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from t2i_audit.errors import RunDirectoryError

SIDES = (1024, 768, 512, 384, 256)  # pixels; what is smaller stays as it is
SMALLEST = SIDES[-1]
QUALITY = 85  # of WebP, at which no detail of an object goes
KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}


def embedded(path: Path, most: int) -> str | None:
    """The image in `path` as a ``data:`` address of at most about `most` bytes; None if too large.

    The file itself where it fits, otherwise a copy that is compressed and, if need be, smaller.

    Raises:
        RunDirectoryError: it cannot be read.
    """
    from PIL import Image

    try:
        data = path.read_bytes()
        if path.suffix in KINDS and _length(data) <= most:
            return _address(data, KINDS[path.suffix])
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    except OSError as err:
        raise RunDirectoryError(f"{path} cannot be read: {err}") from err
    for side in (max(image.size), *(side for side in SIDES if side < max(image.size))):
        copy = image.copy()
        copy.thumbnail((side, side))
        file = io.BytesIO()
        copy.save(file, "WEBP", quality=QUALITY)
        if _length(file.getvalue()) <= most:
            return _address(file.getvalue(), "image/webp")
    return None


def _length(data: bytes) -> int:
    """Bytes in base 64."""
    return 4 * (len(data) // 3 + 1)


def _address(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
