"""An interval on the logit scale, which cannot leave 0 to 1 and widens towards the middle."""

from __future__ import annotations

import math

from t2i_audit.results.interval import Interval


def logit_interval(estimate: float, reach: float, *, n: int) -> Interval:
    """The interval of `estimate`, strictly between 0 and 1, by the delta method.

    Args:
        estimate: a share, or another figure from 0 to 1.
        reach: half of the width that an interval symmetric about the estimate would have, above 0.
        n: items that the estimate rests on.
    """
    from scipy import special

    centre, reach = special.logit(estimate), reach / (estimate * (1 - estimate))
    lower, upper = special.expit([centre - reach, centre + reach])
    # Rounding of the two transforms may put an end a hair past the estimate.
    return Interval(estimate, min(float(lower), estimate), max(float(upper), estimate), n)


def reach_of(variance: float, degrees: float, *, level: float = 0.95) -> float:
    """Half the width of a symmetric interval by Student's t; by the normal for infinite degrees."""
    from scipy import stats

    return float(stats.t.ppf((1 + level) / 2, degrees)) * math.sqrt(variance)
