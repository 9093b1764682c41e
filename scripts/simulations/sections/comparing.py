"""6: the difference of two runs of the same prompts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats

from prompts.suite import load_suite
from scripts.simulations.audited import (
    FloatArray,
    comparison_of,
    planned_comparison,
    power_of_comparison,
)
from scripts.simulations.cells import (
    COVERAGE,
    FALSE_ALARM,
    REJECTION,
    Cell,
    Figure,
    Goal,
    Kept,
    kept,
)
from scripts.simulations.images import drawn
from scripts.simulations.sound_seeds import verdicts

DRAWS = 1000
COVERED, FOUND, SAID, SEEN = (
    "difference",
    "a difference found",
    "power said for 5 points, less how often they are seen",
    "5 points are seen by the prompts that were planned",
)
REPEATABILITY, SHARED = 0.3, 0.5
COMPOSITIONS, SEEDS, RATES = (15, 60, 240), (1, 2, 4), (0.05, 0.5, 0.95)
# Rates of a base and a better candidate.
PLANTED = ((0.05, 0.15), (0.5, 0.6), (0.85, 0.95))
FIVE = ((0.5, 0.55), (0.9, 0.95))
AIM = Goal(0.75, 0.85)


@dataclass(frozen=True)
class Pair:
    """Two models whose success differs over compositions, of which they share a part."""

    compositions: int
    seeds: int
    base: float
    candidate: float
    per: int = 1

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        base, candidate, clusters = self.draw(rng)
        found = comparison_of(base, candidate, clusters)
        return {COVERED: kept(found.difference), FOUND: float(found.p_value <= 0.05)}

    def draw(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, list[str]]:
        """Verdicts on both runs' images, and the composition of each prompt."""
        covariance = [[1, SHARED], [SHARED, 1]]
        ranks = stats.norm.cdf(rng.multivariate_normal([0, 0], covariance, self.compositions))
        total = 1 / REPEATABILITY - 1
        owner = np.repeat(np.arange(self.compositions), self.per)
        base, candidate = (
            drawn(stats.beta.ppf(column, mean * total, (1 - mean) * total)[owner], self.seeds, rng)
            for column, mean in zip(ranks.T, (self.base, self.candidate), strict=True)
        )
        return base, candidate, [str(one) for one in owner]


@dataclass(frozen=True)
class Power:
    """How often a difference of 5 points is seen, and how often that is said."""

    pair: Pair

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        images = self.pair.draw(rng)
        found = comparison_of(*images)
        said = next(each for each in power_of_comparison(*images) if each.points == 5)
        return {SAID: said.power - float(found.difference.lower > 0)}


@dataclass(frozen=True)
class Planned:
    """Runs of as many prompts as were planned from a base."""

    pair: Pair

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        base, _, clusters = self.pair.draw(rng)
        plan = planned_comparison(base, clusters, correlation=SHARED)
        prompts = next(each.prompts for each in plan if each.points == 5)
        if prompts is None:
            return {}
        larger = Pair(prompts, self.pair.seeds, self.pair.base, self.pair.candidate)
        found = comparison_of(*larger.draw(rng))
        return {SEEN: float(found.difference.lower > 0)}


@cache
def _compositions() -> list[str]:
    return [prompt.composition for prompt in load_suite("world-relations").prompts]


@dataclass(frozen=True)
class TwoSetsOfSeeds:
    """A real run of four seeds, dealt into two runs of two, prompt by prompt.

    The seeds of a prompt are exchangeable, so that a deal at random is as good as another audit of
    the same model. Resampling prompts with replacement from one deal would not do: it holds that
    deal's own difference for the truth, and the truth is 0.
    """

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        dealt = rng.permuted(verdicts(), axis=1)
        found = comparison_of(dealt[:, :2], dealt[:, 2:], _compositions())
        return {FOUND: float(found.p_value <= 0.05)}


def cells() -> Iterator[Cell]:
    """The cells of the table."""
    for compositions in COMPOSITIONS:
        for seeds in SEEDS:
            for rate in RATES:
                yield _pair(Pair(compositions, seeds, rate, rate))
    for rate in RATES:
        yield _pair(Pair(60, 2, rate, rate, per=4))
    for compositions in COMPOSITIONS:
        for base, candidate in PLANTED:
            yield _pair(Pair(compositions, 2, base, candidate))
    for base, candidate in FIVE:
        pair = Pair(240, 2, base, candidate)
        said = Figure(SAID, "value", Goal(-0.05, 0.05))
        yield Cell("6", f"{_name(pair)}, power", DRAWS, Power(pair), (said,))
        seen = Figure(SEEN, "rate", AIM)
        yield Cell("6", f"{_name(pair)}, planned", DRAWS // 2, Planned(pair), (seen,))
    figure = Figure(FOUND, "rate", FALSE_ALARM)
    yield Cell("6", "two sets of seeds of builtin:sound", DRAWS, TwoSetsOfSeeds(), (figure,))


def _pair(pair: Pair) -> Cell:
    difference = pair.candidate - pair.base
    figures = [Figure(COVERED, "coverage", COVERAGE, truth=difference)]
    if not difference:
        figures.append(Figure(FOUND, "rate", REJECTION))
    return Cell("6", _name(pair), DRAWS, pair, tuple(figures))


def _name(pair: Pair) -> str:
    each = f" of {pair.per} prompts" if pair.per > 1 else ""
    seeds = "1 seed" if pair.seeds == 1 else f"{pair.seeds} seeds"
    rates = (
        f"rate {pair.base}" if pair.base == pair.candidate else f"{pair.base} to {pair.candidate}"
    )
    return f"{pair.compositions} compositions{each}, {seeds}, {rates}"
