"""How many prompts a use needs."""

from __future__ import annotations

import math

# The variance of the difference of two shares of the same images is p (1 - p) + q (1 - q) less
# twice their covariance. Images from the same noise are no less alike than independent ones, so
# that it is 1/2 at most.
MOST_VARIANCE = 0.5


def half_width(prompts: int, *, variance: float = MOST_VARIANCE) -> float:
    """Half the width of the 95% interval of a use that so many prompts give, one image each.

    Args:
        prompts: of different compositions, at least 2.
        variance: of the difference of one image's two verdicts.
    """
    from scipy import stats

    return float(stats.t.ppf(0.975, prompts - 1)) * math.sqrt(variance / prompts)
