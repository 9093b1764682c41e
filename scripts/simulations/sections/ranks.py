"""1h: ranks of several models on one suite, with intervals that hold together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scripts.simulations.cells import FALSE_ALARM, Cell, Figure, Goal, Kept
from t2i_audit.analysis.ranking import all_differences
from t2i_audit.analysis.ranking.ranks import ranks_of

DRAWS = 400
ALL_RANKS, SAID = "all rank intervals hold", "a difference is said of equal models"
# Ranks are whole numbers: where models are far apart, no interval fails.
TOGETHER = Goal(0.95, 1.0)
# Of compositions on the logit scale: all models find the same ones hard, and each some of its own.
HARD, OWN = 1.5, 0.5


@dataclass(frozen=True)
class Ranked:
    """Models of given success on the logit scale, each with `images` images a composition."""

    logits: tuple[float, ...]
    compositions: int
    images: int

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        k, c = len(self.logits), self.compositions
        hard = rng.normal(0, HARD, c) + rng.normal(0, OWN, (k, c))
        chance = 1 / (1 + np.exp(-(np.array(self.logits)[:, None] + hard)))
        right = rng.binomial(self.images, chance).astype(float)
        found = all_differences(right, np.full((k, c), float(self.images)), rng=rng)
        ranks = ranks_of(found)
        held = all(
            rank.best <= 1 + sum(other > own for other in self.logits)
            and rank.worst >= k - sum(other < own for other in self.logits)
            for rank, own in zip(ranks, self.logits, strict=True)
        )
        said = any(rank.best > 1 or rank.worst < k for rank in ranks)
        return {ALL_RANKS: float(held), SAID: float(said)}


def cells() -> Iterator[Cell]:
    """The cells of the table."""
    held = Figure(ALL_RANKS, "rate", TOGETHER)
    for models in (2, 5, 20):
        for compositions, images in ((12, 4), (40, 4), (40, 1), (160, 4)):
            name = f"{models} equal models, {compositions} compositions x {images}"
            ranked = Ranked((0.0,) * models, compositions, images)
            yield Cell("1h", name, DRAWS, ranked, (held, Figure(SAID, "rate", FALSE_ALARM)))
        for name, low, high in (("20% to 80%", -1.4, 1.4), ("90% to 99%", 2.2, 4.6)):
            logits = tuple(np.linspace(low, high, models).tolist())
            ranked = Ranked(logits, 160, 4)
            yield Cell("1h", f"{models} models from {name}", DRAWS, ranked, (held,))
        alike = (0.0,) * (models - models // 2) + (0.5,) * (models // 2)
        yield Cell("1h", f"{models} models, half equal", DRAWS, Ranked(alike, 160, 4), (held,))
