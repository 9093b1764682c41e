"""Prompts of which one run gets more images right than the other."""

from __future__ import annotations

import math

import numpy as np

from t2i_audit.analysis.paired.rates import PairedImages
from t2i_audit.results.comparison import Flips


def flips_of(images: PairedImages) -> Flips:
    """Count the prompts that changed, with the exact test of as many in both directions.

    With one seed it is McNemar's test, which is the binomial test of the prompts that changed
    (McNemar 1947, Psychometrika 12, p. 153); with several it is the sign test. Both take prompts as
    independent. Prompts without an image that both runs judged do not count.
    """
    from scipy import stats

    both = images.both
    changes = np.where(both, images.candidate - images.base, 0).sum(axis=1)[both.any(axis=1)]
    better, worse = int((changes > 0).sum()), int((changes < 0).sum())
    p_value = math.nan
    if better + worse:
        p_value = float(stats.binomtest(better, better + worse).pvalue)
    return Flips(better, worse, int((changes == 0).sum()), p_value)
