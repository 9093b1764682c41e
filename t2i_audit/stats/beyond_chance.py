"""Intervals of agreement beyond chance: ``1 - disagreement / the disagreement of chance``."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from t2i_audit.results.interval import Interval
from t2i_audit.stats.jackknife import Jackknife, jackknife_interval

FloatArray = NDArray[np.float64]


def beyond_chance(
    agreed: Interval, chance: float, jackknifed: Jackknife, disagreed: FloatArray
) -> Interval:
    """The interval of a kappa or an alpha.

    Where several clusters disagree it is by the jackknife, on the scale of Fisher's z (Blackman and
    Koval 2000, Statistics in Medicine 19, p. 723). Where few or none do, no spread between them can
    be estimated: the interval is then that of the agreement with chance taken as known.

    Args:
        agreed: the share that agrees, with its own interval.
        chance: the share that would disagree by chance.
        jackknifed: the figure, and the figure without each cluster.
        disagreed: the share of each cluster that disagrees, ``(c,)``.
    """
    smaller = int(min((disagreed > 0).sum(), (disagreed < 1).sum()))
    found = jackknife_interval(
        jackknifed.estimate,
        jackknifed.variance,
        scale="correlation",
        n=agreed.n,
        smaller=smaller,
    )
    if not math.isnan(found.lower) or math.isnan(chance):
        return found
    lower, upper = (1 - (1 - end) / chance for end in (agreed.lower, agreed.upper))
    return Interval(
        jackknifed.estimate, min(lower, found.estimate), max(upper, found.estimate), agreed.n
    )
