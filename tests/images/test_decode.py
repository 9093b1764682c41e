"""Image files of every kind become 8-bit RGB, or are refused with a reason."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from t2i_audit.images.decode import MOST_PIXELS, Decoded, ImageFault, decode

SHADES = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def in_colour() -> Image.Image:
    return Image.fromarray(np.stack([SHADES, SHADES + 1, SHADES + 2], axis=2))


def test_an_rgb_image_stays_as_it_is() -> None:
    image = decode(saved(in_colour()))

    assert np.array_equal(image.pixels, np.asarray(in_colour()))
    assert (image.suffix, image.changes) == ("png", ())


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "WEBP", "AVIF"])
def test_lossless_formats_give_the_same_pixels(kind: str) -> None:
    options: dict[str, Any] = {"WEBP": {"lossless": True}}.get(kind, {})

    image = decode(saved(in_colour(), kind, **options))

    assert image.pixels.shape == (4, 6, 3)
    if kind != "AVIF":
        assert np.array_equal(image.pixels, np.asarray(in_colour()))


def test_a_gray_image_has_three_equal_channels() -> None:
    image = decode(saved(Image.fromarray(SHADES)))

    assert (image.pixels == SHADES[:, :, None]).all()
    assert image.changes == ("L turned into RGB",)


def test_sixteen_bits_become_eight_without_clipping() -> None:
    values = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)

    image = decode(saved(Image.fromarray(values)))

    # 257 steps of 16 bits are one of 8: 0, 1, 32768 / 257 = 127.5, 255.
    assert image.pixels[0, :, 0].tolist() == [0, 1, 128, 255]
    assert "16 bits reduced to 8" in image.changes


def test_a_palette_image_has_the_colours_of_its_palette() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1])

    assert decode(saved(image)).pixels.tolist() == [[[255, 0, 0], [0, 0, 255]]]


def test_a_cmyk_image_becomes_rgb() -> None:
    pixels = decode(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")).pixels

    assert np.abs(pixels.astype(int) - [255, 0, 0]).max() <= 2


def test_what_is_transparent_is_laid_on_white() -> None:
    image = Image.new("RGBA", (3, 1))
    image.putdata([(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 128)])

    decoded = decode(saved(image))

    # Half-transparent black on white: 255 x (1 - 128 / 255) = 127.
    assert decoded.pixels.tolist() == [[[255, 0, 0], [255, 255, 255], [127, 127, 127]]]
    assert decoded.changes == ("laid on white",)


def test_a_palette_with_a_transparent_colour_is_laid_on_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1])

    decoded = decode(saved(image, transparency=1))

    assert decoded.pixels.tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_exifs_rotation_is_carried_out() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise

    decoded = decode(saved(in_colour(), exif=exif))

    assert np.array_equal(decoded.pixels, np.rot90(np.asarray(in_colour()), -1))
    assert decoded.changes == ("rotated as EXIF asks",)


def animated() -> bytes:
    frames = [Image.fromarray(SHADES + step) for step in (0, 1)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def bomb(width: int, height: int) -> bytes:
    """A PNG that states a size and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "no image of a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no image of a known format"),
        (saved(in_colour())[:45], "is damaged"),
        (saved(in_colour(), "JPEG")[:300], "is damaged"),
        (animated(), "2 frames"),
        (bomb(8193, 8192), f"more than {MOST_PIXELS:,}"),
        (bomb(60_000, 60_000), f"more than {MOST_PIXELS:,}"),
        (saved(Image.new("I", (2, 2)), "TIFF"), "32 bits"),
        (saved(Image.new("F", (2, 2)), "TIFF"), "32 bits"),
    ],
    ids=["empty", "text", "eps", "cut png", "cut jpeg", "gif", "large", "bomb", "int", "float"],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_is_no_single_image_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(ImageFault, match=reason):
        decode(content)


@settings(deadline=None)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"]),
    at=st.floats(0, 1, exclude_max=True),
    flips=st.lists(st.integers(1, 255), max_size=4),
    kept=st.floats(0, 1),
)
@pytest.mark.filterwarnings("ignore::Warning")
def test_a_damaged_file_is_an_image_or_a_fault_and_nothing_else(
    kind: str, at: float, flips: list[int], kept: float
) -> None:
    content = bytearray(saved(in_colour(), kind))
    start = int(at * len(content))
    for offset, flip in enumerate(flips):
        content[(start + offset) % len(content)] ^= flip
    content = content[: int(kept * len(content))]
    try:
        found = decode(bytes(content))
    except ImageFault as fault:
        assert "\n" not in str(fault)
        return
    assert isinstance(found, Decoded)
    assert found.pixels.dtype == np.uint8 and found.pixels.shape[2] == 3
