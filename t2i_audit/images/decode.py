"""The pixels of an image file from anywhere, or why it cannot be judged.

- Gray, palette and CMYK images become RGB; embedded colour profiles are not applied.
- 16 bits per channel are reduced to 8.
- What is transparent is laid on white.
- The rotation that EXIF asks for is carried out.
- An animation, or a file of several pages, is refused: which of its frames is meant is unknown.
- An image of more than `MOST_PIXELS` pixels is refused before it is unpacked.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from prompts.errors import first_line
from t2i_audit.errors import RunDirectoryError
from t2i_audit.run.images import read_image

if TYPE_CHECKING:
    from PIL import Image

MOST_PIXELS = 8192 * 8192
MOST_BYTES = 1 << 28  # of one file, 256 MiB
# The formats that are read, and how the names of their files end. Formats that need another
# program or a script to be read (EPS, PDF) are not among them.
SUFFIXES = {
    "PNG": "png",
    "JPEG": "jpg",
    "MPO": "jpg",  # a JPEG that holds several pictures
    "WEBP": "webp",
    "AVIF": "avif",
    "BMP": "bmp",
    "GIF": "gif",
    "TIFF": "tif",
}
FORMATS = tuple(name for name in SUFFIXES if name != "MPO")
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff")
# Changes whenever the same file could give other pixels.
RULES = "1"
ORIENTATION = 0x0112  # EXIF tag
WHITE = (255, 255, 255, 255)


class ImageFault(Exception):
    """Why an image cannot be judged, in a few words."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """An image as a judge sees it."""

    pixels: np.ndarray
    """``uint8``, ``(height, width, 3)``."""
    suffix: str
    """How the name of its file should end, e.g. ``png``."""
    changes: tuple[str, ...]
    """What was done to make it 8-bit RGB, e.g. ``laid on white``."""


def decode(data: bytes) -> Decoded:
    """The pixels of the image file `data`.

    Raises:
        ImageFault: it is empty, no image, damaged, animated, or too large.
    """
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise ImageFault("the file is empty")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as err:
        raise ImageFault("it is no image of a known format") from err
    except Exception as err:  # whatever the readers of the formats raise
        raise ImageFault(_too_large(err) or f"it is damaged: {first_line(err)}") from err
    with image:
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise ImageFault(f"it has {width} x {height} pixels, more than {MOST_PIXELS:,}")
        frames = getattr(image, "n_frames", 1)
        # A JPEG of several pictures holds one picture and its previews.
        if frames > 1 and image.format != "MPO":
            raise ImageFault(f"it has {frames} frames or pages, and only one can be judged")
        suffix = SUFFIXES[str(image.format)]
        try:
            image.load()
            return _in_rgb(image, suffix)
        except ImageFault:
            raise
        except Exception as err:  # as above
            raise ImageFault(_too_large(err) or f"it is damaged: {first_line(err)}") from err


def pixels_in(path: Path) -> np.ndarray:
    """The pixels of an image of a run, ``uint8``, ``(height, width, 3)``.

    Raises:
        RunDirectoryError: this machine cannot read it.
    """
    try:
        content = read_image(path)
    except OSError as err:
        raise RunDirectoryError(
            f"{path} cannot be read ({err}); give the same command again"
        ) from err
    return pixels_of(content, path)


def pixels_of(content: bytes, path: Path) -> np.ndarray:
    """As `pixels_in`, of the bytes of the image that is called `path`.

    Raises:
        RunDirectoryError: this machine cannot read it.
    """
    try:
        with quiet_pillow():
            return decode(content).pixels
    except ImageFault as err:
        raise RunDirectoryError(
            f"{path} cannot be read here: {err}; judge it with the versions that the run names"
        ) from err


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keep Pillow's warnings about odd files to itself while the block runs."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


def _too_large(error: Exception) -> str:
    from PIL import Image

    if isinstance(error, Image.DecompressionBombError | MemoryError):
        return f"it has more than {MOST_PIXELS:,} pixels"
    return ""


def _in_rgb(image: Image.Image, suffix: str) -> Decoded:
    from PIL import ImageOps

    changes: list[str] = []
    if image.getexif().get(ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
        changes.append("rotated as EXIF asks")
    if image.mode.startswith("I;16"):
        image = _in_8_bits(image)
        changes.append("16 bits reduced to 8")
    elif image.mode in ("I", "F"):
        raise ImageFault("its numbers are of 32 bits, and nothing says which are black and white")
    if image.has_transparency_data:
        image = _on_white(image)
        changes.append("laid on white")
    if image.mode != "RGB":
        changes.append(f"{image.mode} turned into RGB")
        image = image.convert("RGB")
    return Decoded(np.asarray(image), suffix, tuple(changes))


def _in_8_bits(image: Image.Image) -> Image.Image:
    from PIL import Image

    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))  # 65535 / 257 is 255


def _on_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    own = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", own.size, WHITE), own).convert("RGB")
