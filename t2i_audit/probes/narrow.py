"""Ridge regression where a place has fewer features than prompts, read a chunk of rows at a time.

What is kept does not grow with the number of rows: of many rows only the Gram matrix of the
features, ``(d, d)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.rows import FloatArray, IntArray, Rows
from t2i_audit.probes.system import System, by_strength, solve_each, strengths


@dataclass(frozen=True, eq=False)
class NarrowSystem(System):
    """Training rows `n` with `d` features: an equation for each feature."""

    matrix: FloatArray
    """``(d, d)`` Gram matrix of the features less their means."""
    alphas: FloatArray
    rows: Rows
    mean: FloatArray
    """``(d,)``."""
    centred: FloatArray | None
    """``(n, d)`` the rows less `mean`; None if that is too much to keep."""

    @classmethod
    def of(cls, rows: Rows) -> NarrowSystem:
        """Sum up `rows`."""
        mean = rows.mean()
        centred = next(rows.less(mean))[1] if rows.is_one_chunk else None
        matrix = rows.gram(mean) if centred is None else centred.T @ centred
        alphas = strengths(float(np.trace(matrix)), len(matrix))
        return cls(matrix, alphas, rows, mean, centred)

    def predict_without(
        self, targets: NDArray, alphas: FloatArray, rows: Rows, left_out: NDArray[np.bool_]
    ) -> FloatArray:
        """As `System.predict_without`: a group's part is taken out of the sums."""
        (centre, right), n = self._sides(targets), len(self.rows)
        groups, each = [np.flatnonzero(mask) for mask in left_out], by_strength(alphas)
        solved = np.empty((len(self.matrix), len(groups), targets.shape[1]))
        centres = np.tile(centre, (len(groups), 1))
        for number, group in enumerate(groups):
            matrix, others = self.matrix, right
            left = n - len(group)
            if group.size and left:
                missed = targets[group] - centre
                total, missing = np.zeros(len(matrix)), missed.sum(axis=0)
                for part, chunk in self._own(group):
                    matrix = less_gram(matrix, chunk)
                    others = others - chunk.T @ missed[part]
                    total += chunk.sum(axis=0)
                # What is left has its means elsewhere.
                matrix = less_gram(matrix, total[None] / math.sqrt(left))
                others = others - np.outer(total, missing / left)
                centres[number] -= missing / left
            solved[:, number] = solve_each(matrix, each, others)
            if group.size and left:
                centres[number] += (total / left) @ solved[:, number]
        predictions = np.empty((len(groups), len(rows), targets.shape[1]))
        for part, chunk in self._left(rows):
            flat = chunk @ solved.reshape(len(solved), -1)
            shaped = flat.reshape(len(chunk), len(groups), -1)
            predictions[:, part] = (shaped + centres).swapaxes(0, 1)
        return predictions

    def _right(self, targets: FloatArray) -> FloatArray:
        total = np.zeros((len(self.matrix), targets.shape[1]))
        for part, chunk in self._own(np.arange(len(self.rows))):
            total += chunk.T @ targets[part]
        return total

    def _own(self, group: IntArray) -> Iterator[tuple[slice, FloatArray]]:
        """Which of the training rows `group`, ``(m,)``, come next, and those less the mean."""
        if self.centred is not None:
            yield slice(0, len(group)), self.centred[group]
        else:
            yield from Rows(self.rows.features, self.rows.places[group]).less(self.mean)

    def _left(self, rows: Rows) -> Iterator[tuple[slice, FloatArray]]:
        return rows.less(self.mean)


def less_gram(matrix: FloatArray, rows: FloatArray) -> FloatArray:
    """A symmetric `matrix`, ``(d, d)``, less the Gram matrix of `rows`, ``(m, d)``.

    Only what `solve_positive` reads is right: the diagonal and above.
    """
    from scipy.linalg import blas

    found: FloatArray = blas.dsyrk(-1.0, rows.T, beta=1.0, c=matrix.T, lower=1).T
    return found
