"""Ridge regression whose regularisation is chosen by the error of each row left out.

With the singular value decomposition ``U S V'`` of the centred features a fit at strength alpha is
``U diag(s^2 / (s^2 + alpha)) U' (Y - mean) + mean`` (Hastie, Tibshirani and Friedman, Elements of
Statistical Learning, eq. 3.47). Leave-one-out residuals follow from the hat matrix,
``e_i / (1 - h_ii)`` (eq. 7.64).

What is kept does not grow with the number of rows: of many rows only the Gram matrix of the
features, ``(d, d)``, is factorised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.rows import FloatArray, IntArray, Rows
from t2i_audit.probes.system import strengths

# A point with all the leverage would divide by zero; it then predicts itself.
LARGEST_LEVERAGE = 1 - 1e-6


@dataclass(frozen=True, eq=False)
class RidgePath:
    """The factorised training features; fits any number of targets at any regularisation."""

    rows: Rows
    """The `n` training rows."""
    left: FloatArray | None
    """``(n, r)`` left singular vectors of the centred features; None if that is too much to keep,
    and they are computed again where they are needed."""
    singular: FloatArray
    """``(r,)`` singular values."""
    alphas: FloatArray
    """``(a,)`` absolute regularisation strengths, the `alpha` of scikit-learn's `Ridge`."""
    mean: FloatArray
    """``(d,)`` feature means."""
    right: FloatArray
    """``(d, r)`` right singular vectors."""

    @classmethod
    def of(cls, features: NDArray[np.floating] | Rows) -> RidgePath:
        """Factorise `features`, ``(n, d)``, by the smaller of the two Gram matrices."""
        rows = features if isinstance(features, Rows) else Rows.all(features)
        n, d = len(rows), rows.width
        left: FloatArray | None
        mean = rows.mean()
        if n <= d:
            centred = np.concatenate([chunk for _, chunk in rows.less(mean)])
            singular, left = singular_of(centred @ centred.T)
            right = centred.T @ left / singular
        else:
            singular, right = singular_of(rows.gram(mean))
            left = next(rows.less(mean))[1] @ right / singular if rows.is_one_chunk else None
        alphas = strengths(float(np.sum(singular**2)), min(n, d))
        return cls(rows, left, singular, alphas, mean, right)

    def errors(self, targets: NDArray) -> FloatArray:
        """Squared errors of each row predicted by the ridge fitted to the others, ``(a, k)``.

        They are sums over the rows of `targets`, ``(n, k)``.
        """
        centre, projected = self._project(targets)
        one_minus_leverage = self._one_minus_leverage
        total = np.zeros((len(self.alphas), targets.shape[1]))
        weights = self._weights(self._shrinkage[:, :, None] * projected)
        for part, basis in self._bases():
            residual = targets[part] - centre
            for index, own in enumerate(weights):
                missed = residual - basis @ own
                missed /= one_minus_leverage[index, part, None]
                total[index] += np.einsum("nk,nk->k", missed, missed)
        return total

    def leave_one_out(self, targets: NDArray, chosen: IntArray) -> FloatArray:
        """Predictions of each row by the ridge fitted to the others, ``(n, k)``.

        Column j of `targets`, ``(n, k)``, is fitted at ``alphas[chosen[j]]``.
        """
        centre, projected = self._project(targets)
        weights = self._weights(self._shrinkage[chosen].T * projected)
        predictions = np.empty(targets.shape)
        for part, basis in self._bases():
            residual = targets[part] - centre
            missed = (residual - basis @ weights) / self._one_minus_leverage[chosen, part].T
            predictions[part] = targets[part] - missed
        return predictions

    def predict(self, targets: NDArray, alphas: FloatArray, rows: Rows) -> FloatArray:
        """Fit ``(n, k)`` targets, column j at ``alphas[j]``, and predict `rows`, ``(m, k)``."""
        coefficients, centre = self._fit(targets, alphas)
        predictions = np.empty((len(rows), targets.shape[1]))
        for part, chunk in rows.less(self.mean):
            predictions[part] = chunk @ coefficients + centre
        return predictions

    def coefficients(self, targets: NDArray, alphas: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Coefficients ``(d, k)`` and intercepts ``(k,)`` of ``(n, k)`` targets.

        Column j is fitted at ``alphas[j]``; ``features @ coefficients + intercepts`` predicts it.
        """
        coefficients, centre = self._fit(targets, alphas)
        return coefficients, centre - self.mean @ coefficients

    def _fit(self, targets: NDArray, alphas: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Coefficients ``(d, k)`` for centred features, and the targets' means ``(k,)``."""
        centre, projected = self._project(targets)
        shrunk = self.singular[:, None] / (self.singular[:, None] ** 2 + alphas[None]) * projected
        return self.right @ shrunk, centre

    @cached_property
    def _one_minus_leverage(self) -> FloatArray:
        """``(a, n)`` one minus each row's leverage, the intercept's share included."""
        n = len(self.rows)
        values = np.empty((len(self.alphas), n))
        for part, basis in self._bases():
            left = basis if self.left is not None else basis @ (self.right / self.singular)
            leverage = self._shrinkage @ (left**2).T + 1 / n
            values[:, part] = 1 - np.minimum(leverage, LARGEST_LEVERAGE)
        return values

    def _bases(self) -> Iterator[tuple[slice, FloatArray]]:
        """The rows in coordinates: of `left` where it is kept, else their centred features."""
        if self.left is not None:
            yield slice(0, len(self.left)), self.left
        else:
            yield from self.rows.less(self.mean)

    @cached_property
    def _shrinkage(self) -> FloatArray:
        """``(a, r)`` how much of each singular direction a fit keeps."""
        squares = self.singular**2
        kept: FloatArray = squares / (squares + self.alphas[:, None])
        return kept

    def _project(self, targets: NDArray) -> tuple[FloatArray, FloatArray]:
        """Means ``(k,)`` of `targets`, ``(n, k)``, and their part along `left`, ``(r, k)``."""
        centre: FloatArray = targets.mean(axis=0, dtype=np.float64)
        along = sum(basis.T @ (targets[part] - centre) for part, basis in self._bases())
        assert isinstance(along, np.ndarray)
        if self.left is None:
            along = (self.right.T @ along) / self.singular[:, None]
        return centre, along

    def _weights(self, along: FloatArray) -> FloatArray:
        """What `_bases` is multiplied by to give `left` times `along`, ``(..., r, k)``."""
        return along if self.left is not None else self.right @ (along / self.singular[:, None])


def singular_of(gram: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Singular values ``(r,)`` and vectors ``(m, r)`` of what has the Gram matrix `gram`."""
    eigenvalues, vectors = np.linalg.eigh(gram)
    # Eigenvalues carry rounding of this size, relative to the largest.
    kept = eigenvalues > max(eigenvalues[-1], 0) * 1e-12
    return np.sqrt(eigenvalues[kept]), vectors[:, kept]
