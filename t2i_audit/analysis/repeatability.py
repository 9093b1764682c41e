"""Repeatability of failures over seeds: the upper bound of what a prompt can predict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.analysis.success import outcome_array
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.success import Repeatability
from t2i_audit.stats.bootstrap import cluster_bootstrap

FloatArray = NDArray[np.float64]

# An intraclass correlation up to this is called near 0: measured on a generator whose failures
# had a correlation of 0.05 between seeds, no predictor computed from the prompt got an AUROC
# outside 0.47 to 0.53.
NEAR_ZERO = 0.05


def repeatability(
    success: ArrayLike,
    clusters: ArrayLike,
    *,
    types: Sequence[str],
    rng: np.random.Generator,
    resamples: int = 1000,
) -> Repeatability:
    """Intraclass correlation of success over seeds, with intervals over compositions.

    ICC(1) of the one-way random-effects model (Shrout and Fleiss 1979, case 1; mean group size
    for unequal groups as in Donner 1986). It is undefined with fewer than two judged images of
    every prompt, with fewer than two prompts, and when all images came out alike.

    Args:
        success: 1 for a right image, 0 for a wrong one, NaN for one left out, `(n, seeds)`.
        clusters: the composition of each prompt, `(n,)`.
        types: prompt type of each prompt.
        rng: source of the resamples.
        resamples: bootstrap resamples of each interval.
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

    def interval(values: FloatArray) -> Interval:
        counts, sums, within = _parts(values, judged)
        return cluster_bootstrap(
            lambda index: _icc(counts[index], sums[index], within[index]),
            groups,
            rng=rng,
            resamples=resamples,
        )

    centred = outcomes.copy()
    for name in np.unique(labels):
        centred[labels == name] -= np.nanmean(outcomes[labels == name])
    return Repeatability(interval(outcomes), interval(centred), "")


def intraclass_correlation(values: ArrayLike) -> float:
    """ICC(1) of `values`, `(n, seeds)` with NaN for missing; NaN where undefined."""
    table = np.asarray(values, dtype=np.float64)
    judged = ~np.isnan(table)
    kept = judged.any(axis=1)
    return _icc(*_parts(table[kept], judged[kept]))


def _parts(
    values: FloatArray, judged: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Count, sum and sum of squares about the mean of each prompt's images."""
    counts = judged.sum(axis=1).astype(float)
    sums = np.where(judged, values, 0.0).sum(axis=1)
    deviations = np.where(judged, values - (sums / counts)[:, None], 0.0)
    return counts, sums, (deviations**2).sum(axis=1)


def _icc(counts: FloatArray, sums: FloatArray, within: FloatArray) -> float:
    n, images = counts.size, counts.sum()
    if n < 2 or images <= n:
        return float("nan")
    mean = sums.sum() / images
    between = float((counts * (sums / counts - mean) ** 2).sum()) / (n - 1)
    inside = float(within.sum()) / (images - n)
    size = (images - (counts**2).sum() / images) / (n - 1)
    spread = between + (size - 1) * inside
    # Rounding leaves a spread of about 1e-33 where every image came out alike.
    return float((between - inside) / spread) if spread > 1e-12 else float("nan")


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
