"""1a: intervals of success where compositions have nothing in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scripts.simulations.audited import rates_of
from scripts.simulations.cells import COVERAGE, Cell, Figure, Kept, kept
from scripts.simulations.images import beta, separate

DRAWS = 500
CORRELATIONS = (0.0, 0.1, 0.5)
PARTS = ("overall", "held out", "rare type", "slot few prompts have")
# (compositions, rate) -> of each part the old coverage in percent at the three correlations; None
# where the old table gives a range.
OLD: dict[tuple[int, float], tuple[tuple[float | None, ...], ...]] = {
    (15, 0.5): ((94.4, 92.9, 93.2), (85.0, 85.6, 89.0), (58, 57, 75), (90.8, 90.5, 92.4)),
    (15, 0.02): ((None,) * 3,) * 4,
    (15, 0.97): ((None,) * 3,) * 4,
    (60, 0.5): ((95.3, 94.2, 93.7), (93.5, 92.5, 95.2), (88.0, 89.8, 87.3), (95.3, 95.5, 94.3)),
    (60, 0.02): ((92.8, 91.0, 90.0), (None,) * 3, (None,) * 3, (99.0, 99.0, 99.0)),
    (60, 0.97): ((89.5, 90.5, 89.3), (None,) * 3, (None,) * 3, (None,) * 3),
    (240, 0.02): ((93.0, 92.0, 91.0), (91.5, 88.8, 87.5), (None,) * 3, (89.8, 89.2, 89.8)),
    (240, 0.5): ((95.2, 93.0, 95.2), (96.5, 94.2, 96.0), (91.5, 90.2, 94.8), (None,) * 3),
    (240, 0.97): ((95.5, 91.0, 92.5), (92.0, 91.2, 89.5), (None,) * 3, (92.2, 93.5, 90.8)),
}
# Seeds and prompts a composition, which should not matter.
SHAPES = ((1, 2), (4, 2), (8, 2), (2, 1), (2, 8))


@dataclass(frozen=True)
class Rates:
    """Success of `compositions` at `rate`, with `correlation` within a composition."""

    compositions: int
    rate: float
    correlation: float
    seeds: int = 2
    per: int = 2

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        images = separate(
            self.compositions,
            lambda count: beta(self.rate, self.correlation, count, rng),
            rng,
            per=self.per,
            seeds=self.seeds,
        )
        found = rates_of(images)
        every = (
            found.overall,
            found.by_split["held_out"],
            found.by_type["rare"],
            found.by_slot["few"],
        )
        return {part: kept(interval) for part, interval in zip(PARTS, every, strict=True)}


def cells() -> Iterator[Cell]:
    """The cells of the table."""
    for (compositions, rate), old in OLD.items():
        for column, correlation in enumerate(CORRELATIONS):
            yield Cell(
                "1a",
                f"{compositions} compositions, rate {rate}, correlation {correlation}",
                DRAWS,
                Rates(compositions, rate, correlation),
                tuple(
                    Figure(part, "coverage", COVERAGE, _share(row[column]), truth=rate)
                    for part, row in zip(PARTS, old, strict=True)
                ),
            )
    for seeds, per in SHAPES:
        for rate, before in ((0.5, None), (0.97, None)):
            yield Cell(
                "1a",
                f"60 compositions of {per} prompts x {seeds} seeds, rate {rate}",
                DRAWS,
                Rates(60, rate, 0.1, seeds, per),
                (Figure("overall", "coverage", COVERAGE, before, truth=rate),),
            )


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100
