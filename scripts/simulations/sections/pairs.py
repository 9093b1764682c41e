"""1b: success where prompts share pairs of a colour and a shape, which have effects."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scripts.simulations.audited import rates_of
from scripts.simulations.cells import COVERAGE, FALSE_ALARM, Cell, Figure, Kept, kept
from scripts.simulations.images import Images, drawn
from scripts.simulations.worlds import PairEffects, sample_world

DRAWS = 300
PROMPTS = 480
THESE = ("these pairs, overall", "these pairs, held out")
GENERAL = ("pairs in general, overall", "pairs in general, held out", "pairs in general, seen")
APART = "a gap is found where none is"
# (rate, spread) -> the old figures in the order of the names above.
OLD = {
    (0.5, 0.0): (0.95, 0.93, 0.95, 0.94, 0.95, 0.005),
    (0.5, 0.5): (0.96, 0.96, 0.60, 0.75, 0.65, 0.070),
    (0.5, 1.0): (0.99, 0.98, 0.47, 0.55, 0.46, 0.230),
    (0.86, 1.0): (0.97, 0.98, 0.50, 0.65, 0.54, 0.127),
}


@dataclass(frozen=True)
class Pairs:
    """Success of the suite world-relations with pair effects of `spread` on the log odds."""

    rate: float
    spread: float

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(PROMPTS, rng)
        effects = PairEffects.draw(self.rate, self.spread, rng)
        success = drawn(effects.of(world.objects), 2, rng)
        images = Images(success, world.prompts)
        found = rates_of(images)
        assert found.pairs is not None
        # These pairs differ from draw to draw, so what is kept is the distance from their truth.
        result: dict[str, Kept] = {}
        own = found.overall, found.by_split["held_out"]
        for name, interval, truth in zip(THESE, own, effects.truths(), strict=True):
            result[name] = (
                interval.estimate - truth,
                interval.lower - truth,
                interval.upper - truth,
            )
        general = found.pairs.overall, *map(found.pairs.by_split.get, ("held_out", "seen"))
        for name, each in zip(GENERAL, general, strict=True):
            assert each is not None
            result[name] = kept(each)
        gap = found.pairs.gap
        result[APART] = math.nan if math.isnan(gap.lower) else float(gap.lower > 0 or gap.upper < 0)
        return result


def cells() -> Iterator[Cell]:
    """The cells of the table."""
    for (rate, spread), old in OLD.items():
        these = [
            Figure(name, "coverage", COVERAGE, old[place], truth=0.0)
            for place, name in enumerate(THESE)
        ]
        general = [
            Figure(name, "coverage", COVERAGE, old[len(THESE) + place], truth=rate)
            for place, name in enumerate(GENERAL)
        ]
        apart = Figure(APART, "rate", FALSE_ALARM, old[-1])
        yield Cell(
            "1b",
            f"world-relations, rate {rate}, pair effects of sd {spread}",
            DRAWS,
            Pairs(rate, spread),
            (*these, *general, apart),
        )
