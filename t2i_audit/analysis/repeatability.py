"""Repeatability of failures over seeds: the upper bound of what a prompt can predict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.analysis.success import judged_counts, outcome_array
from t2i_audit.results.interval import undefined
from t2i_audit.results.success import Repeatability
from t2i_audit.stats.beta_binomial import icc_interval

FloatArray = NDArray[np.float64]

# With fewer prompts a type, on average, too little is left of the figure within types: in
# simulations with 30 types of 2 prompts its interval covered 87 of 95.
FEWEST_OF_A_TYPE = 4

# An intraclass correlation up to this is called near 0: measured on a generator whose failures
# had a correlation of 0.05 between seeds, no predictor computed from the prompt got an AUROC
# outside 0.47 to 0.53.
NEAR_ZERO = 0.05


def repeatability(
    success: ArrayLike, clusters: ArrayLike, *, types: Sequence[str]
) -> Repeatability:
    """Intraclass correlation of success over seeds, with likelihood intervals.

    Each prompt has a probability of its own, drawn from a beta distribution; the correlation is
    that of two of its images (`t2i_audit.stats.beta_binomial.icc_interval`). It is undefined with
    fewer than two judged images of every prompt, with fewer than two prompts, and when all images
    came out alike.

    Args:
        success: 1 for a right image, 0 for a wrong one, NaN for one left out, `(n, seeds)`.
        clusters: the composition of each prompt, `(n,)`.
        types: prompt type of each prompt.
    """
    outcomes = outcome_array(success)
    groups = np.asarray(clusters)
    labels = np.asarray(types, dtype=str)
    if not len(groups) == len(labels) == len(outcomes):
        raise ValueError(
            f"`clusters` and `types` should have one entry per prompt ({len(outcomes)}); "
            f"got {len(groups)} and {len(labels)}"
        )
    judged = ~np.isnan(outcomes)
    kept = judged.any(axis=1)
    outcomes, groups, labels, judged = outcomes[kept], groups[kept], labels[kept], judged[kept]
    reason = _undefined_because(outcomes, judged)
    if reason:
        return Repeatability(undefined(), undefined(), reason)
    wrong, right = judged_counts(outcomes)
    images = wrong + right
    overall = icc_interval(right, images, groups)
    within = icc_interval(right, images, groups, strata=labels)
    if len(labels) < FEWEST_OF_A_TYPE * len(np.unique(labels)):
        within = undefined(within.n)
    return Repeatability(overall, within, "")


def _undefined_because(outcomes: FloatArray, judged: NDArray[np.bool_]) -> str:
    if not len(outcomes):
        return "no image was judged"
    if judged.sum(axis=1).max() < 2:
        return "no prompt has two judged images: repeatability needs at least 2 seeds"
    if len(outcomes) < 2:
        return "only one prompt has judged images"
    if np.nanmin(outcomes) == np.nanmax(outcomes):
        return "every image is right" if outcomes[judged][0] == 1 else "every image is wrong"
    return ""
