"""Shares estimated in two phases: every image has a verdict, and some have a label as well.

The labels are weighted so that, in each stratum of verdicts, they stand for all images of the
stratum (Neyman 1938; Cochran 1977, chapter 12). What is estimated is a share in the population that
the images come from, so that the variance has two parts: the images are a sample, and the labels
are a sample of the images. Both are summed over clusters, as the images of one prompt are alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.proportions import share_interval

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

Part = Callable[[FloatArray, FloatArray], FloatArray]
"""From the truth and the verdicts of items, zeros and ones, to what each adds to a total."""


@dataclass(frozen=True, eq=False)
class TwoPhase:
    """`n` judged items of which some are labelled."""

    verdict: FloatArray
    """``(n,)`` 1 where the judge says right, 0 where it says wrong."""
    truth: FloatArray
    """``(n,)`` 1 where the label says right, 0 where it says wrong, NaN without a label."""
    stratum: IntArray
    """``(n,)`` of each item; all items of a stratum have one verdict, and some are labelled."""
    weight: FloatArray
    """``(n,)`` how many items of its stratum a label stands for, up to a factor; 0 without one."""
    cluster: IntArray
    """``(n,)``"""

    @classmethod
    def of(
        cls, verdict: Any, truth: Any, stratum: Any, cluster: Any, weight: Any = 1.0
    ) -> TwoPhase:
        """From arrays of any type; `weight` counts only where there is a label.

        Raises:
            ValueError: a stratum has no label, or holds both verdicts.
        """
        truth = np.asarray(truth, dtype=np.float64)
        weight = np.where(np.isnan(truth), 0.0, np.broadcast_to(weight, truth.shape))
        _, strata = np.unique(np.asarray(stratum), return_inverse=True)
        _, clusters = np.unique(np.asarray(cluster), return_inverse=True)
        sample = cls(np.asarray(verdict, dtype=np.float64), truth, strata, weight, clusters)
        for one in range(strata.max(initial=-1) + 1):
            if np.ptp(sample.verdict[strata == one]) > 0:
                raise ValueError("the items of a stratum should have one verdict")
            if not sample.weight[strata == one].any():
                raise ValueError("a stratum without a label cannot be estimated")
        return sample

    @property
    def labelled(self) -> BoolArray:
        """``(n,)`` which items have a label."""
        return ~np.isnan(self.truth)

    def calibrated(self) -> FloatArray:
        """``(n,)`` weights of the labels that sum to each stratum's number of items."""
        sizes = np.bincount(self.stratum)
        return self.weight * (sizes / np.bincount(self.stratum, self.weight))[self.stratum]


def rate(sample: TwoPhase, *, level: float = 0.95) -> Interval:
    """The share of items that are truly right."""
    return ratio(sample, lambda y, f: y, lambda y, f: np.ones_like(y), level=level)


def ratio(sample: TwoPhase, numerator: Part, denominator: Part, *, level: float = 0.95) -> Interval:
    """The share of a part of the items in another part, e.g. of the accepted among the right.

    Args:
        sample: the items.
        numerator, denominator: what an item adds to either; the first never more than the second.
        level: coverage of the interval.

    Returns:
        The estimate, with `n` the labels that the denominator rests on; NaN throughout where it
        rests on none.
    """
    if not len(sample.truth):
        return undefined()
    estimate, variance = linearised(sample, numerator, denominator)
    own = sample.labelled.copy()
    own[own] = denominator(sample.truth[own], sample.verdict[own]) > 0
    clusters = len(np.unique(sample.cluster[own]))
    return share_interval(estimate, variance, n=int(own.sum()), clusters=clusters, level=level)


def linearised(sample: TwoPhase, numerator: Part, denominator: Part) -> tuple[float, float]:
    """A ratio of two estimated totals and its variance over clusters (Taylor linearisation)."""
    own = sample.labelled
    truth, verdict = sample.truth[own], sample.verdict[own]
    weights, stratum = sample.calibrated()[own], sample.stratum[own]
    top, bottom = numerator(truth, verdict), denominator(truth, verdict)
    total = float(weights @ bottom)
    if total == 0:
        return float("nan"), float("nan")
    estimate = float(weights @ top) / total
    size = len(sample.truth)

    def residual(truth: FloatArray, verdict: FloatArray) -> FloatArray:
        residuals = numerator(truth, verdict) - estimate * denominator(truth, verdict)
        return residuals * size / total

    residuals = residual(truth, verdict)
    sums = np.bincount(stratum, weights * residuals)
    means = sums / np.bincount(sample.stratum)
    influence = means[sample.stratum] / size
    influence[own] += weights / size * (residuals - means[stratum])
    variance = clustered_variance(influence, sample.cluster)
    return estimate, variance + unseen_variance(sample, residual)


def unseen_variance(sample: TwoPhase, residual: Part) -> float:
    """What strata add to a variance whose labels are all equal although not all items have one.

    Such labels say that the other value is rare and not that it does not exist. The variance is
    taken as that of the share 1 / (m + 2), with m the labelled clusters of the stratum: the mean of
    that share if every share was as likely before.

    Args:
        sample: the items.
        residual: what an item of this truth and verdict adds to the estimate, times their number.
    """
    return sum(_unseen(sample, one, residual) for one in range(sample.stratum.max() + 1))


def clustered_variance(influence: FloatArray, cluster: IntArray) -> float:
    """The variance of a sum of influences, ``(n,)``, whose clusters are independent."""
    sums = np.bincount(cluster, influence)
    count = len(sums)
    if count < 2:
        return float("nan")
    return float(count / (count - 1) * np.sum((sums - sums.mean()) ** 2))


def _unseen(sample: TwoPhase, stratum: int, residual: Part) -> float:
    inside = sample.stratum == stratum
    own = inside & sample.labelled
    if own.sum() == inside.sum() or np.ptp(sample.truth[own]) > 0:
        return 0.0
    verdict = sample.verdict[own][:1]
    step = residual(np.ones(1), verdict) - residual(np.zeros(1), verdict)
    clusters = len(np.unique(sample.cluster[own]))
    rare = 1 / (clusters + 2)
    share = inside.sum() / len(inside)
    return float((share * step[0]) ** 2 * rare * (1 - rare) / clusters)
