"""From ridge scores to probabilities: one temperature, fitted on scores of rows left out.

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
# Behind by so much, a class has no probability at the smallest factor.
HOPELESS = -1e4


def fit_inverse_temperatures(scores: FloatArray, labels: IntArray) -> FloatArray:
    """The factors on `scores`, ``(t, n, k)``, under which `labels`, ``(t, n)``, are likeliest.

    A score of minus infinity is a class that cannot be; rows whose own label is one do not count.
    """
    tasks, n, classes = scores.shape
    is_own = labels[..., None] == np.arange(classes)
    own = scores[is_own].reshape(tasks, n)
    others = scores[~is_own].reshape(tasks, n, classes - 1)
    # Classes first, as sums over a short last axis are slow.
    lead = np.maximum(np.moveaxis(others, 2, 0) - np.where(np.isfinite(own), own, np.inf), HOPELESS)

    # What follows is the negative log likelihood, and its slope in the factor. Differences of
    # regression scores stay within a few units, so the exponentials do not overflow.
    def negative_log_likelihood(index: IntArray) -> FloatArray:
        odds = np.exp(INVERSE_TEMPERATURES[index][:, None] * lead).sum(axis=0)
        total: FloatArray = np.log1p(odds).sum(axis=1)
        return total

    def slope(index: IntArray) -> FloatArray:
        odds = np.exp(INVERSE_TEMPERATURES[index][:, None] * lead)
        total: FloatArray = ((lead * odds).sum(axis=0) / (1 + odds.sum(axis=0))).sum(axis=1)
        return total

    # It is convex, so halving finds the two factors between which it turns.
    low = np.zeros(tasks, dtype=int)
    high = np.full(tasks, len(INVERSE_TEMPERATURES) - 1)
    while (high - low > 1).any():
        middle = (low + high) // 2
        falls = slope(middle) < 0
        low, high = np.where(falls, middle, low), np.where(falls, high, middle)
    return INVERSE_TEMPERATURES[
        np.where(negative_log_likelihood(low) <= negative_log_likelihood(high), low, high)
    ]


def probability_of(
    scores: FloatArray, labels: IntArray, inverse_temperatures: FloatArray
) -> FloatArray:
    """Probability of each row's own label, ``(t, n)``; shapes as in `fit_inverse_temperatures`."""
    probabilities = softmax(inverse_temperatures[:, None, None] * scores, axis=2)
    own = np.take_along_axis(probabilities, labels[..., None], axis=2)
    return np.asarray(own[..., 0])
