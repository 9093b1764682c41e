"""How decodability goes with success: over prompts, over values and types, and over models."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from t2i_audit.results.association import Association
from t2i_audit.results.interval import Interval, Number, undefined

PointVerdict = Literal["together", "opposite", "not_shown", "underpowered", "undefined"]


@dataclass(frozen=True)
class Point:
    """What is compared with others of its kind: a model, a value of a slot, or a prompt type."""

    name: str
    """E.g. ``builtin:patchy`` or ``object_1.colour=green``."""
    decodability: Interval
    success: Interval


@dataclass(frozen=True)
class PointCorrelation:
    """The correlation of success with a figure over points."""

    station: str
    figure: str
    """What success is correlated with, e.g. ``weakest slot`` or ``random weights``."""
    correlation: Interval
    """Pearson's, with its interval by Fisher's z; `n` counts points. Below 4 models, 5 values or 5
    prompt types it is NaN."""
    points: tuple[Point, ...]
    """Those that have both figures."""
    independent: int
    """How many independent points the interval takes them for."""
    ceiling: Number
    """The correlation that would be seen if the true one were 1, as far as the intervals of the
    points tell; NaN where a point has none."""
    smallest_detectable: Number
    """The true correlation that so many points, with errors as large as theirs, show with a
    probability of 80%; NaN where they show none so often."""
    verdict: PointVerdict
    sentence: str
    of_exact_figures: Interval = field(default_factory=undefined)
    """The correlation of what both figures would be without the points' errors, which its interval
    takes in; NaN where an error is not known, or the points are not independent."""


@dataclass(frozen=True)
class StationDifference:
    """Whether success goes with decodability more at one station than at another."""

    figure: str
    first: str
    second: str
    difference: Interval
    """The correlation at `first` less that at `second`; `n` counts models."""
    sentence: str


@dataclass(frozen=True)
class RunAssociations:
    """The associations within one run, by station."""

    run: str
    """Its directory."""
    model: str
    success: Interval
    prompts: dict[str, Association]
    values: dict[str, tuple[PointCorrelation, ...]]
    """Over the values of each slot, and of all slots together."""
    types: dict[str, PointCorrelation]
    """Over prompt types."""


@dataclass(frozen=True)
class Associations:
    """Associations at three levels.

    >>> import t2i_audit as t2i
    >>> found = t2i.associate(["runs/demo"])
    >>> found.name
    'world-relations, 8 prompts x 1 seed, judged by oracle'
    >>> found.runs[0].model
    'builtin:sound'
    """

    name: str
    """What the runs share: the suite, its size, the number of seeds, and the judge."""
    runs: tuple[RunAssociations, ...]
    """Best success first."""
    models: tuple[PointCorrelation, ...] = ()
    """Over models, the figures of each station before its baselines; empty for a single run."""
    differences: tuple[StationDifference, ...] = ()
    power: Number = math.nan
    """The probability that a true correlation of 0.9 over so many models is shown; NaN below 4."""
    notes: tuple[str, ...] = field(default=())
