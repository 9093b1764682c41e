"""What probes say of prompts whose slots are held or lost, as on the images of `make demo`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from scripts.simulations.audited import SlotReading
from scripts.simulations.images import FloatArray

BoolArray = NDArray[np.bool_]

# Beta distributions and spans that have the quantiles of the demo's table `decodability`: of
# colours that were merged and relations that were taken for each other, and of all others.
LOST = (2.2, 3.8)
HELD = (40.0, 1.2)
LOST_WIDTH = (0.05, 0.40)
HELD_WIDTH = (0.002, 0.08)
THRESHOLD = 0.75  # of every slot: half way from one half to certainty


def readings_of_slots(
    prompts: Sequence[Prompt], lost: dict[str, BoolArray], rng: np.random.Generator
) -> dict[str, SlotReading]:
    """Readings of every slot, which is lost where `lost`, ``(n,)`` by slot, says so."""
    n = len(prompts)
    slots = sorted({part.slot for prompt in prompts for part in prompt.constituents})
    found = {}
    for slot in slots:
        gone = lost.get(slot, np.zeros(n, dtype=bool))
        mean: FloatArray = np.where(gone, rng.beta(*LOST, n), rng.beta(*HELD, n))
        half = np.where(gone, rng.uniform(*LOST_WIDTH, n), rng.uniform(*HELD_WIDTH, n)) / 2
        found[slot] = SlotReading(
            mean, np.clip(mean - half, 0, 1), np.clip(mean + half, 0, 1), THRESHOLD
        )
    return found
