"""Rows of an array that may be mapped from disk, read a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]

# Numbers in a chunk, 16 MiB as float64.
CHUNK = 2**21


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of an array ``(m, d)`` that may be mapped from disk."""

    features: NDArray[np.floating]
    places: IntArray
    """``(n,)`` which rows, in order."""

    @classmethod
    def all(cls, features: NDArray[np.floating]) -> Rows:
        """Every row of `features`."""
        return cls(features, np.arange(len(features)))

    def __len__(self) -> int:
        return len(self.places)

    @property
    def width(self) -> int:
        """Features of a row, `d`."""
        return int(self.features.shape[1])

    @property
    def is_one_chunk(self) -> bool:
        """Whether `chunks` has all of them at once."""
        return len(self) * self.width <= CHUNK

    def chunks(self) -> Iterator[tuple[slice, FloatArray]]:
        """Which of the ``n`` rows come next, and those rows as float64, ``(c, d)``."""
        step = max(1, CHUNK // self.width)
        for start in range(0, len(self), step):
            part = slice(start, start + step)
            yield part, self.features[self.places[part]].astype(np.float64, copy=False)

    def mean(self) -> FloatArray:
        """Of each feature, ``(d,)``."""
        mean: FloatArray = np.sum([chunk.sum(axis=0) for _, chunk in self.chunks()], axis=0)
        return mean / len(self)

    def less(self, mean: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
        """As `chunks`, of the features less `mean`, ``(d,)``."""
        for part, chunk in self.chunks():
            chunk -= mean
            yield part, chunk

    def gram(self, mean: FloatArray) -> FloatArray:
        """Gram matrix, ``(d, d)``, of the features less `mean`."""
        gram = np.zeros((self.width, self.width))
        for _, chunk in self.less(mean):
            gram += chunk.T @ chunk
        return gram

    def columns(self, start: int, stop: int) -> FloatArray:
        """The features from `start` to `stop` of all rows, as float64, ``(n, c)``."""
        return self.features[:, start:stop][self.places].astype(np.float64)
