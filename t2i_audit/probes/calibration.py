"""From ridge scores to probabilities: one temperature, fitted on leave-one-out scores.

Temperature scaling after Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]

# One-hot regression scores differ by about 1 at most, so a sharp probability needs a large factor.
INVERSE_TEMPERATURES = np.geomspace(0.25, 64.0, 25)


def fit_inverse_temperatures(scores: FloatArray, labels: IntArray) -> FloatArray:
    """The factors on `scores`, ``(t, n, k)``, under which `labels`, ``(t, n)``, are likeliest.

    A score of minus infinity is a class that cannot be; rows whose own label is one do not count.
    """
    # Classes first, as sums over a short last axis are slow.
    lead = np.ascontiguousarray(np.moveaxis(scores, 2, 0))
    own = np.take_along_axis(lead, labels[None], axis=0)
    counted = np.isfinite(own[0])
    lead -= np.where(counted, own, np.inf)

    def surprise(index: IntArray) -> FloatArray:
        # Differences of regression scores stay within a few units: the exponentials don't overflow.
        odds = np.exp(INVERSE_TEMPERATURES[index][:, None] * lead).sum(axis=0)
        total: FloatArray = np.log(odds, where=counted, out=np.zeros_like(odds)).sum(axis=1)
        return total

    # The surprise is convex in the factor, so halving finds the first of the likeliest.
    low = np.zeros(len(scores), dtype=int)
    high = np.full(len(scores), len(INVERSE_TEMPERATURES) - 1)
    while (low < high).any():
        middle = (low + high) // 2
        falls = surprise(middle) > surprise(np.minimum(middle + 1, len(INVERSE_TEMPERATURES) - 1))
        low = np.where(falls & (low < high), middle + 1, low)
        high = np.where(falls, high, middle)
    return INVERSE_TEMPERATURES[low]


def probability_of(
    scores: FloatArray, labels: IntArray, inverse_temperatures: FloatArray
) -> FloatArray:
    """Probability of each row's own label, ``(t, n)``; shapes as in `fit_inverse_temperatures`."""
    probabilities = softmax(inverse_temperatures[:, None, None] * scores, axis=2)
    own = np.take_along_axis(probabilities, labels[..., None], axis=2)
    return np.asarray(own[..., 0])
