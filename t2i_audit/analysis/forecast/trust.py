"""How far to trust forecasts: their figures on compositions that were left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Pair
from t2i_audit.analysis.ranks import auroc, levels_of
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

BINS = 10


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Forecasts of items beside their images; all ``(n,)``, of the items that have both."""

    risk: FloatArray
    base: FloatArray
    """The rate of the items that the forecast was fitted to."""
    wrong: FloatArray
    right: FloatArray
    compositions: tuple[frozenset[Pair], ...]

    @classmethod
    def of(
        cls,
        risk: FloatArray,
        base: FloatArray,
        wrong: FloatArray,
        right: FloatArray,
        compositions: Sequence[frozenset[Pair]],
    ) -> Outcomes:
        """Of those items that were forecast and judged."""
        used = ~np.isnan(risk) & (wrong + right > 0)
        own = tuple(compositions[row] for row in np.flatnonzero(used))
        return cls(risk[used], base[used], wrong[used], right[used], own)

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


def trust_of(outcomes: Outcomes) -> Trust:
    """Every figure of `outcomes`."""
    wrong, right, risk, base = outcomes.wrong, outcomes.right, outcomes.risk, outcomes.base

    def brier(forecast: FloatArray, rows: IntArray) -> float:
        squares = wrong * (1 - forecast) ** 2 + right * forecast**2
        return float(squares[rows].sum() / (wrong + right)[rows].sum())

    everything = np.arange(len(risk))
    return Trust(
        auroc=outcomes.auroc(),
        brier=outcomes.interval(lambda rows: brier(risk, rows), "share"),
        base_brier=brier(base, everything) if len(risk) else float("nan"),
        gain=outcomes.interval(lambda rows: brier(base, rows) - brier(risk, rows), "difference"),
        calibration_error=outcomes.interval(
            lambda rows: calibration_error(risk[rows], wrong[rows], right[rows]), "share"
        ),
        reliability=_reliability(outcomes),
        n_prompts=len(risk),
        n_compositions=len(outcomes.pairs.members),
    )


def calibration_error(risk: FloatArray, wrong: FloatArray, right: FloatArray) -> float:
    """The expected calibration error over `BINS` bins of equal width; each argument is ``(n,)``."""
    gaps = np.bincount(_bin_of(risk), (wrong + right) * risk - wrong, minlength=BINS)
    return float(np.abs(gaps).sum() / (wrong + right).sum())


def _bin_of(risk: FloatArray) -> IntArray:
    return np.minimum((risk * BINS).astype(np.int64), BINS - 1)


def _reliability(outcomes: Outcomes) -> tuple[ReliabilityPoint, ...]:
    """One point for each bin that has items; its interval is over contents."""
    place = _bin_of(outcomes.risk)
    owner = np.empty(len(place), dtype=np.int64)
    for number, rows in enumerate(outcomes.clusters.members):
        owner[rows] = number
    points = []
    for one in np.unique(place):
        rows = place == one
        _, groups = np.unique(owner[rows], return_inverse=True)
        images = outcomes.wrong[rows] + outcomes.right[rows]
        failed = share_of_totals(
            np.bincount(groups, outcomes.wrong[rows]), np.bincount(groups, images)
        )
        points.append(
            ReliabilityPoint(float(np.average(outcomes.risk[rows], weights=images)), failed)
        )
    return tuple(points)
