"""Ridge regression from inner products of rows, where a place has more features than prompts.

The products are made once. Every fit to some of the rows takes its own out of them, whatever the
number of features: less the means over the training rows they are those of the features centred
there, ``K - K 1/n - 1/n K + 1/n K 1/n`` (Rasmussen and Williams 2006, Gaussian Processes for
Machine Learning, eq. 2.25 for the predictions; Schoelkopf, Smola and Mueller 1998, Neural
Computation 10, p. 1318 for the centring).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.rows import CHUNK, FloatArray, IntArray, Rows
from t2i_audit.probes.system import System, by_strength, shifted, solve_positive, strengths


@dataclass(frozen=True, eq=False)
class Kernel:
    """Inner products of all rows of a place.

    They are float64: the weakest regularisation is less than what float32 rounds off where a few
    features are far larger than the others, as those of transformers are.
    """

    rows: Rows
    """`n`."""
    products: FloatArray
    """``(n, n)`` of the features less their mean over these rows."""

    @classmethod
    def of(cls, rows: Rows) -> Kernel:
        """Of `rows`."""
        return cls(rows, products_of(rows, rows))

    def between(self, rows: Rows, others: Rows) -> FloatArray:
        """Inner products ``(m, n)`` of `rows` and `others`, which are rows of this place."""
        # Whole rows first: they lie together.
        return self.products[self._line_of[rows.places]][:, self._line_of[others.places]]

    @cached_property
    def _line_of(self) -> IntArray:
        """``(m,)`` where each row of the array is among the `n`."""
        lines = np.zeros(len(self.rows.features), dtype=int)
        lines[self.rows.places] = np.arange(len(self.rows))
        return lines


class UnkeptProducts:
    """Inner products that are computed where they are needed, of more rows than can be kept."""

    def between(self, rows: Rows, others: Rows) -> FloatArray:
        """As `Kernel.between`."""
        return products_of(rows, others)


@dataclass(frozen=True, eq=False)
class KernelSystem(System):
    """Training rows `n` of which each has at least `n` features: an equation for each row."""

    matrix: FloatArray
    """``(n, n)`` products of their features less the means over them."""
    alphas: FloatArray
    kernel: Kernel | UnkeptProducts
    rows: Rows
    means: FloatArray
    """``(n,)`` of each training row's products with all."""

    @classmethod
    def of(cls, kernel: Kernel | UnkeptProducts, rows: Rows) -> KernelSystem:
        """Of `rows`, which are among those of `kernel`."""
        own = kernel.between(rows, rows)
        means = own.mean(axis=0)
        own -= means
        own -= (means - means.mean())[:, None]
        return cls(own, strengths(float(np.trace(own)), len(rows)), kernel, rows, means)

    def predict_without(
        self, targets: NDArray, alphas: FloatArray, rows: Rows, left_out: NDArray[np.bool_]
    ) -> FloatArray:
        """As `System.predict_without`.

        With ``P = inverse(K + alpha I) - 1 1' / (alpha n)`` the solution of all rows is ``P y``.
        Were the targets of the rows G what the fit to the others predicts there, it would not
        change without them, and be zero there: so the others' fit misses G's targets by
        ``inverse(P_GG) (P y)_G`` (Rasmussen and Williams 2006, section 5.4.2, for one row).
        """
        (centre, right), n = self._sides(targets), len(self.rows)
        groups = [np.flatnonzero(mask) for mask in left_out]
        solved = np.empty((n, len(groups), targets.shape[1]))
        centres = np.tile(centre, (len(groups), 1))
        for alpha, columns in by_strength(alphas):
            inverse = inverse_of(shifted(self.matrix, alpha)) - 1 / (alpha * n)
            whole = inverse @ right[:, columns]
            for number, group in enumerate(groups):
                solved[:, number, columns] = whole
                if 0 < len(group) < n:
                    across = inverse[group]
                    missed = solve_positive(across[:, group], whole[group])
                    solved[:, number, columns] -= across.T @ missed
                    centres[number, columns] -= missed.sum(axis=0) / n
        # One product of all.
        flat = next(self._left(rows))[1] @ solved.reshape(n, -1)
        predictions = flat.reshape(len(rows), len(groups), -1) + centres
        return np.ascontiguousarray(predictions.swapaxes(0, 1))

    def _right(self, targets: FloatArray) -> FloatArray:
        return targets

    def _left(self, rows: Rows) -> Iterator[tuple[slice, FloatArray]]:
        own = self.kernel.between(rows, self.rows)
        own -= own.mean(axis=1, keepdims=True)
        own -= self.means - self.means.mean()
        yield slice(0, len(rows)), own


def products_of(rows: Rows, others: Rows) -> FloatArray:
    """Inner products ``(m, n)`` of `rows` and `others`, less the mean over `others`.

    Some features are read at a time.
    """
    products = np.zeros((len(rows), len(others)))
    step = max(1, CHUNK // max(len(rows), len(others), 1))
    for start in range(0, rows.width, step):
        theirs = others.columns(start, start + step)
        mean = theirs.mean(axis=0)
        theirs -= mean
        # A product with itself takes half as long.
        own = theirs if rows is others else rows.columns(start, start + step) - mean
        products += own @ theirs.T
    return products


def inverse_of(matrix: FloatArray) -> FloatArray:
    """The inverse of a symmetric `matrix` without negative eigenvalues."""
    from scipy.linalg import inv

    found: FloatArray = inv(matrix, assume_a="pos", overwrite_a=True, check_finite=False)
    return found
