"""1g: correlations over the runs of a leaderboard."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scripts.simulations.audited import correlation_of
from scripts.simulations.cells import COVERAGE, FALSE_ALARM, Cell, Figure, Kept, kept
from t2i_audit.results.interval import Interval

DRAWS, NOISY_DRAWS = 600, 200
PEARSON, SPEARMAN, SAID = "Pearson", "Spearman", "said to go together"
EXACT = "Pearson of exact figures"
CORRELATIONS = (0.0, 0.7, 0.95)
# Runs -> old coverage of Pearson, then of Spearman, at the three correlations.
OLD: dict[int, tuple[tuple[float | None, ...], tuple[float | None, ...]]] = {
    4: ((0.883, 0.823, 0.720), (0.887, 0.770, 0.473)),
    5: ((0.873, 0.867, 0.777), (0.813, 0.920, 0.633)),
    6: ((0.907, 0.903, 0.880), (0.940, 0.970, 0.780)),
    8: ((0.913, 0.897, 0.880), (0.953, 0.973, 0.900)),
    12: ((0.897, 0.910, 0.923), (0.947, 0.983, 0.957)),
    20: ((0.893, 0.917, 0.887), (0.940, 0.973, 0.963)),
}
# Standard deviations over models, of the order of those of the built-in checkpoints.
SPREAD = 0.08


@dataclass(frozen=True)
class Board:
    """`runs` whose success and decodability are bivariate normal."""

    runs: int
    correlation: float
    noise: float = 0.0
    """Standard deviation of the error of each figure, in units of `SPREAD`."""

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        covariance = [[1, self.correlation], [self.correlation, 1]]
        points = rng.multivariate_normal([0, 0], covariance, self.runs)
        points += rng.normal(0, self.noise, points.shape) if self.noise else 0
        success, decodability = (
            [self._interval(0.5 + SPREAD * value) for value in column] for column in points.T
        )
        found = correlation_of(success, decodability)
        ends = found.pearson.lower, found.pearson.upper
        said = math.nan if math.isnan(ends[0]) else float(ends[0] > 0 or ends[1] < 0)
        return {
            PEARSON: kept(found.pearson),
            SPEARMAN: kept(found.spearman),
            SAID: said,
            EXACT: kept(found.of_exact_figures),
        }

    def _interval(self, value: float) -> Interval:
        half = 1.96 * self.noise * SPREAD
        return Interval(value, value - half, value + half, 1920)


def cells() -> Iterator[Cell]:
    """The cells of the table."""
    for runs, (pearson, spearman) in OLD.items():
        for column, correlation in enumerate(CORRELATIONS):
            # The rank correlation of a bivariate normal (Pearson 1907).
            ranks = 6 / math.pi * math.asin(correlation / 2)
            figures = [
                Figure(PEARSON, "coverage", COVERAGE, pearson[column], truth=correlation),
                Figure(SPEARMAN, "coverage", COVERAGE, spearman[column], truth=ranks),
            ]
            if correlation == 0:
                figures.append(Figure(SAID, "rate", FALSE_ALARM))
            name = f"{runs} runs, correlation {correlation}"
            yield Cell("1g", name, DRAWS, Board(runs, correlation), tuple(figures))
    for runs, correlation, noise, old in (
        (6, 0.95, 0.7, 0.56),
        (12, 0.95, 0.7, None),
        (12, 0.7, 0.4, None),
        (20, 0.9, 0.2, None),
    ):
        figure = Figure(EXACT, "coverage", COVERAGE, old, truth=correlation)
        name = f"{runs} runs, correlation {correlation}, errors of {noise} sd in both"
        yield Cell("1g", name, NOISY_DRAWS, Board(runs, correlation, noise), (figure,))
