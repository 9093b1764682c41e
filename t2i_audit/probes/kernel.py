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
from scipy import linalg

from t2i_audit.probes.path import Path, singular_of, strengths
from t2i_audit.probes.rows import CHUNK, FloatArray, IntArray, Rows


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
        """Of `rows`, some features of them at a time."""
        products = np.zeros((len(rows), len(rows)))
        step = max(1, CHUNK // max(1, len(rows)))
        for start in range(0, rows.width, step):
            part = rows.columns(start, start + step)
            part -= part.mean(axis=0)
            products += part @ part.T
        return cls(rows, products)

    def between(self, rows: Rows, others: Rows) -> FloatArray:
        """Inner products ``(m, n)`` of `rows` and `others`, which are rows of this place."""
        # Whole rows first: they lie together.
        return self.products[self._line_of[rows.places]][:, self._line_of[others.places]]

    def centred(self, rows: Rows) -> FloatArray:
        """Inner products of `rows` with each other, less their own mean, ``(n, n)``."""
        return _Centred.of(self, rows).products

    @cached_property
    def _line_of(self) -> IntArray:
        """``(m,)`` where each row of the array is among the `n`."""
        lines = np.zeros(len(self.rows.features), dtype=int)
        lines[self.rows.places] = np.arange(len(self.rows))
        return lines


@dataclass(frozen=True, eq=False)
class _Centred:
    """Training rows, and the products of their features less the means over them."""

    kernel: Kernel
    rows: Rows
    means: FloatArray
    """``(n,)`` of each training row's products with all."""
    products: FloatArray
    """``(n, n)``."""

    @classmethod
    def of(cls, kernel: Kernel, rows: Rows) -> _Centred:
        own = kernel.between(rows, rows)
        means = own.mean(axis=0)
        own -= means
        own -= (means - means.mean())[:, None]
        return cls(kernel, rows, means, own)

    def against(self, rows: Rows) -> FloatArray:
        """The products of any rows with the training rows, ``(m, n)``."""
        own = self.kernel.between(rows, self.rows)
        own -= own.mean(axis=1, keepdims=True)
        own -= self.means - self.means.mean()
        return own


@dataclass(frozen=True, eq=False)
class KernelPath(Path):
    """As a `RidgePath`, from a kernel."""

    centred: _Centred

    @classmethod
    def of(cls, kernel: Kernel, rows: Rows) -> KernelPath:
        """Factorise the features of `rows`, `n`, of which each has at least `n`."""
        centred = _Centred.of(kernel, rows)
        singular, left = singular_of(centred.products)
        alphas = strengths(float(np.sum(singular**2)), len(rows))
        return cls(rows, left, singular, alphas, centred)

    def _in_basis(self, rows: Rows) -> Iterator[tuple[slice, FloatArray]]:
        yield slice(0, len(rows)), self.centred.against(rows) @ self._onto

    def _left_of(self, places: IntArray) -> FloatArray:
        assert self.left is not None
        return self.left[places]

    def _project(self, targets: NDArray) -> tuple[FloatArray, FloatArray]:
        assert self.left is not None
        centre: FloatArray = targets.mean(axis=0, dtype=np.float64)
        return centre, self.left.T @ (targets - centre)

    @cached_property
    def _onto(self) -> FloatArray:
        assert self.left is not None
        return self.left / self.singular**2


@dataclass(frozen=True, eq=False)
class KernelSystem:
    """As a `RidgeSystem`, from a kernel."""

    centred: _Centred
    alphas: FloatArray
    """``(a,)`` as of `KernelPath`."""

    @classmethod
    def of(cls, kernel: Kernel, rows: Rows) -> KernelSystem:
        """Sum up the features of `rows`, `n`, of which each has at least `n`."""
        centred = _Centred.of(kernel, rows)
        return cls(centred, strengths(float(np.trace(centred.products)), len(rows)))

    def predict(self, targets: NDArray, alphas: FloatArray, rows: Rows) -> FloatArray:
        """Fit ``(n, k)`` targets, column j at ``alphas[j]``, and predict `rows`, ``(m, k)``."""
        centre: FloatArray = targets.mean(axis=0, dtype=np.float64)
        solved = solve_each(self.centred.products, alphas, targets - centre)
        predictions: FloatArray = self.centred.against(rows) @ solved + centre
        return predictions


def solve_each(gram: FloatArray, alphas: FloatArray, right: FloatArray) -> FloatArray:
    """Solve ``(gram + alphas[j] I) x = right[:, j]`` for each column; ``(m, k)``."""
    solved = np.empty(right.shape)
    for alpha in np.unique(alphas):
        columns = alphas == alpha
        system = gram.copy()
        system.ravel()[:: len(gram) + 1] += alpha
        solved[:, columns] = linalg.solve(
            system, right[:, columns], assume_a="pos", overwrite_a=True, check_finite=False
        )
    return solved
