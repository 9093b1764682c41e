"""Balanced accuracy with bootstrap intervals, from one set of resampled compositions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.threads import fitting_threads
from t2i_audit.results.interval import Interval
from t2i_audit.stats.bootstrap import cluster_weights, percentile_interval

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class PredictionCounts:
    """How often each prompt was read right, over the folds that test it."""

    right: FloatArray
    """``(n,)``."""
    tests: IntArray
    """``(n,)`` by how many folds the prompt was tested."""
    labels: IntArray
    """``(n,)``."""
    classes: int

    @classmethod
    def of(
        cls, labels: IntArray, classes: int, folds: Iterable[tuple[IntArray, NDArray[np.bool_]]]
    ) -> PredictionCounts:
        """Of the prompts that each fold tests, ``(m,)``, and which of them were read right."""
        right, tests = np.zeros(len(labels)), np.zeros(len(labels), dtype=int)
        for tested, correct in folds:
            right[tested] += correct
            tests[tested] += 1
        return cls(right, tests, labels, classes)


@dataclass(frozen=True, eq=False)
class BalancedAccuracy:
    """A figure with its value in every resample, so that differences stay paired."""

    estimate: float
    resampled: FloatArray
    n: int
    """Prompts it rests on."""

    @cached_property
    def interval(self) -> Interval:
        """The figure with its interval."""
        return percentile_interval(self.estimate, self.resampled, self.n)

    def minus(self, other: BalancedAccuracy) -> Interval:
        """The paired difference."""
        estimate = self.estimate - other.estimate
        n = min(self.n, other.n)
        return percentile_interval(estimate, self.resampled - other.resampled, n)


@dataclass(frozen=True, eq=False)
class Resampler:
    """The same resampled compositions for every figure of a station."""

    weights: FloatArray
    """``(resamples, c)`` how often each composition is drawn."""
    cluster: IntArray
    """``(n,)`` composition of each prompt."""

    @classmethod
    def of(cls, clusters: Sequence[str], *, seed: int, resamples: int) -> Resampler:
        """Draw the resamples once."""
        rng = np.random.default_rng(seed)
        return cls(*cluster_weights(np.asarray(clusters), rng=rng, resamples=resamples))

    def undefined(self) -> BalancedAccuracy:
        """The figure of a control that was not run."""
        return BalancedAccuracy(float("nan"), np.full(len(self.weights), np.nan), 0)

    def balanced_accuracy(self, tally: PredictionCounts) -> BalancedAccuracy:
        """Mean over classes of the share of right readings.

        A prompt counts by its mean over the folds that test it. Classes that are never tested are
        left out.
        """
        return self.balanced_accuracies([tally])[0]

    def balanced_accuracies(self, tallies: Sequence[PredictionCounts]) -> list[BalancedAccuracy]:
        """`balanced_accuracy` of each, all resampled by one product."""
        if not tallies:
            return []
        cells = [self._cells(tally) for tally in tallies]
        columns = np.concatenate([each for own in cells for each in own], axis=1)
        with fitting_threads(*self.weights.shape):
            drawn = self.weights @ columns
        scores, start = [], 0
        for tally, (right, count) in zip(tallies, cells, strict=True):
            k = tally.classes
            right_drawn, count_drawn = drawn[:, start : start + k], drawn[:, start + k :][:, :k]
            start += 2 * k
            # A class that no prompt of a resample has is left out of that resample's mean.
            recalls = right_drawn / np.where(count_drawn > 0, count_drawn, np.inf)
            with np.errstate(invalid="ignore"):
                resampled = recalls.sum(axis=1) / (count_drawn > 0).sum(axis=1)
            estimate = _estimate(right, count)
            scores.append(BalancedAccuracy(estimate, resampled, int((tally.tests > 0).sum())))
        return scores

    def estimate(self, tally: PredictionCounts) -> float:
        """`balanced_accuracy` without its resamples."""
        return _estimate(*self._cells(tally))

    def mean_accuracy(self, tallies: Sequence[PredictionCounts]) -> BalancedAccuracy:
        """The mean of their balanced accuracies."""
        return self.mean(self.balanced_accuracies(tallies))

    def mean(self, scores: Sequence[BalancedAccuracy]) -> BalancedAccuracy:
        """The mean of several figures, resample by resample."""
        if not scores:
            return self.undefined()
        resampled = np.mean([score.resampled for score in scores], axis=0)
        estimate = float(np.mean([score.estimate for score in scores]))
        return BalancedAccuracy(estimate, resampled, max(score.n for score in scores))

    def _cells(self, tally: PredictionCounts) -> tuple[FloatArray, FloatArray]:
        """Right readings and tested prompts of each composition and class, both ``(c, k)``."""
        rows = np.flatnonzero(tally.tests)
        cells = self.cluster[rows] * tally.classes + tally.labels[rows]
        shape = self.weights.shape[1], tally.classes
        size = shape[0] * shape[1]
        share = tally.right[rows] / tally.tests[rows]
        right = np.bincount(cells, weights=share, minlength=size).astype(np.float64)
        count = np.bincount(cells, minlength=size).astype(np.float64)
        return right.reshape(shape), count.reshape(shape)


def _estimate(right: FloatArray, count: FloatArray) -> float:
    total = count.sum(axis=0)
    tested = total > 0
    if not tested.any():
        return float("nan")
    return float(np.mean(right.sum(axis=0)[tested] / total[tested]))
