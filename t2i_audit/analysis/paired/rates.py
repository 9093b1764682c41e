"""Success of two runs and its difference, over the images that both have a verdict on."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.results.comparison import PairedRate
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.jackknife import pairs_of
from t2i_audit.stats.paired_shares import PairedCounts, difference_over_pairs
from t2i_audit.stats.shares import clustered_share

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PairedImages:
    """Verdicts of two runs on images of the same prompts and seeds."""

    base: FloatArray
    """``(n, seeds)`` 1 for a right image, 0 for a wrong one, NaN for one without a verdict."""
    candidate: FloatArray
    """``(n, seeds)``"""
    clusters: NDArray[np.str_]
    """``(n,)`` the composition of each prompt."""

    @property
    def both(self) -> BoolArray:
        """``(n, seeds)`` whether both runs have a verdict."""
        return ~(np.isnan(self.base) | np.isnan(self.candidate))

    def of(self, rows: BoolArray) -> PairedImages:
        """Those of some prompts, ``(n,)``."""
        return PairedImages(self.base[rows], self.candidate[rows], self.clusters[rows])

    def flat(self) -> tuple[FloatArray, FloatArray, NDArray[np.str_]]:
        """The verdicts of base and candidate where both have one, and their compositions, each
        ``(images,)``."""
        both = self.both
        owners = np.repeat(self.clusters, both.sum(axis=1))
        return self.base[both], self.candidate[both], owners


def paired_rate(images: PairedImages) -> PairedRate:
    """The success of both runs and its difference; every `n` counts images of one run."""
    base, candidate, owners = images.flat()
    counts = PairedCounts.of(base, candidate, owners)
    return PairedRate(
        base=clustered_share(base, owners),
        candidate=clustered_share(candidate, owners),
        difference=counts.interval(),
        p_value=counts.p_value() if counts.n else math.nan,
    )


def rates_by(images: PairedImages, labels: Sequence[str | None]) -> dict[str, PairedRate]:
    """The same for the prompts of each label, in the order of the labels; None is no label."""
    column = np.array([label or "" for label in labels], dtype=str)
    rates = {
        name: paired_rate(images.of(column == name))
        for name in sorted({label for label in labels if label})
    }
    return {name: rate for name, rate in rates.items() if rate.difference.n}


def difference_in_general(images: PairedImages, pairs: Sequence[Collection[Hashable]]) -> Interval:
    """The difference for pairs of values in general; `pairs` are each prompt's (`Prompt.pairs`)."""
    base, candidate, owners = images.flat()
    if not len(base):
        return undefined()
    times = images.both.sum(axis=1)
    own = [pair for pair, count in zip(pairs, times, strict=True) for _ in range(count)]
    return difference_over_pairs(base, candidate, owners, pairs_of(own))
