"""Ridge regression from few rows, many fits at once, with every group left out in turn.

With the kernel ``K = X X'`` of features that are centred over all rows, whose labels are not looked
at, and ``Y`` one-hot, ``A = inverse(K + alpha I)`` gives the fit ``1/k + K(x, X) A (Y - 1/k)``.
The residuals of the rows of a group by the fit to all others are ``inverse(A_GG) (A (Y - 1/k))_G``,
without any refit (Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, section
5.4.2, for groups of one).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.rows import CHUNK, Rows

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]

# Relative to the mean eigenvalue of the training rows' kernel.
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


def centred_kernel(parts: Sequence[Rows], lines: IntArray) -> FloatArray:
    """Inner products of the rows `lines` with all rows of `parts`, less their mean, ``(m, n)``.

    The `n` rows of the parts are one after the other, and `lines`, ``(m,)``, are some of them.
    """
    kernel = np.zeros((len(lines), sum(map(len, parts))))
    step = max(1, CHUNK // max(1, kernel.shape[1]))
    for start in range(0, parts[0].width, step):
        features = np.concatenate([each.columns(start, start + step) for each in parts])
        features -= features.mean(axis=0)
        kernel += features[lines] @ features.T
    return kernel


@dataclass(frozen=True, eq=False)
class DualFit:
    """`b` fits, each to `m` rows."""

    weights: FloatArray
    """``(b, m, k)``."""
    held_out: FloatArray
    """``(b, m, k)`` scores of the training rows, each by the fit to the rows of other groups."""

    def scores(self, kernel: FloatArray) -> FloatArray:
        """Scores ``(b, t, k)`` of rows whose kernel with the training rows is ``(b, t, m)``."""
        return 1 / self.weights.shape[2] + kernel @ self.weights


def fit_dual(kernel: FloatArray, labels: IntArray, groups: IntArray, *, classes: int) -> DualFit:
    """Fit one-hot `labels` at the strength with the least squared error on groups left out.

    Args:
        kernel: of the training rows, ``(b, m, m)``.
        labels: ``(b, m)``, from 0 to `classes` - 1; not all need occur.
        groups: ``(b, m)``, of which each fit should have two at least.
        classes: `k`.
    """
    b, m, _ = kernel.shape
    truth = np.eye(classes)[labels]
    target = truth - 1 / classes
    together = groups[:, :, None] == groups[:, None, :]
    mean = np.trace(kernel, axis1=1, axis2=2) / m
    # Features that are all the same predict nothing at any strength.
    alpha = np.where(mean > 0, mean, 1.0)[:, None, None] * np.eye(m)
    least = np.full(b, np.inf)
    weights, residual = np.zeros((b, m, classes)), np.zeros((b, m, classes))
    for strength in STRENGTHS:
        inverse = np.linalg.inv(kernel + strength * alpha)
        own = inverse @ target
        missed = np.linalg.solve(inverse * together, own)
        error = (missed**2).sum(axis=(1, 2))
        better = error < least
        least[better] = error[better]
        weights[better], residual[better] = own[better], missed[better]
    return DualFit(weights, truth - residual)
