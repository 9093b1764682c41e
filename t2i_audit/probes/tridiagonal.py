"""A symmetric matrix in tridiagonal form, ``Q T Q'``.

It takes a fifth of the time of the eigenvalues, and serves as well where the matrix plus many
multiples of the identity are to be solved (Golub and Van Loan 2013, Matrix Computations, sections
8.3.1 and 4.3.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import lapack

from t2i_audit.probes.rows import FloatArray

# Columns that LAPACK takes at once, 64 at most.
BLOCK = 64


@dataclass(frozen=True, eq=False)
class Tridiagonal:
    """A symmetric matrix of size `s`."""

    diagonal: FloatArray
    """``(s,)`` of ``T``."""
    beside: FloatArray
    """``(s - 1,)`` beside the diagonal of ``T``."""
    reflectors: FloatArray
    """``(s - 1, s - 1)`` whose product is ``Q``, but for its first row and column."""
    factors: FloatArray
    """``(s - 1,)`` of the reflectors."""

    @classmethod
    def of(cls, matrix: FloatArray) -> Tridiagonal:
        """Of `matrix`, ``(s, s)``."""
        work = BLOCK * len(matrix)
        # A symmetric matrix is its own transpose, which is in LAPACK's order.
        reduced, diagonal, beside, factors, _ = lapack.dsytrd(matrix.T, lower=1, lwork=work)
        return cls(diagonal, beside, np.asfortranarray(reduced[1:, :-1]), factors)

    def into(self, values: FloatArray) -> FloatArray:
        """``Q' values`` of ``(s, k)``."""
        return self._product(values, "T")

    def out_of(self, values: FloatArray) -> FloatArray:
        """``Q values`` of ``(s, k)``."""
        return self._product(values, "N")

    def _product(self, values: FloatArray, form: Literal["T", "N"]) -> FloatArray:
        found = np.array(values, order="F")
        if len(found) == 1:  # no reflector
            return found
        work = BLOCK * (found.shape[1] + BLOCK + 1)
        found[1:] = lapack.dormqr("L", form, self.reflectors, self.factors, found[1:], lwork=work)[
            0
        ]
        return found

    def turned(self, rows: FloatArray) -> FloatArray:
        """``rows Q`` of ``(m, s)``."""
        return self.into(rows.T).T

    def solve(self, shifts: FloatArray, right: FloatArray) -> FloatArray:
        """Solve ``(T + shift I) x = right`` at each of `shifts`, ``(a, s, k)``.

        The matrix has no negative eigenvalue but for rounding, and the shifts are larger.
        """
        # LAPACK takes no empty array.
        next_to = self.beside if len(right) > 1 else np.zeros(1)
        solved = np.empty((len(shifts), right.shape[1], len(right)))
        for own, shift in zip(solved, shifts, strict=True):
            diagonal, beside, _ = lapack.dpttrf(self.diagonal + shift, next_to)
            own[:] = lapack.dpttrs(diagonal, beside, right)[0].T
        return solved.swapaxes(1, 2)
