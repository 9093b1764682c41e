"""Random generators: one for each seed and purpose, so that no draw depends on another."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from scipy.special import ndtr, ndtri

# Standard deviation of a standard normal variable truncated at -2 and 2.
TRUNCATED_DEVIATION = 0.87962566103423978


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The generator for one `purpose` (teacher, support, data, ...) under `seed`."""
    return np.random.Generator(np.random.SFC64([seed, crc32(purpose.encode())]))


def truncated_normal(
    rng: np.random.Generator, shape: tuple[int, ...], deviation: float
) -> np.ndarray:
    """Normal values truncated at two standard deviations, scaled to `deviation`; float32."""
    low, high = ndtr(-2.0), ndtr(2.0)
    values = ndtri(rng.uniform(low, high, size=shape)) * (deviation / TRUNCATED_DEVIATION)
    return values.astype(np.float32)
