"""Balanced accuracy with bootstrap intervals, from one set of resampled compositions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.stats.bootstrap import cluster_weights, percentile_interval
from t2i_audit.stats.interval import Interval

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BalancedAccuracy:
    """A figure with its value in every resample, so that differences stay paired."""

    interval: Interval
    resampled: FloatArray

    def minus(self, other: BalancedAccuracy) -> Interval:
        """The paired difference."""
        estimate = self.interval.estimate - other.interval.estimate
        n = min(self.interval.n, other.interval.n)
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
        nothing = np.full(len(self.weights), np.nan)
        return BalancedAccuracy(percentile_interval(float("nan"), nothing, 0), nothing)

    def balanced_accuracy(
        self, correct: FloatArray, labels: IntArray, classes: int
    ) -> BalancedAccuracy:
        """Mean over classes of the share of right readings.

        `correct` is ``(f, n)`` with NaN where a prompt is not tested; a prompt counts by its mean
        over the folds that test it. Classes that are never tested are left out.
        """
        tests = (~np.isnan(correct)).sum(axis=0)
        rows = np.flatnonzero(tests)
        if len(rows) == 0:
            return self.undefined()
        share = np.nansum(correct[:, rows], axis=0) / tests[rows]
        cells = self.cluster[rows] * classes + labels[rows]
        size = self.weights.shape[1] * classes
        right = np.bincount(cells, weights=share, minlength=size).reshape(-1, classes)
        count = np.bincount(cells, minlength=size).reshape(-1, classes).astype(np.float64)
        total = count.sum(axis=0)
        tested = total > 0
        estimate = float(np.mean(right.sum(axis=0)[tested] / total[tested]))
        drawn = self.weights @ count[:, tested]
        with np.errstate(invalid="ignore", divide="ignore"):
            recalls = np.where(drawn > 0, (self.weights @ right[:, tested]) / drawn, np.nan)
        counted = (~np.isnan(recalls)).sum(axis=1)
        resampled = np.nansum(recalls, axis=1) / np.where(counted > 0, counted, np.nan)
        return BalancedAccuracy(percentile_interval(estimate, resampled, len(rows)), resampled)

    def mean(self, scores: Sequence[BalancedAccuracy]) -> BalancedAccuracy:
        """The mean of several figures, resample by resample."""
        if not scores:
            return self.undefined()
        resampled = np.mean([score.resampled for score in scores], axis=0)
        estimate = float(np.mean([score.interval.estimate for score in scores]))
        n = max(score.interval.n for score in scores)
        return BalancedAccuracy(percentile_interval(estimate, resampled, n), resampled)
