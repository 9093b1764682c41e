"""Images as PNG files."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

MOST_THREADS = 8  # a machine with several GPUs has a process for each of them


def encode_pngs(images: np.ndarray) -> list[bytes]:
    """The contents of a PNG file for each of `images`, ``(b, h, w, 3)`` uint8.

    They are compressed in threads, as many as there are cores: of a megapixel one core compresses
    about two a second, which a fast sampler would wait for.
    """
    threads = min(MOST_THREADS, os.cpu_count() or 1, len(images))
    if threads < 2:
        return [_encode(each) for each in images]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(_encode, images))


def _encode(pixels: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
