"""1d and 5: the intraclass correlation of failures over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scripts.simulations.audited import association_of, repeats_of
from scripts.simulations.cells import ALWAYS, COVERAGE, FALSE_ALARM, Cell, Figure, Kept, kept
from scripts.simulations.images import beta, separate

DRAWS = 150
COVERED, BIAS, CHANCE, POSITIVE = (
    "covered",
    "bias",
    "called chance although failures repeat",
    "upper end above 0",
)
WITHIN, WITHIN_BIAS = "within types, covered", "within types, bias"
# (prompts, rate) -> old coverage at a correlation of 0 and of .4, and old bias at .4.
OLD: dict[tuple[int, float], tuple[float, float, float]] = {
    (15, 0.5): (0.887, 0.913, -0.01),
    (60, 0.5): (0.947, 0.947, -0.01),
    (240, 0.5): (0.933, 0.927, 0.01),
    (15, 0.02): (0.986, 0.078, -0.16),
    (60, 0.02): (0.933, 0.385, -0.07),
    (240, 0.02): (0.173, 0.860, -0.02),
    (15, 0.97): (0.957, 0.205, -0.14),
    (60, 0.97): (0.769, 0.503, -0.09),
    (240, 0.97): (0.180, 0.927, -0.02),
}
OLD_CHANCE = {(15, 0.5): 0.76, (60, 0.5): 0.24, (60, 0.97): 0.92, (240, 0.97): 0.69}
OLD_SEEDS = {3: 0.66, 4: 0.59, 8: 0.66}


@dataclass(frozen=True)
class Repeats:
    """`prompts` whose success has this rate and intraclass correlation."""

    prompts: int
    rate: float
    correlation: float
    seeds: int = 2
    per: int = 1
    types: int = 1
    two_points: bool = False

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        names = [f"type {one % self.types}" for one in range(self.prompts // self.per)]
        images = separate(
            self.prompts // self.per,
            self._probability(rng),
            rng,
            per=self.per,
            seeds=self.seeds,
            types=names,
        )
        found = repeats_of(images)
        result: dict[str, Kept] = {COVERED: kept(found.overall)}
        if self.types > 1:
            return {
                WITHIN: kept(found.within_types),
                WITHIN_BIAS: found.within_types.estimate - self.correlation,
            }
        result[BIAS] = found.overall.estimate - self.correlation
        upper = found.overall.upper
        result[POSITIVE] = math.nan if math.isnan(upper) else float(upper > 0)
        if self.correlation:
            # Decodability that has nothing to do with failure, so that only the ICC decides.
            noise = rng.random(len(images.success))
            verdict = association_of(noise, None, images, rng=rng).verdict
            result[CHANCE] = math.nan if verdict == "undefined" else float(verdict == "chance")
        return result

    def _probability(self, rng: np.random.Generator):  # type: ignore[no-untyped-def]
        if not self.two_points:
            return lambda count: beta(self.rate, self.correlation, count, rng)
        # Two probabilities, as far from the rate as the correlation asks for.
        reach = math.sqrt(self.correlation * self.rate * (1 - self.rate))
        return lambda count: self.rate + reach * rng.choice([-1.0, 1.0], count)


def cells() -> Iterator[Cell]:
    """The cells of the table."""
    for (prompts, rate), (none, some, bias) in OLD.items():
        for correlation, old in ((0.0, none), (0.4, some)):
            figures = [Figure(COVERED, "coverage", COVERAGE, old, truth=correlation)]
            figures.append(Figure(BIAS, "value", None, bias if correlation else None))
            figures.append(Figure(POSITIVE, "rate", ALWAYS))
            if correlation:
                before = OLD_CHANCE.get((prompts, rate))
                figures.append(Figure(CHANCE, "rate", FALSE_ALARM, before))
            yield _cell(Repeats(prompts, rate, correlation), figures)
    for seeds, old in OLD_SEEDS.items():
        figures = [Figure(COVERED, "coverage", COVERAGE, old, truth=0.4)]
        yield _cell(Repeats(60, 0.97, 0.4, seeds), figures)
    covered = Figure(COVERED, "coverage", COVERAGE, truth=0.4)
    yield _cell(Repeats(60, 0.5, 0.4, two_points=True), [covered], ", two probabilities")
    yield _cell(Repeats(240, 0.5, 0.4, per=4), [covered], ", four prompts a composition")
    for types, prompts, old in ((3, 60, -0.008), (30, 60, -0.346)):
        # No estimate is below 0, so that where the truth is 0 they lie above it on average.
        figures = [
            Figure(WITHIN, "coverage", COVERAGE, truth=0.0),
            Figure(WITHIN_BIAS, "value", None, old),
        ]
        yield _cell(Repeats(prompts, 0.5, 0.0, types=types), figures, f", {types} types")


def _cell(simulate: Repeats, figures: list[Figure], more: str = "") -> Cell:
    name = (
        f"{simulate.prompts} prompts x {simulate.seeds} seeds, rate {simulate.rate}, "
        f"ICC {simulate.correlation}{more}"
    )
    return Cell("5", name, DRAWS, simulate, tuple(figures))
