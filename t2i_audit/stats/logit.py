"""An interval on the logit scale, which cannot leave 0 to 1 and widens towards the middle."""

from __future__ import annotations

import math

from t2i_audit.results.interval import Interval


def logit_interval(
    estimate: float, variance: float, *, n: int, degrees: float, level: float = 0.95
) -> Interval:
    """The interval of `estimate`, between 0 and 1, by the delta method and Student's t.

    Args:
        estimate: strictly between 0 and 1.
        variance: of the estimate, above 0.
        n: items that the estimate rests on.
        degrees: degrees of freedom of the variance, above 0.
        level: coverage of the interval.
    """
    from scipy import special, stats

    centre = special.logit(estimate)
    error = math.sqrt(variance) / (estimate * (1 - estimate))
    reach = float(stats.t.ppf((1 + level) / 2, degrees)) * error
    lower, upper = special.expit([centre - reach, centre + reach])
    # Rounding of the two transforms may put an end a hair past the estimate.
    return Interval(estimate, min(float(lower), estimate), max(float(upper), estimate), n)
