"""A success rate corrected by a judge's errors on another run."""

from __future__ import annotations

import math

from t2i_audit.results.interval import Interval

LEVEL = 0.95


def rogan_gladen(judged: Interval, sensitivity: Interval, specificity: Interval) -> Interval | str:
    """The true share, from the judged share and the judge's errors elsewhere, or why there is none.

    ``(judged + specificity - 1) / (sensitivity + specificity - 1)`` (Rogan and Gladen 1978), with
    the interval of a ratio (Fieller 1954). The three figures are taken as independent and their
    errors as normal. Where the interval of the denominator reaches 0, that of the ratio has no
    ends, and nothing is estimated.

    Args:
        judged: share that the judge calls right on this run.
        sensitivity, specificity: of the judge on the other run.

    Returns:
        The estimate and its interval cut to [0, 1], with the labels of the other run as `n`.
    """
    from scipy import stats

    if not (sensitivity.is_defined and specificity.is_defined and judged.is_defined):
        return "the other run's labels do not give both sensitivity and specificity"
    z = float(stats.norm.ppf((1 + LEVEL) / 2))
    of_judged, of_right, of_wrong = (
        ((each.upper - each.lower) / (2 * z)) ** 2 for each in (judged, sensitivity, specificity)
    )
    top = judged.estimate + specificity.estimate - 1
    bottom = sensitivity.estimate + specificity.estimate - 1
    reach = z * math.sqrt(of_right + of_wrong)
    if math.isnan(reach) or bottom - reach <= 0:
        return (
            f"sensitivity + specificity - 1 is {bottom:.2f} [{bottom - reach:.2f}, "
            f"{bottom + reach:.2f}], and its interval must lie above 0"
        )
    # The ends solve (top - x bottom)^2 = z^2 var(top - x bottom).
    a = bottom**2 - reach**2
    b = top * bottom - z**2 * of_wrong
    c = top**2 - z**2 * (of_judged + of_wrong)
    half = math.sqrt(max(b**2 - a * c, 0.0)) / a
    lower, upper = b / a - half, b / a + half
    if upper < 0 or lower > 1:
        return (
            f"it would be {top / bottom:.2f} [{lower:.2f}, {upper:.2f}], so the judge's errors on "
            "the other run cannot be those on this one"
        )
    estimate, lower, upper = (min(max(x, 0.0), 1.0) for x in (top / bottom, lower, upper))
    return Interval(estimate, lower, upper, sensitivity.n + specificity.n)
