"""A figure with its resamples, of compositions and of the ways in which the prompts were split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.results.interval import Interval
from t2i_audit.stats.bootstrap import cluster_weights, percentile_interval

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure and its value in every resample, so that differences stay paired."""

    estimate: float
    resampled: FloatArray
    """``(resamples,)``."""
    n: int
    """Prompts it rests on."""

    @property
    def interval(self) -> Interval:
        """The figure with its 95% interval."""
        return percentile_interval(self.estimate, self.resampled, self.n)

    def minus(self, other: Figure) -> Figure:
        """The paired difference."""
        return Figure(
            self.estimate - other.estimate,
            self.resampled - other.resampled,
            min(self.n, other.n),
        )

    def plus(self, constant: float) -> Figure:
        """The figure moved by a number that is known."""
        return Figure(self.estimate + constant, self.resampled + constant, self.n)


@dataclass(frozen=True, eq=False)
class Resamples:
    """The same resamples for every figure of a station."""

    weights: FloatArray
    """``(resamples, c)`` how often each composition is drawn."""
    cluster: IntArray
    """``(n,)`` composition of each prompt."""
    seed: int

    @classmethod
    def of(cls, compositions: Sequence[str], *, seed: int, resamples: int) -> Resamples:
        """Draw them once, whatever the order of the prompts."""
        rng = np.random.default_rng(seed)
        return cls(*cluster_weights(np.asarray(compositions), rng=rng, resamples=resamples), seed)

    def undefined(self) -> Figure:
        """What could not be computed."""
        return Figure(float("nan"), np.full(len(self.weights), np.nan), 0)

    def ratio(self, numerator: FloatArray, denominator: FloatArray) -> Figure:
        """The mean over orders and classes of a ratio of sums over prompts.

        Args:
            numerator: ``(orders, n, k)``; its sum over prompts is divided by that of
            denominator: of the same shape, 0 where a prompt does not count. A class of which no
                prompt counts is left out.
        """
        k = denominator.shape[2]

        def combine(sums: FloatArray) -> FloatArray:
            return mean_ratio(sums[:, :k], sums[:, k:])

        both = np.concatenate([numerator, denominator], axis=2)
        n = int((denominator != 0).any(axis=(0, 2)).sum())
        return self.mean([self.of_sums(each, combine, n=n) for each in both])

    def of_sums(
        self, values: FloatArray, combine: Callable[[FloatArray], FloatArray], *, n: int
    ) -> Figure:
        """What `combine` makes of sums over prompts, ``(b, c)`` to ``(b,)``.

        Args:
            values: what is summed, ``(n, c)``.
            combine: NaN where the sums do not define the figure.
            n: prompts it rests on.
        """
        sums = np.zeros((self.weights.shape[1], values.shape[1]))
        np.add.at(sums, self.cluster, values)
        (estimate,) = combine(sums.sum(axis=0)[None])
        return Figure(float(estimate), combine(self.weights @ sums), n)

    def mean(self, figures: Sequence[Figure]) -> Figure:
        """The mean of figures that are a sample of more: of orders, or draws of random weights.

        In each resample as many of them are drawn, with replacement, as there are.
        """
        if not figures:
            return self.undefined()
        values = np.stack([each.resampled for each in figures])
        rng = np.random.default_rng(self.seed)
        drawn = rng.integers(len(figures), size=values.shape)
        return Figure(
            float(np.mean([each.estimate for each in figures])),
            np.take_along_axis(values, drawn, axis=0).mean(axis=0),
            max(each.n for each in figures),
        )


def mean_ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """The mean over the last axis of those ratios whose denominator is not 0; NaN for none."""
    there = denominator != 0
    ratios = np.where(there, numerator, 0) / np.where(there, denominator, 1)
    count = there.sum(axis=1)
    return np.asarray(ratios.sum(axis=1) / np.where(count > 0, count, np.nan))
