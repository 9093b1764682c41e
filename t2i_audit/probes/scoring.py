"""Balanced accuracy with intervals that contain the fit: probes are fitted anew without parts.

The delete-d jackknife (Shao and Wu, Annals of Statistics 17, 1989, p. 1176): whole compositions are
dealt into 4 parts, several times over; a figure without a part is of probes that neither trained on
it nor are tested on it. So large a part is left out because a share of right readings is no smooth
function of the data: without small parts it changes by as much as without large ones, and would be
taken for more uncertain than it is. The folds and the settings chosen inside them stay as they are;
where values were dealt into folds several times, the scatter between these deals comes on top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.counts import PredictionCounts
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.proportions import share_interval

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]

PARTS = 4
DEALS = 6
# Figures that never differ in the jackknife are not taken for one and the same.
LARGEST_CORRELATION = 0.95


@dataclass(frozen=True)
class Spread:
    """Variance of what a figure is a mean over, such as draws of random weights."""

    variance: float
    """Of the figure."""
    degrees: float
    """Degrees of freedom."""


@dataclass(frozen=True, eq=False)
class BalancedAccuracy:
    """A figure with its value without each part of the prompts, so that differences stay paired."""

    estimate: float
    without: FloatArray
    """``(deals, parts)``."""
    n: int
    """Prompts it rests on."""
    compositions: int
    """Of these prompts."""
    of_tests: float
    """The variance that the tests alone would give it, were the probes fixed."""
    spreads: tuple[Spread, ...] = ()
    """Variances that come on top."""

    @cached_property
    def variance(self) -> float:
        """Over parts of the prompts, and of `spreads`."""
        return self._of_parts + sum(each.variance for each in self.spreads)

    @cached_property
    def _of_parts(self) -> float:
        return float(variance_without(self.without))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the variance (Satterthwaite 1946)."""
        deals, parts = self.without.shape
        freedom = max(1, deals * (parts - 1))
        terms = self._of_parts**2 / freedom
        terms += sum(each.variance**2 / each.degrees for each in self.spreads)
        return self.variance**2 / terms if terms > 0 else float(freedom)

    @cached_property
    def interval(self) -> Interval:
        """The wider, at each end, of two intervals.

        Student's t from the variance of refitting, and that of the tests alone, which is exact at 0
        and 1 (`share_interval`): the former knows nothing of tests that might have been wrong.
        """
        from scipy.special import stdtrit

        alone = share_interval(self.estimate, self.of_tests, n=self.n, clusters=self.compositions)
        if not alone.is_defined or not math.isfinite(self.variance):
            return alone
        reach = float(stdtrit(self.freedom, 0.975)) * math.sqrt(self.variance)
        lower, upper = max(0.0, self.estimate - reach), min(1.0, self.estimate + reach)
        return replace(alone, lower=min(alone.lower, lower), upper=max(alone.upper, upper))

    def minus(self, other: BalancedAccuracy) -> Interval:
        """The difference, from the intervals of both and their correlation over the parts.

        Zou, Psychological Methods 12, 2007, p. 406. Unlike a normal interval it keeps its width
        where both figures are 1.
        """
        ours, theirs = self.interval, other.interval
        n = min(self.n, other.n)
        if not (ours.is_defined and theirs.is_defined):
            return undefined(n)
        difference = ours.estimate - theirs.estimate
        correlation = self._correlation(other)

        def reach(one: float, two: float) -> float:
            return math.sqrt(max(0.0, one**2 + two**2 - 2 * correlation * one * two))

        down = reach(ours.estimate - ours.lower, theirs.upper - theirs.estimate)
        up = reach(ours.upper - ours.estimate, theirs.estimate - theirs.lower)
        return Interval(difference, difference - down, difference + up, n)

    def _correlation(self, other: BalancedAccuracy) -> float:
        covariance = float(
            variance_without(self.without + other.without)
            - variance_without(self.without - other.without)
        )
        scale = 4 * math.sqrt(self.variance * other.variance)
        return min(LARGEST_CORRELATION, covariance / scale) if scale > 0 else 0.0


NO_SPREAD = Spread(0.0, math.inf)


def _mean_of_known(recalls: FloatArray) -> FloatArray:
    """The mean over classes of ``(..., k)``, those without tests left out."""
    with np.errstate(invalid="ignore"):
        mean: FloatArray = np.nansum(recalls, axis=-1) / np.isfinite(recalls).sum(axis=-1)
    return mean


def _of_deals(values: FloatArray) -> tuple[Spread, ...]:
    """That of the mean of a figure's `values` in each deal of values into folds, ``(d,)``."""
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return ()
    return (Spread(float(np.var(known, ddof=1)) / len(known), len(known) - 1),)


def variance_without(values: FloatArray) -> FloatArray:
    """The jackknife variance of figures without each part, ``(deals, parts, ...)``."""
    parts = values.shape[1]
    scatter: FloatArray = np.var(values, axis=1).mean(axis=0)
    return (parts - 1) * scatter


