"""Ridge regression as a system of linear equations: some training rows, any number of targets.

Of the two forms of the normal equations a system has the smaller: ``(X'X + alpha I) w = X'y`` of
its features, or ``(XX' + alpha I) w = y`` of its rows (Hastie, Tibshirani and Friedman, Elements of
Statistical Learning, eq. 3.44 and 18.15). Either has one symmetric matrix, the same for all targets
and strengths. It is factorised for each strength where few are wanted. For the whole path it is
turned into a tridiagonal one, after which a strength costs no more than a product.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.rows import FloatArray, IntArray, Rows
from t2i_audit.probes.tridiagonal import Tridiagonal

# Relative to the mean eigenvalue of the centred Gram matrix, so that they mean the same at
# every width and scale of the features.
RELATIVE_ALPHAS = tuple(10.0**power for power in np.arange(-4, 2.5, 0.5))


class System(ABC):
    """Training rows `n`, as a system of `s` equations."""

    matrix: FloatArray
    """``(s, s)``."""
    alphas: FloatArray
    """``(a,)`` absolute regularisation strengths, the `alpha` of scikit-learn's `Ridge`."""

    def predict(self, targets: NDArray, alphas: FloatArray, rows: Rows) -> FloatArray:
        """Fit ``(n, k)`` targets, column j at ``alphas[j]``, and predict `rows`, ``(m, k)``."""
        centre, right = self._sides(targets)
        solved = solve_each(self.matrix, by_strength(alphas), right)
        predictions = np.empty((len(rows), targets.shape[1]))
        for part, left in self._left(rows):
            predictions[part] = left @ solved + centre
        return predictions

    def predict_path(self, targets: NDArray, rows: Rows) -> FloatArray:
        """Fit ``(n, k)`` targets at every regularisation, and predict `rows`, ``(a, m, k)``."""
        centre, right = self._sides(targets)
        solved = self._tridiagonal.solve(self.alphas, self._tridiagonal.into(right))
        a, s, k = solved.shape
        solved = solved.swapaxes(0, 1).reshape(s, a * k)
        # Turning takes as long as the products: the fewer of solutions and rows are turned.
        turns_rows = len(rows) < a * k
        if not turns_rows:
            solved = self._tridiagonal.out_of(solved)
        predictions = np.empty((len(rows), a * k))
        for part, left in self._left(rows):
            own = self._tridiagonal.turned(left) if turns_rows else left
            np.matmul(own, solved, out=predictions[part])
        each = predictions.reshape(len(rows), a, k)
        each += centre
        return each.swapaxes(0, 1)

    @abstractmethod
    def predict_without(
        self, targets: NDArray, alphas: FloatArray, rows: Rows, left_out: NDArray[np.bool_]
    ) -> FloatArray:
        """Predictions of `rows` by fits without each group of rows `left_out`, ``(g, m, k)``.

        Column j of `targets`, ``(n, k)``, is fitted at ``alphas[j]``; `left_out` is ``(g, n)``. A
        fit needs rows: without any it stays as it is.
        """

    def _sides(self, targets: NDArray) -> tuple[FloatArray, FloatArray]:
        """Means ``(k,)`` of `targets`, ``(n, k)``, and right-hand sides ``(s, k)``."""
        centre: FloatArray = targets.mean(axis=0, dtype=np.float64)
        return centre, self._right(targets - centre)

    @abstractmethod
    def _right(self, targets: FloatArray) -> FloatArray:
        """Right-hand sides ``(s, k)`` of `targets` less their means, ``(n, k)``."""

    @abstractmethod
    def _left(self, rows: Rows) -> Iterator[tuple[slice, FloatArray]]:
        """By what a solution is multiplied to predict `rows`, ``(c, s)``, a chunk at a time."""

    @cached_property
    def _tridiagonal(self) -> Tridiagonal:
        return Tridiagonal.of(self.matrix)


def strengths(trace: float, directions: int) -> FloatArray:
    """The absolute strengths, ``(a,)``, of features with the Gram matrix's `trace`."""
    return np.array(RELATIVE_ALPHAS) * (trace / max(1, directions) or 1.0)


def by_strength(alphas: FloatArray) -> list[tuple[float, IntArray]]:
    """Each different one of `alphas`, ``(k,)``, and which columns are to be fitted at it."""
    return [(float(alpha), np.flatnonzero(alphas == alpha)) for alpha in np.unique(alphas)]


def solve_each(
    matrix: FloatArray, strengths: Sequence[tuple[float, IntArray]], right: FloatArray
) -> FloatArray:
    """Solve ``(matrix + alpha I) x = right[:, columns]`` for each of `by_strength`; ``(s, k)``."""
    solved = np.empty(right.shape)
    for alpha, columns in strengths:
        solved[:, columns] = solve_positive(shifted(matrix, alpha), right[:, columns])
    return solved


def shifted(matrix: FloatArray, alpha: float) -> FloatArray:
    """``matrix + alpha I``."""
    own = matrix.copy()
    own.ravel()[:: len(own) + 1] += alpha
    return own


def solve_positive(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solve a symmetric system without negative eigenvalues, ``(s, k)``; `matrix` is overwritten.

    Of the matrix only the diagonal and above are read.

    LAPACK is called as such, because most systems are so small that scipy's checks take longer.
    """
    from scipy.linalg import LinAlgError, lapack

    # A symmetric matrix is its own transpose, so nothing need be copied into LAPACK's order.
    _, solved, failed = lapack.dposv(matrix.T, right, lower=1, overwrite_a=1)
    if failed:
        raise LinAlgError("the system of a probe is not positive definite")
    found: FloatArray = solved
    return found
