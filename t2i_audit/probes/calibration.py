"""From ridge scores to probabilities: one temperature, fitted on leave-one-out scores.

Temperature scaling after Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# One-hot regression scores differ by about 1 at most, so a sharp probability needs a large factor.
INVERSE_TEMPERATURES = np.geomspace(0.25, 64.0, 25)


def fit_inverse_temperature(scores: FloatArray, labels: IntArray) -> float:
    """The factor on `scores`, ``(n, k)``, under which `labels`, ``(n,)``, are likeliest."""
    own = scores[np.arange(len(labels)), labels]
    # Differences of regression scores stay within a few units, so the exponentials do not overflow.
    lead = np.exp(INVERSE_TEMPERATURES[:, None, None] * (scores - own[:, None]))
    surprise = np.log(lead.sum(axis=2)).mean(axis=1)
    return float(INVERSE_TEMPERATURES[int(np.argmin(surprise))])


def probability_of(scores: FloatArray, labels: IntArray, inverse_temperature: float) -> FloatArray:
    """Probability of each row's own label, ``(n,)``."""
    probabilities = softmax(inverse_temperature * scores, axis=1)
    return np.asarray(probabilities[np.arange(len(labels)), labels])
