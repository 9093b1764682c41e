"""Whether failures repeat: by chance, or because a prompt is drawn wrong again and again.

Each prompt draws an outcome right at a rate of its own. Over prompts these rates follow a beta
distribution with mean ``m`` and intraclass correlation ``rho``, found from the moments:

    m = sum right / sum judged
    rho = (s - m^2) / (m - m^2),   s = sum right (right - 1) / sum judged (judged - 1)

(``s`` estimates the probability that two images of a prompt are both right). A prompt with
``right`` of ``judged`` images then has the rate

    p ~ Beta(m / rho - m + right, (1 - m) (1 / rho - 1) + judged - right)

and a wrong image of it is put down to chance with the weight ``P(p > 3/4)``: such a prompt is drawn
right in more than three of four images, and this one was not. Whatever is drawn right less often is
the denoiser's failure, also where no prompt fails more often than another: a relation that is right
in half of the images of every prompt is guessed, and not drawn with an occasional slip.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from t2i_audit.analysis.lost import OFTEN

FloatArray = NDArray[np.float64]

# Rates that are equal for all prompts, or each 0 or 1, are no beta distribution.
LEAST_CORRELATION, MOST_CORRELATION = 1e-3, 0.99

# Below three images of a prompt, one wrong image is no evidence of how often it is wrong.
FEWEST_IMAGES = 3


def chance_weights(right: FloatArray, judged: FloatArray, drawn: FloatArray) -> FloatArray:
    """``P(p > 3/4)`` for each prompt in each resample, `(b, n)`; see the top of this module.

    Args:
        right: right images of each prompt, `(n,)`.
        judged: judged images of each prompt, `(n,)`.
        drawn: weight of each prompt in each resample, `(b, n)`.
    """
    from scipy.special import betainc

    mean, correlation = moments(right, judged, drawn)
    rho = np.clip(np.nan_to_num(correlation), LEAST_CORRELATION, MOST_CORRELATION)
    # A rate of exactly 0 or 1 has no beta distribution; half an image keeps away from it.
    images = np.maximum(drawn @ judged, 1.0)
    inside = np.clip(np.nan_to_num(mean, nan=0.5), 0.5 / images, 1 - 0.5 / images)
    strength = 1 / rho - 1
    pairs, place = np.unique(np.column_stack([right, judged]), axis=0, return_inverse=True)
    above = 1 - betainc(
        (inside * strength)[:, None] + pairs[:, 0],
        ((1 - inside) * strength)[:, None] + (pairs[:, 1] - pairs[:, 0]),
        OFTEN,
    )
    weights: FloatArray = above[:, place.reshape(-1)]
    return weights


def moments(
    right: FloatArray, judged: FloatArray, drawn: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean rate and intraclass correlation in each resample, two `(b,)`; NaN where undefined."""
    images = drawn @ judged
    mean = np.divide(drawn @ right, images, out=np.full(len(drawn), np.nan), where=images > 0)
    pairs = drawn @ (judged * (judged - 1))
    both = np.divide(
        drawn @ (right * (right - 1)), pairs, out=np.full(len(drawn), np.nan), where=pairs > 0
    )
    variance = mean - mean**2
    correlation = np.divide(
        both - mean**2, variance, out=np.full(len(drawn), np.nan), where=variance > 1e-12
    )
    return mean, correlation


def tells_chance(judged: FloatArray) -> bool:
    """Whether most prompts have images enough to tell chance from the denoiser."""
    some = judged[judged > 0]
    return bool(len(some)) and float(np.median(some)) >= FEWEST_IMAGES
