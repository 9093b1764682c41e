"""Verdicts of a real run: `builtin:sound` on the 480 prompts of world-relations with four seeds.

t2i-audit audit builtin:sound --suite world-relations --seeds 4 --no-denoiser-station
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# A digit a prompt, in the suite's order; its four bits are the seeds, 1 for a right image.
DIGITS = (
    "fffffdc73fffffffffffffffffffdffffffffffffffffffff7fbf7fdffffffafeffffaffffff3f0f"
    "fffffffffffffffffdffff7ffbffffffffffffffffffffffff1fbffffffffffffffffffffff0ffff"
    "ffffffff2ffdfffff7ffffff2fffffffebffffffff7ffffeffffffbffffffffffffffffffffbffff"
    "ff7ffffffffffeffffffffffafffffffff770fff7fffffffeff3fdfffffffbffffffffff0fffbfff"
    "ffffffffffffffffffffbfffffffffffffeffff9fffffffffffbfefffffcfffffffffffaffffffff"
    "ffffffffffffffffeffffffffffdfff0fffffffffffffffffffffffffffffffffffbffffffffbff3"
)


def verdicts() -> NDArray[np.float64]:
    """``(480, 4)`` 1 for a right image, 0 for a wrong one."""
    return np.array([[float(bit) for bit in f"{int(digit, 16):04b}"] for digit in DIGITS])
