"""R2: how much of the variance of a slot's one-hot values a probe explains, out of fold.

The paper's own figure (Redhardt et al. 2025). Unlike the accuracy it goes on rising where every
value is already the likeliest: until the scores are 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.measures.figure import Figure, Resamples, mean_ratio
from t2i_audit.probes.reading import TargetReading

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class FoldErrors:
    """What one fold missed at the place that did best inside its training prompts."""

    tested: IntArray
    """``(m,)`` prompts."""
    missed: FloatArray
    """``(m, k)`` squared errors."""
    inner: float
    """Balanced accuracy inside the training prompts, by which the place is chosen."""

    def or_better(self, other: FoldErrors) -> FoldErrors:
        """The one that holds more prompts, then the one that did better inside; else this one."""
        own, others = ((len(each.tested), each.inner) for each in (self, other))
        return other if others > own else self


def fold_errors(reading: TargetReading) -> tuple[FoldErrors, ...]:
    """What each fold missed at one place."""
    folds = zip(reading.folds, reading.missed, strict=True)
    return tuple(FoldErrors(fold.tested, missed, fold.inner) for fold, missed in folds)


def explained(
    folds: Sequence[FoldErrors],
    labels: IntArray,
    classes: int,
    *,
    rows: IntArray,
    resamples: Resamples,
) -> Figure:
    """R2 over all tests, the mean over the classes that vary in them.

    Args:
        folds: from `fold_errors`.
        labels: of all prompts, ``(n,)``.
        classes: `k`.
        rows: the prompts of `resamples`.
        resamples: those of the figure.
    """
    tests, missed = np.zeros(len(labels)), np.zeros((len(labels), classes))
    for fold in folds:
        tests[fold.tested] += 1
        missed[fold.tested] += fold.missed
    own = tests[:, None] * np.eye(classes)[labels]

    def combine(sums: FloatArray) -> FloatArray:
        error, count = sums[:, :classes], sums[:, classes:]
        every = np.maximum(count.sum(axis=1, keepdims=True), 1)
        variation = count * (1 - count / every)
        return mean_ratio(variation - error, variation)

    n = int((tests[rows] > 0).sum())
    return resamples.of_sums(np.concatenate([missed, own], axis=1)[rows], combine, n=n)
