"""Whether a judge's probabilities can be taken for what they say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from t2i_audit.analysis.labelled import Item, two_phase
from t2i_audit.results.interval import Interval
from t2i_audit.results.judge_card import Calibration, ReliabilityBin
from t2i_audit.stats.jackknife import clusters_of, jackknife, jackknife_interval
from t2i_audit.stats.proportions import share_interval
from t2i_audit.stats.two_phase import clustered_variance

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BINS = 10


def calibration(items: Sequence[Item]) -> Calibration | None:
    """Compare probabilities with labels; the labels are weighted to stand for all `items`.

    Returns:
        None where the judge gives no probabilities, or labels are too few.
    """
    own = [item for item in items if not math.isnan(item.probability)]
    sample = two_phase(own)
    if isinstance(sample, str):
        return None
    labelled = sample.labelled
    said = np.array([item.probability for item in own])[labelled]
    truth, cluster = sample.truth[labelled], sample.cluster[labelled]
    weight = sample.calibrated()[labelled]

    groups = clusters_of(cluster)

    def interval(statistic: Callable[[IntArray], float]) -> Interval:
        found = jackknife(statistic, groups)
        return jackknife_interval(
            found.estimate,
            found.variance,
            scale="share",
            n=len(truth),
            smaller=len(groups.members),
        )

    def brier(rows: IntArray) -> float:
        return float(np.average((said[rows] - truth[rows]) ** 2, weights=weight[rows]))

    def error(rows: IntArray) -> float:
        return expected_error(said[rows], truth[rows], weight[rows])

    return Calibration(
        brier=interval(brier),
        expected_error=interval(error),
        bins=_bins(said, truth, weight, cluster),
    )


def expected_error(said: FloatArray, truth: FloatArray, weight: FloatArray) -> float:
    """The expected calibration error over `BINS` bins of equal width; each argument is ``(n,)``."""
    place = bin_of(said)
    gaps = np.abs(np.bincount(place, weight * (said - truth), minlength=BINS))
    return float(gaps.sum() / weight.sum())


def bin_of(said: FloatArray) -> IntArray:
    """The bin of each probability, ``(n,)``; the last bin has both of its ends."""
    return np.minimum((said * BINS).astype(np.int64), BINS - 1)


def _bins(
    said: FloatArray, truth: FloatArray, weight: FloatArray, cluster: IntArray
) -> tuple[ReliabilityBin, ...]:
    place = bin_of(said)
    found = []
    for one in np.unique(place):
        rows = place == one
        own = weight[rows] / weight[rows].sum()
        share = float(own @ truth[rows])
        _, groups = np.unique(cluster[rows], return_inverse=True)
        variance = clustered_variance(own * (truth[rows] - share), groups)
        right = share_interval(share, variance, n=int(rows.sum()), clusters=groups.max() + 1)
        found.append(ReliabilityBin(float(own @ said[rows]), right))
    return tuple(found)
