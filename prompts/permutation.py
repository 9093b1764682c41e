"""Seeded random numbers and permutations of ranges that are too large to list.

A Feistel network over two digits of mixed radix is a permutation that needs no memory. Results
outside the range are permuted again until they fall into it (cycle walking; Black and Rogaway,
*Ciphers with arbitrary finite domains*, CT-RSA 2002).
"""

from __future__ import annotations

from math import isqrt

ROUNDS = 4
_MASK = (1 << 64) - 1
# Constants of the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
_FIRST, _SECOND, _STEP = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x9E3779B97F4A7C15


def mix(value: int) -> int:
    """64 pseudo-random bits that depend only on `value`, the same on every machine."""
    value = (value * _STEP + _STEP) & _MASK
    value = ((value ^ (value >> 30)) * _FIRST) & _MASK
    value = ((value ^ (value >> 27)) * _SECOND) & _MASK
    return value ^ (value >> 31)


class Permutation:
    """A permutation of ``range(size)`` that is determined by a seed."""

    def __init__(self, size: int, *, seed: int) -> None:
        self.size = size
        # A rectangle barely larger than the range keeps the number of repeated steps small.
        self.height = max(isqrt(size), 1)
        self.width = -(-size // self.height)
        self.keys = tuple(mix(seed * ROUNDS + turn) for turn in range(ROUNDS))

    def __call__(self, index: int) -> int:
        """The image of `index`."""
        first, second, third, fourth = self.keys
        height, width, size = self.height, self.width, self.size
        while True:
            low, high = divmod(index, height)  # low below width, high below height
            low = (low + _hash(high ^ first)) % width
            high = (high + _hash(low ^ second)) % height
            low = (low + _hash(high ^ third)) % width
            high = (high + _hash(low ^ fourth)) % height
            index = low * height + high
            if index < size:
                return index


def _hash(value: int) -> int:
    value = (value ^ (value >> 31)) * _FIRST & _MASK
    value = (value ^ (value >> 29)) * _SECOND & _MASK
    return value >> 16
