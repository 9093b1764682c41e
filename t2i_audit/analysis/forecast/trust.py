"""How far to trust forecasts: their figures on compositions that were left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Pair
from t2i_audit.analysis.forecast.logistic import dispersion
from t2i_audit.analysis.ranks import auroc, levels_of
from t2i_audit.analysis.reliability import BINS, bin_of, expected_error
from t2i_audit.results.forecast import ReliabilityPoint, Trust
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.jackknife import (
    Groups,
    Scale,
    clusters_of,
    jackknife,
    jackknife_interval,
    over_pairs,
    pairs_of,
    smaller_side,
)
from t2i_audit.stats.shares import share_of_totals

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Forecasts of items beside their images; all ``(n,)``, of the items that have both."""

    risk: FloatArray
    wrong: FloatArray
    right: FloatArray
    compositions: tuple[frozenset[Pair], ...]
    types: NDArray[np.str_]
    """Prompt types."""

    @classmethod
    def of(
        cls,
        risk: FloatArray,
        wrong: FloatArray,
        right: FloatArray,
        compositions: Sequence[frozenset[Pair]],
        types: Sequence[str],
    ) -> Outcomes:
        """Of those items that were forecast and judged."""
        every = cls(risk, wrong, right, tuple(compositions), np.array(types, dtype=str))
        return every.among(~np.isnan(risk) & (wrong + right > 0))

    def among(self, chosen: NDArray[np.bool_]) -> Outcomes:
        """Of the items that are `chosen`, ``(n,)``."""
        own = tuple(self.compositions[row] for row in np.flatnonzero(chosen).tolist())
        return Outcomes(
            self.risk[chosen], self.wrong[chosen], self.right[chosen], own, self.types[chosen]
        )

    @property
    def images(self) -> int:
        """Judged images."""
        return int((self.wrong + self.right).sum())

    @property
    def pairs(self) -> Groups:
        """The items of each pair of constituents."""
        return pairs_of(self.compositions)

    @property
    def clusters(self) -> Groups:
        """The items of each content."""
        names = {own: number for number, own in enumerate(dict.fromkeys(self.compositions))}
        return clusters_of([names[own] for own in self.compositions])

    @property
    def smaller(self) -> int:
        """The smaller of the numbers of contents with a wrong and with a right image."""
        return smaller_side(self.clusters, self.wrong, self.right)

    def rate(self) -> Interval:
        """The share of wrong images, with an interval over contents."""
        members = self.clusters.members
        wrong = np.array([self.wrong[rows].sum() for rows in members])
        right = np.array([self.right[rows].sum() for rows in members])
        return share_of_totals(wrong, wrong + right) if members else undefined()

    def interval(self, statistic: Callable[[IntArray], float], scale: Scale) -> Interval:
        """`statistic` of the items, with an interval for compositions in general."""
        if not len(self.risk):
            return undefined()
        clusters = jackknife(statistic, self.clusters)
        pairs_an_item = float(np.mean([len(own) for own in self.compositions]))
        variance = over_pairs(
            jackknife(statistic, self.pairs), clusters, pairs_an_item=pairs_an_item
        )
        return jackknife_interval(
            clusters.estimate, variance, scale=scale, n=self.images, smaller=self.smaller
        )

    def auroc(self) -> Interval:
        """Whether wrong images have the higher forecasts."""
        levels = levels_of(-self.risk)
        return self.interval(
            lambda rows: auroc(levels[rows], self.wrong[rows], self.right[rows]), "share"
        )

    def auroc_within_types(self) -> Interval:
        """The same, with every wrong image compared to right images of its own prompt type."""
        levels = levels_of(-self.risk)
        masks = [self.types == name for name in np.unique(self.types)]

        def within(rows: IntArray) -> float:
            total = pairs = 0.0
            for mask in masks:
                own = rows[mask[rows]]
                wrong, right = self.wrong[own], self.right[own]
                compared = float(wrong.sum() * right.sum())
                if compared:
                    total += compared * auroc(levels[own], wrong, right)
                    pairs += compared
            return total / pairs if pairs else math.nan

        return self.interval(within, "share")


def trust_of(outcomes: Outcomes) -> Trust:
    """Every figure of `outcomes`."""
    wrong, right, risk = outcomes.wrong, outcomes.right, outcomes.risk

    def brier(forecast: FloatArray, rows: IntArray) -> float:
        squares = wrong * (1 - forecast) ** 2 + right * forecast**2
        return float(squares[rows].sum() / (wrong + right)[rows].sum())

    def gain(rows: IntArray) -> float:
        rate = wrong[rows].sum() / (wrong + right)[rows].sum()
        return float(rate * (1 - rate)) - brier(risk, rows)

    error = outcomes.interval(
        lambda rows: calibration_error(risk[rows], wrong[rows], right[rows]), "difference"
    )
    return Trust(
        auroc=outcomes.auroc(),
        auroc_within_types=outcomes.auroc_within_types(),
        brier=outcomes.interval(lambda rows: brier(risk, rows), "share"),
        gain=outcomes.interval(gain, "difference"),
        calibration_error=replace(error, lower=error.lower if error.lower > 0 else 0.0),
        calibration_error_by_chance=error_by_chance(risk, wrong, right),
        reliability=_reliability(outcomes),
        n_prompts=len(risk),
        n_compositions=len(outcomes.pairs.members),
        n_types=len(np.unique(outcomes.types)),
    )


def calibration_error(risk: FloatArray, wrong: FloatArray, right: FloatArray) -> float:
    """The expected calibration error over `BINS` bins of equal width; each argument is ``(n,)``."""
    return expected_error(risk, wrong / (wrong + right), wrong + right)


def error_by_chance(risk: FloatArray, wrong: FloatArray, right: FloatArray) -> float:
    """The calibration error to be expected of as many images if every risk were exact.

    A bin's gap is then normal about 0, so that its mean size is ``sqrt(2 / pi)`` of its standard
    deviation. The variance is that of independent images times their dispersion.
    """
    images = wrong + right
    if not images.sum():
        return math.nan
    variance = images * risk * (1 - risk)
    more = dispersion(risk, wrong, right, freedom=0)
    spread = np.sqrt(more * np.bincount(bin_of(risk), variance, minlength=BINS))
    return float(math.sqrt(2 / math.pi) * spread.sum() / images.sum())


def _reliability(outcomes: Outcomes) -> tuple[ReliabilityPoint, ...]:
    """One point for each bin that has items."""
    place = bin_of(outcomes.risk)
    points = []
    for one in np.unique(place):
        own = outcomes.among(place == one)
        risk = np.average(own.risk, weights=own.wrong + own.right)
        points.append(ReliabilityPoint(float(risk), own.rate()))
    return tuple(points)
