"""R2: how much of the variance of a slot's one-hot values a probe explains, out of fold.

The paper's own figure (Redhardt et al. 2025). Unlike the accuracy it goes on rising where every
value is already the likeliest: until the scores are 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    folds: tuple[FoldErrors, ...], labels: IntArray, classes: int
) -> tuple[FloatArray, FloatArray]:
    """The variance explained, and all variance, by prompt and class; both ``(1, n, k)``.

    Their sums over prompts have R2 as their ratio. `labels` is ``(n,)``.
    """
    n = len(labels)
    tests, missed = np.zeros(n), np.zeros((n, classes))
    for fold in folds:
        tests[fold.tested] += 1
        missed[fold.tested] += fold.missed
    hot = np.eye(classes)[labels]
    share = tests @ hot / max(1.0, tests.sum())
    variance = tests[:, None] * (hot - share) ** 2
    return (variance - missed)[None], variance[None]
