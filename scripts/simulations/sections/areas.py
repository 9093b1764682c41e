"""1c: intervals of the AUROC and of Spearman's correlation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import spearmanr

from scripts.simulations.audited import association_of
from scripts.simulations.cells import COVERAGE, NEVER, Cell, Figure, Kept, kept
from scripts.simulations.images import Images, separate

FloatArray = NDArray[np.float64]

DRAWS = 150
SLOPE = 1.5  # log odds of success for one standard deviation of a composition's quality
NOISE = 1.15  # sd of decodability about that quality
WORDS_NOISE = 2.0  # the same for the words alone
AUROC, WORDS, RANKS, GIVEN, BETWEEN = (
    "AUROC", "words-alone AUROC", "Spearman", "AUROC is given an interval",
    "between types, of one type",
)  # fmt: skip
POPULATION = 400_000  # compositions behind a truth; its error is below .002
# (compositions, rate) -> old coverage of the three figures.
OLD: dict[tuple[int, float], tuple[float, float, float]] = {
    (15, 0.5): (0.940, 0.907, 0.933),
    (60, 0.5): (0.940, 0.933, 0.937),
    (240, 0.5): (0.943, 0.930, 0.940),
    (15, 0.016): (0.528, 0.483, 0.478),
    (60, 0.016): (0.727, 0.744, 0.860),
    (240, 0.016): (0.937, 0.927, 0.930),
    (15, 0.974): (0.586, 0.608, 0.586),
    (60, 0.974): (0.823, 0.840, 0.900),
    (240, 0.974): (0.917, 0.933, 0.927),
}
OLD_BETWEEN = {(15, 0.016): 0.35, (15, 0.974): 0.34, (60, 0.016): 0.22}
OLD_SEEDS = {1: (0.930, 0.957, 0.927), 4: (0.960, 0.910, 0.963)}


@dataclass(frozen=True)
class Quality:
    """Compositions of a normal quality, on which success and decodability depend."""

    compositions: int
    rate: float
    slope: float = SLOPE
    seeds: int = 2
    per: int = 2

    def images(self, rng: np.random.Generator) -> tuple[Images, FloatArray, FloatArray]:
        """Images, decodability and the words alone of the prompts."""
        quality = rng.normal(size=self.compositions)
        chance = expit(intercept(self.rate, self.slope) + self.slope * quality)
        names = ["one"] * self.compositions
        images = separate(
            self.compositions, lambda _: chance, rng, per=self.per, seeds=self.seeds, types=names
        )
        n = self.compositions * self.per
        own = np.repeat(quality, self.per)
        read = expit(own + NOISE * rng.normal(size=n))
        words = expit(own + WORDS_NOISE * rng.normal(size=n))
        return images, read, words

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        images, read, words = self.images(rng)
        found = association_of(read, words, images, rng=rng)
        result: dict[str, Kept] = {
            AUROC: kept(found.auroc),
            WORDS: kept(found.presence_auroc),
            RANKS: kept(found.spearman),
        }
        if found.verdict != "undefined":
            result[GIVEN] = float(not math.isnan(found.auroc.lower))
            result[BETWEEN] = float(found.verdict == "between_types")
        return result


@cache
def intercept(rate: float, slope: float) -> float:
    """The log odds at mean quality with which success has this rate."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    weights = weights / weights.sum()
    return float(brentq(lambda base: weights @ expit(base + slope * nodes) - rate, -20, 20))


@cache
def truths(rate: float, slope: float, seeds: int) -> tuple[float, float, float]:
    """AUROC, that of the words alone, and Spearman's correlation in a large population."""
    rng = np.random.default_rng(0)
    quality = rng.normal(size=POPULATION)
    chance = expit(intercept(rate, slope) + slope * quality)
    read = quality + NOISE * rng.normal(size=POPULATION)
    words = quality + WORDS_NOISE * rng.normal(size=POPULATION)
    ranks = spearmanr(read, 1 - rng.binomial(seeds, chance) / seeds).statistic
    return area(read, chance), area(words, chance), float(ranks)


def area(read: FloatArray, chance: FloatArray) -> float:
    """The AUROC of failure by low `read` where success has these chances."""
    right = chance[np.argsort(read)]
    wrong = 1 - right
    above = right.sum() - np.cumsum(right)
    return float(wrong @ (above + right / 2) / (wrong.sum() * right.sum()))


def cells() -> Iterator[Cell]:
    """The cells of the table."""
    for (compositions, rate), old in OLD.items():
        simulate = Quality(compositions, rate)
        between = Figure(BETWEEN, "rate", NEVER, OLD_BETWEEN.get((compositions, rate)))
        yield _cell(simulate, old, between, Figure(GIVEN, "rate"))
    for seeds, old in OLD_SEEDS.items():
        yield _cell(Quality(60, 0.5, seeds=seeds), old)
    yield _cell(Quality(60, 0.974, slope=0.0), (0.857, 0.897, 0.864))


def _cell(simulate: Quality, old: tuple[float, float, float], *more: Figure) -> Cell:
    true = truths(simulate.rate, simulate.slope, simulate.seeds)
    figures = [
        Figure(name, "coverage", COVERAGE, before, truth=truth)
        for name, before, truth in zip((AUROC, WORDS, RANKS), old, true, strict=True)
    ]
    associated = "" if simulate.slope else ", no association"
    name = (
        f"{simulate.compositions} compositions, rate {simulate.rate}, {simulate.seeds} seeds"
        f"{associated}"
    )
    return Cell("1c", name, DRAWS, simulate, (*figures, *more))