@dataclass(frozen=True, eq=False)
class Jackknife:
    """The same parts of the prompts for every figure of a station."""

    left_out: BoolArray
    """``(deals, parts, n)`` which prompts each part holds."""
    cluster: IntArray
    """``(n,)`` composition of each prompt."""

    @classmethod
    def of(cls, clusters: Sequence[str], *, seed: int) -> Jackknife:
        """Deal whole `clusters`, ``(n,)``, into equal parts, anew for every deal."""
        names, cluster = np.unique(np.asarray(clusters), return_inverse=True)
        rng = np.random.default_rng(seed)
        parts = min(PARTS, len(names))
        places = [(rng.permutation(len(names)) % parts)[cluster] for _ in range(DEALS)]
        left_out = np.stack([np.arange(parts)[:, None] == place for place in places])
        return cls(left_out, cluster)

    @property
    def flat(self) -> BoolArray:
        """``(deals * parts, n)``."""
        return self.left_out.reshape(-1, self.left_out.shape[2])

    def undefined(self) -> BalancedAccuracy:
        """The figure of a control that was not run."""
        nothing = np.full(self.left_out.shape[:2], np.nan)
        return BalancedAccuracy(float("nan"), nothing, 0, 0, float("nan"))

    def balanced_accuracy(self, tally: PredictionCounts) -> BalancedAccuracy:
        """Mean over classes of the share of right readings.

        A prompt counts by its mean over the folds that test it. Classes that are never tested are
        left out.
        """
        recalls, trials = self._recalls(tally)
        tested = trials > 0
        means = _mean_of_known(recalls)
        own, rows = recalls[0, tested], np.flatnonzero(tally.tests)
        return BalancedAccuracy(
            float(means[0]),
            means[1:].reshape(self.left_out.shape[:2]),
            len(rows),
            self._compositions(rows),
            float(np.sum(own * (1 - own) / trials[tested])) / max(1, tested.sum()) ** 2,
            _of_deals(_mean_of_known(tally.recalls_by_deal())),
        )

    def recalls(self, tally: PredictionCounts) -> list[BalancedAccuracy]:
        """For each class the share of its prompts that are read right."""
        recalls, trials = self._recalls(tally)
        by_deal, shares = tally.recalls_by_deal(), []
        for index in range(tally.classes):
            rows = (tally.tests > 0) & (tally.labels == index)
            own = float(recalls[0, index])
            share = BalancedAccuracy(
                own,
                recalls[1:, index].reshape(self.left_out.shape[:2]),
                int(rows.sum()),
                int(trials[index]),
                own * (1 - own) / max(1, trials[index]),
                _of_deals(by_deal[:, index]),
            )
            shares.append(share)
        return shares

    def mean_accuracy(self, tallies: Sequence[PredictionCounts]) -> BalancedAccuracy:
        """The mean of their balanced accuracies."""
        return self.mean([self.balanced_accuracy(tally) for tally in tallies])

    def mean(self, scores: Sequence[BalancedAccuracy]) -> BalancedAccuracy:
        """The mean of several figures, part by part."""
        if not scores:
            return self.undefined()
        return BalancedAccuracy(
            float(np.mean([score.estimate for score in scores])),
            np.mean([score.without for score in scores], axis=0),
            max(score.n for score in scores),
            max(score.compositions for score in scores),
            # Of the same prompts, so that the mean may vary as much as each.
            float(np.mean([score.of_tests for score in scores])),
            tuple(
                Spread(
                    float(np.mean([each.variance for each in own])),
                    min(each.degrees for each in own),
                )
                for own in zip_longest(*(score.spreads for score in scores), fillvalue=NO_SPREAD)
            ),
        )

    def mean_over_draws(self, scores: Sequence[BalancedAccuracy]) -> BalancedAccuracy:
        """The mean of figures of networks with different random weights.

        Its variance is that of one more such network around the mean, ``s^2 (1 + 1/d)`` over `d`
        draws, as a checkpoint is to be told from such a network. A single draw has no spread.
        """
        mean, draws = self.mean(scores), len(scores)
        if draws < 2:
            return mean
        variance = float(np.var([score.estimate for score in scores], ddof=1))
        spread = Spread(variance * (1 + 1 / draws), draws - 1)
        return replace(mean, spreads=(*mean.spreads, spread))

    def _compositions(self, rows: IntArray | BoolArray) -> int:
        return int(np.count_nonzero(np.bincount(self.cluster[rows])))

    def _recalls(self, tally: PredictionCounts) -> tuple[FloatArray, IntArray]:
        """Shares of right readings by class, ``(1 + deals * parts, k)``: of all, and without each
        part; NaN where no prompt is tested. And the compositions tested of each class, ``(k,)``."""
        rows = np.flatnonzero(tally.tests)
        hot = np.eye(tally.classes)[tally.labels[rows]]
        kept = np.concatenate([np.ones((1, len(rows))), ~self.flat[:, rows]])
        shares = np.concatenate([tally.right[None, rows], tally.right_without[:, rows]])
        count = kept @ hot
        right = (kept * shares / tally.tests[rows]) @ hot
        tested = np.zeros((tally.classes, int(self.cluster.max(initial=-1)) + 1), dtype=bool)
        tested[tally.labels[rows], self.cluster[rows]] = True
        return np.where(count > 0, right / np.maximum(count, 1), np.nan), tested.sum(axis=1)
