"""What is simulated, what is kept of it, and what it is held to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from t2i_audit.results.interval import Interval

Kind = Literal["coverage", "rate", "value"]
Standing = Literal[
    "holds", "within error", "too narrow", "too wide", "too low", "too high", "not given", "-"
]
MISSED: tuple[Standing, ...] = ("too narrow", "too wide", "too low", "too high")
Kept = float | tuple[float, float, float]
"""Of one draw: a number, NaN where the program gives none, or an interval."""
Draw = Mapping[str, Kept]

# A figure is called missed only where its own interval over draws, at this level, has no part of
# its goal.
LEVEL = 0.95


@dataclass(frozen=True)
class Goal:
    """The range in which a figure should lie."""

    low: float
    high: float
    exact: bool = False
    """Whether every draw counts, so that no Monte-Carlo error is allowed for."""


COVERAGE = Goal(0.93, 0.98)
REJECTION = Goal(0.035, 0.065)
# Nothing is there to be found; less than the level is no fault of a rule that names somebody.
FALSE_ALARM = Goal(0.0, 0.065)
ALWAYS = Goal(1.0, 1.0, exact=True)
NEVER = Goal(0.0, 0.0, exact=True)


@dataclass(frozen=True)
class Figure:
    """One figure of a cell."""

    name: str
    kind: Kind
    goal: Goal | None = None
    old: float | None = None
    """What `shared/facts/validity.md` measured at commit b930cec; shares from 0 to 1."""
    truth: float = math.nan
    """What intervals should cover; NaN for the mean of the estimates over all draws."""


@dataclass(frozen=True)
class Cell:
    """One way to draw data, and the figures that come of it."""

    section: str
    """Of `shared/facts/validity.md`, such as ``1a``."""
    name: str
    draws: int
    simulate: Callable[[np.random.Generator], Draw]
    figures: tuple[Figure, ...]

    @property
    def key(self) -> str:
        """Names the cell among all."""
        return f"{self.section} {self.name}"


@dataclass(frozen=True)
class Measured:
    """A figure over all draws of a cell."""

    figure: Figure
    estimate: float
    """NaN where no draw gave it."""
    error: float
    """One Monte-Carlo standard error."""
    n: int
    """Draws that gave it."""
    given: float
    """Share of the draws that gave it."""
    reach: tuple[float, float] = (math.nan, math.nan)
    """Its interval over draws: the exact binomial one of a share (Clopper and Pearson 1934)."""
    below: float = math.nan
    """Of a coverage, the share of the intervals that lie below the truth."""

    @property
    def standing(self) -> Standing:
        """How the figure stands to its goal."""
        goal, kind = self.figure.goal, self.figure.kind
        if goal is None:
            return "-"
        if not self.n:
            return "not given"
        if goal.low <= self.estimate <= goal.high:
            return "holds"
        if not goal.exact and self.reach[0] <= goal.high and self.reach[1] >= goal.low:
            return "within error"
        below = self.estimate < goal.low
        if kind == "coverage":
            return "too narrow" if below else "too wide"
        return "too low" if below else "too high"

    @property
    def is_missed(self) -> bool:
        """Whether the goal is missed by more than Monte-Carlo error."""
        return self.standing in MISSED


def measure(figure: Figure, draws: Sequence[Draw]) -> Measured:
    """The figure over all `draws`."""
    kept = [draw[figure.name] for draw in draws if figure.name in draw]
    if figure.kind == "coverage":
        return _coverage(figure, kept, len(draws))
    values = np.array([value for value in kept if isinstance(value, float)])
    values = values[~np.isnan(values)]
    share = len(values) / len(draws) if draws else 0.0
    if not len(values):
        return Measured(figure, math.nan, math.nan, 0, share)
    if figure.kind == "rate":
        return _share(figure, values, share)
    mean, count = float(values.mean()), len(values)
    error = float(values.std(ddof=1)) / math.sqrt(count) if count > 1 else math.nan
    half = float(stats.t.ppf((1 + LEVEL) / 2, count - 1)) * error if count > 1 else math.inf
    return Measured(figure, mean, error, count, share, (mean - half, mean + half))


def kept(interval: Interval) -> tuple[float, float, float]:
    """What is kept of an interval."""
    return interval.estimate, interval.lower, interval.upper


def _coverage(figure: Figure, kept: Sequence[Kept], draws: int) -> Measured:
    table = np.array([value for value in kept if isinstance(value, tuple)], dtype=float)
    table = table.reshape(-1, 3)
    table = table[~np.isnan(table).any(axis=1)]
    share = len(table) / draws if draws else 0.0
    if not len(table):
        return Measured(figure, math.nan, math.nan, 0, share)
    estimates, lower, upper = table.T
    truth = float(estimates.mean()) if math.isnan(figure.truth) else figure.truth
    # Sums in another order differ by rounding, which is no miss.
    above, below = lower > truth + 1e-9, upper < truth - 1e-9
    return _share(figure, ~(above | below), share, below=float(below.mean()))


def _share(
    figure: Figure, values: np.ndarray, given: float, *, below: float = math.nan
) -> Measured:
    """The mean of `values`, each from 0 to 1, of which so many draws gave one."""
    n, ones = len(values), float(values.sum())
    # One more of either kind, so that the error is not 0 where all draws agree (Agresti and Coull).
    near = (ones + 1) / (n + 2)
    tail = (1 - LEVEL) / 2
    lower = float(stats.beta.ppf(tail, ones, n - ones + 1)) if ones > 0 else 0.0
    upper = float(stats.beta.ppf(1 - tail, ones + 1, n - ones)) if ones < n else 1.0
    return Measured(
        figure, ones / n, math.sqrt(near * (1 - near) / n), n, given, (lower, upper), below
    )
