"""Random streams: one for each seed and purpose, so that no choice disturbs another."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from scipy.special import ndtr, ndtri

# A truncated normal's standard deviation, cut at two of the untruncated one's.
TRUNCATED_DEVIATION = 0.87962566103423978


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The generator of `purpose` (teacher, support, data, ...) under `seed`."""
    return np.random.Generator(np.random.SFC64([seed, crc32(purpose.encode())]))


def truncated_normal(
    rng: np.random.Generator, shape: tuple[int, ...], deviation: float
) -> np.ndarray:
    """Normal values cut at two standard deviations, then scaled to `deviation`; float32."""
    low, high = ndtr(-2.0), ndtr(2.0)
    values = ndtri(rng.uniform(low, high, size=shape)) * (deviation / TRUNCATED_DEVIATION)
    return values.astype(np.float32)
