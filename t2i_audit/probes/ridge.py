"""Ridge regression with an intercept, the whole regularisation path from one factorisation.

Leave-one-out residuals follow from the hat matrix, ``e_i / (1 - h_ii)`` (Hastie, Tibshirani and
Friedman, Elements of Statistical Learning, eq. 7.64).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Relative to the mean eigenvalue of the centred Gram matrix, so that they mean the same at
# every width and scale of the features.
RELATIVE_ALPHAS = tuple(10.0**power for power in np.arange(-4, 2.5, 0.5))
# A point with all the leverage would divide by zero; it then predicts itself.
LARGEST_LEVERAGE = 1 - 1e-6


@dataclass(frozen=True, eq=False)
class RidgePath:
    """The factorised training features; fits any number of targets at any regularisation."""

    mean: FloatArray
    """``(d,)`` feature means."""
    left: FloatArray
    """``(n, r)`` left singular vectors of the centred features."""
    singular: FloatArray
    """``(r,)`` singular values."""
    right: FloatArray
    """``(d, r)`` right singular vectors."""
    alphas: FloatArray
    """``(a,)`` absolute regularisation strengths, the `alpha` of scikit-learn's `Ridge`."""

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> RidgePath:
        """Factorise `features`, ``(n, d)``, by the smaller of the two Gram matrices."""
        values = np.asarray(features, dtype=np.float64)
        n, d = values.shape
        mean = values.mean(axis=0)
        centred = values - mean
        if n <= d:
            eigenvalues, left = np.linalg.eigh(centred @ centred.T)
        else:
            eigenvalues, right = np.linalg.eigh(centred.T @ centred)
        # Eigenvalues carry rounding of this size, relative to the largest.
        kept = eigenvalues > max(eigenvalues[-1], 0) * 1e-12
        singular = np.sqrt(eigenvalues[kept])
        if n <= d:
            left = left[:, kept]
            right = centred.T @ left / singular
        else:
            right = right[:, kept]
            left = centred @ right / singular
        scale = float(np.sum(singular**2)) / max(1, min(n, d)) or 1.0
        return cls(mean, left, singular, right, np.array(RELATIVE_ALPHAS) * scale)

    @cached_property
    def _shrinkage(self) -> FloatArray:
        """``(a, r)`` how much of each singular direction a fit keeps."""
        squares = self.singular**2
        kept: FloatArray = squares / (squares + self.alphas[:, None])
        return kept

    @cached_property
    def _doubt(self) -> FloatArray:
        """``(a, n)`` one minus each row's leverage, the intercept's share included."""
        leverage = self._shrinkage @ (self.left**2).T + 1 / len(self.left)
        doubt: FloatArray = 1 - np.minimum(leverage, LARGEST_LEVERAGE)
        return doubt

    def leave_one_out(self, targets: FloatArray) -> FloatArray:
        """Predictions of each row by the ridge fitted to the others, ``(a, n, k)``.

        `targets` is ``(n, k)``.
        """
        residual = targets - targets.mean(axis=0)
        projected = self.left.T @ residual
        fitted = self.left @ (self._shrinkage[:, :, None] * projected)
        predictions: FloatArray = targets - (residual - fitted) / self._doubt[:, :, None]
        return predictions

    def predict(
        self, targets: FloatArray, alphas: FloatArray, features: NDArray[np.floating]
    ) -> FloatArray:
        """Fit ``(n, k)`` targets, column j at ``alphas[j]``, and predict rows of `features`."""
        centre = targets.mean(axis=0)
        projected = self.left.T @ (targets - centre)
        shrunk = self.singular[:, None] / (self.singular[:, None] ** 2 + alphas[None]) * projected
        rows = np.asarray(features, dtype=np.float64) - self.mean
        return (rows @ self.right) @ shrunk + centre
