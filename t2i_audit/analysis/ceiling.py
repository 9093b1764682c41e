"""How well any predictor from the prompt alone could do."""

from __future__ import annotations

import math

import numpy as np

from t2i_audit.results.interval import Interval

POINTS = 2000  # of the integral
NEAREST = 1e-3  # to 0 and 1, where a beta distribution has no density


def auroc_ceiling(failure_rate: float, icc: Interval) -> Interval:
    """The AUROC of a predictor that knows each prompt's own failure rate.

    Failure rates of prompts are taken as beta-distributed, with the intraclass correlation over
    seeds as given. The rate of a failed image's prompt is then drawn from Beta(a + 1, b), that of
    a right image's from Beta(a, b + 1), and the AUROC is the chance that the first is larger.
    """
    estimate, lower, upper = (
        _area(failure_rate, end) for end in (icc.estimate, icc.lower, icc.upper)
    )
    return Interval(estimate, lower, upper, icc.n)


def _area(mean: float, icc: float) -> float:
    from scipy import stats

    if math.isnan(icc) or math.isnan(mean) or not 0 < mean < 1:
        return math.nan
    if icc <= NEAREST:
        return 0.5
    if icc >= 1 - NEAREST:
        return 1.0
    total = 1 / icc - 1
    a, b = mean * total, (1 - mean) * total
    middle = (np.arange(POINTS) + 0.5) / POINTS
    return float(np.mean(stats.beta.cdf(stats.beta.ppf(middle, a + 1, b), a, b + 1)))
