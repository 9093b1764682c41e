"""The whole regularisation path of a ridge regression from one factorisation.

With the singular value decomposition ``U S V'`` of the centred features a fit at strength alpha is
``U diag(s^2 / (s^2 + alpha)) U' (Y - mean) + mean`` (Hastie, Tibshirani and Friedman, Elements of
Statistical Learning, eq. 3.47).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.rows import FloatArray, IntArray, Rows

# Relative to the mean eigenvalue of the centred Gram matrix, so that they mean the same at
# every width and scale of the features.
RELATIVE_ALPHAS = tuple(10.0**power for power in np.arange(-4, 2.5, 0.5))


@dataclass(frozen=True, eq=False)
class Path(ABC):
    """Factorised training rows; fits any number of targets at any regularisation."""

    rows: Rows
    """The `n` training rows."""
    left: FloatArray | None
    """``(n, r)`` left singular vectors of the centred features; None if that is too much to keep,
    and they are computed again where they are needed."""
    singular: FloatArray
    """``(r,)`` singular values."""
    alphas: FloatArray
    """``(a,)`` absolute regularisation strengths, the `alpha` of scikit-learn's `Ridge`."""

    def predict_path(self, targets: NDArray, rows: Rows) -> FloatArray:
        """Fit ``(n, k)`` targets at every regularisation, and predict `rows`, ``(a, m, k)``."""
        centre, projected = self._project(targets)
        weights = self._shrinkage[:, :, None] * projected
        predictions = np.empty((len(self.alphas), len(rows), targets.shape[1]))
        for part, basis in self._in_basis(rows):
            np.matmul(basis, weights, out=predictions[:, part])
        predictions += centre
        return predictions

    def predict(self, targets: NDArray, alphas: FloatArray, rows: Rows) -> FloatArray:
        """Fit ``(n, k)`` targets, column j at ``alphas[j]``, and predict `rows`, ``(m, k)``."""
        centre, projected = self._project(targets)
        squares = self.singular[:, None] ** 2
        weights = squares / (squares + alphas) * projected
        predictions = np.empty((len(rows), targets.shape[1]))
        for part, basis in self._in_basis(rows):
            predictions[part] = basis @ weights + centre
        return predictions

    def predict_without(
        self, targets: NDArray, chosen: IntArray, rows: Rows, left_out: NDArray[np.bool_]
    ) -> FloatArray:
        """Predictions of `rows` by fits without each group of rows `left_out`, ``(g, m, k)``.

        Column j of `targets`, ``(n, k)``, is fitted at ``alphas[chosen[j]]``; `left_out` is
        ``(g, n)``. Without the rows G the coefficients change by ``-inverse(X'X + alpha I) X_G'
        inverse(I - H_GG) e_G``, with the residuals e and the hat matrix H of all rows (Cook and
        Weisberg 1982, Residuals and Influence in Regression, eq. 3.6.2; of one row it gives ESL
        7.64).
        """
        centre, projected = self._project(targets)
        kept = self._shrinkage[chosen]
        weights = kept.T * projected
        levels, level_of = np.unique(chosen, return_inverse=True)
        columns, n = np.arange(targets.shape[1]), len(self.rows)
        changed = np.tile(weights, (len(left_out), 1, 1))
        centres = np.tile(centre, (len(left_out), 1))
        for group, mask in enumerate(left_out):
            own = np.flatnonzero(mask)
            # A fit needs rows; without any it stays as it is.
            if not 0 < len(own) < n:
                continue
            left = self._left_of(own)
            residual = targets[own] - centre - left @ weights
            hat = (left * self._shrinkage[levels][:, None]) @ left.T + 1 / n
            solved = np.linalg.solve(np.eye(len(own)) - hat, residual)
            missed = solved[level_of, :, columns]
            changed[group] -= kept.T * (left.T @ missed.T)
            centres[group] -= missed.sum(axis=1) / n
        predictions = np.empty((len(left_out), len(rows), targets.shape[1]))
        for part, basis in self._in_basis(rows):
            predictions[:, part] = basis @ changed + centres[:, None]
        return predictions

    @abstractmethod
    def _in_basis(self, rows: Rows) -> Iterator[tuple[slice, FloatArray]]:
        """Any rows in the coordinates of `left`, a chunk at a time."""

    @abstractmethod
    def _left_of(self, places: IntArray) -> FloatArray:
        """Those of the `n` rows in the coordinates of `left`."""

    @abstractmethod
    def _project(self, targets: NDArray) -> tuple[FloatArray, FloatArray]:
        """Means ``(k,)`` of `targets`, ``(n, k)``, and their part along `left`, ``(r, k)``."""

    @cached_property
    def _shrinkage(self) -> FloatArray:
        """``(a, r)`` how much of each singular direction a fit keeps."""
        squares = self.singular**2
        kept: FloatArray = squares / (squares + self.alphas[:, None])
        return kept


def strengths(trace: float, directions: int) -> FloatArray:
    """The absolute strengths, ``(a,)``, of features with the Gram matrix's `trace`."""
    return np.array(RELATIVE_ALPHAS) * (trace / max(1, directions) or 1.0)


def singular_of(gram: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Singular values ``(r,)`` and vectors ``(m, r)`` of what has the Gram matrix `gram`."""
    eigenvalues, vectors = np.linalg.eigh(gram)
    # Eigenvalues carry rounding of this size, relative to the largest.
    kept = eigenvalues > max(eigenvalues[-1], 0) * 1e-12
    return np.sqrt(eigenvalues[kept]), vectors[:, kept]


class System(Protocol):
    """The same training rows where few regularisations are wanted, each a system of its own."""

    @property
    def alphas(self) -> FloatArray:
        """``(a,)`` as of `Path`."""

    def predict(self, targets: NDArray, alphas: FloatArray, rows: Rows) -> FloatArray:
        """As `Path.predict`."""
