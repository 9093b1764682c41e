"""Ridge regression with an intercept, the whole regularisation path from one factorisation.

Leave-one-out residuals follow from the hat matrix, ``e_i / (1 - h_ii)`` (Hastie, Tibshirani and
Friedman, Elements of Statistical Learning, eq. 7.64).

Features are read a chunk of rows at a time, so that what is kept does not grow with the number of
rows: of many rows only the Gram matrix of the features, ``(d, d)``, is factorised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]

# Relative to the mean eigenvalue of the centred Gram matrix, so that they mean the same at
# every width and scale of the features.
RELATIVE_ALPHAS = tuple(10.0**power for power in np.arange(-4, 2.5, 0.5))
# A point with all the leverage would divide by zero; it then predicts itself.
LARGEST_LEVERAGE = 1 - 1e-6
# Numbers in a chunk, 16 MiB as float64.
CHUNK = 2**21


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of an array ``(m, d)`` that may be mapped from disk."""

    features: NDArray[np.floating]
    places: IntArray
    """``(n,)`` which rows, in order."""

    @classmethod
    def all(cls, features: NDArray[np.floating]) -> Rows:
        """Every row of `features`."""
        return cls(features, np.arange(len(features)))

    def __len__(self) -> int:
        return len(self.places)

    @property
    def width(self) -> int:
        """Features of a row, `d`."""
        return int(self.features.shape[1])

    def chunks(self) -> Iterator[tuple[slice, FloatArray]]:
        """Which of the ``n`` rows come next, and those rows as float64, ``(c, d)``."""
        step = max(1, CHUNK // self.width)
        for start in range(0, len(self), step):
            part = slice(start, start + step)
            yield part, self.features[self.places[part]].astype(np.float64)


@dataclass(frozen=True, eq=False)
class RidgePath:
    """The factorised training features; fits any number of targets at any regularisation."""

    rows: Rows
    """The `n` training rows."""
    mean: FloatArray
    """``(d,)`` feature means."""
    left: FloatArray | None
    """``(n, r)`` left singular vectors of the centred features; None if that is too much to keep,
    and they are computed again where they are needed."""
    singular: FloatArray
    """``(r,)`` singular values."""
    right: FloatArray
    """``(d, r)`` right singular vectors."""
    alphas: FloatArray
    """``(a,)`` absolute regularisation strengths, the `alpha` of scikit-learn's `Ridge`."""

    @classmethod
    def of(cls, features: NDArray[np.floating] | Rows) -> RidgePath:
        """Factorise `features`, ``(n, d)``, by the smaller of the two Gram matrices."""
        rows = features if isinstance(features, Rows) else Rows.all(features)
        n, d = len(rows), rows.width
        left: FloatArray | None
        mean = np.sum([chunk.sum(axis=0) for _, chunk in rows.chunks()], axis=0) / n
        if n <= d:
            centred = np.concatenate([chunk for _, chunk in rows.chunks()]) - mean
            singular, left = _singular(centred @ centred.T)
            right = centred.T @ left / singular
        else:
            gram = np.zeros((d, d))
            for _, chunk in rows.chunks():
                chunk -= mean
                gram += chunk.T @ chunk
            singular, right = _singular(gram)
            # `chunk` is the last one; of few rows it holds them all.
            left = chunk @ right / singular if n * d <= CHUNK else None
        scale = float(np.sum(singular**2)) / max(1, min(n, d)) or 1.0
        return cls(rows, mean, left, singular, right, np.array(RELATIVE_ALPHAS) * scale)

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

    def predict_path(self, targets: NDArray, features: NDArray[np.floating] | Rows) -> FloatArray:
        """Fit ``(n, k)`` targets at every regularisation, and predict `features`, ``(a, m, k)``."""
        rows = features if isinstance(features, Rows) else Rows.all(features)
        centre, projected = self._project(targets)
        weights = self._shrinkage[:, :, None] * projected
        predictions = np.empty((len(self.alphas), len(rows), targets.shape[1]))
        for part, basis in self._in_basis(rows):
            predictions[:, part] = basis @ weights + centre
        return predictions

    def predict_without(
        self,
        targets: NDArray,
        chosen: IntArray,
        features: NDArray[np.floating] | Rows,
        left_out: NDArray[np.bool_],
    ) -> FloatArray:
        """Predictions of `features` by fits without each group of rows `left_out`, ``(g, m, k)``.

        Column j of `targets`, ``(n, k)``, is fitted at ``alphas[chosen[j]]``; `left_out` is
        ``(g, n)``. Without the rows G the coefficients change by ``-inverse(X'X + alpha I) X_G'
        inverse(I - H_GG) e_G``, with the residuals e and the hat matrix H of all rows (Cook and
        Weisberg 1982, Residuals and Influence in Regression, eq. 3.6.2; of one row it gives ESL
        7.64).
        """
        rows = features if isinstance(features, Rows) else Rows.all(features)
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

    def predict(
        self, targets: NDArray, alphas: FloatArray, features: NDArray[np.floating] | Rows
    ) -> FloatArray:
        """Fit ``(n, k)`` targets, column j at ``alphas[j]``, and predict rows of `features`."""
        rows = features if isinstance(features, Rows) else Rows.all(features)
        coefficients, centre = self._fit(targets, alphas)
        predictions = np.empty((len(rows), targets.shape[1]))
        for part, chunk in rows.chunks():
            predictions[part] = (chunk - self.mean) @ coefficients + centre
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
    def _shrinkage(self) -> FloatArray:
        """``(a, r)`` how much of each singular direction a fit keeps."""
        squares = self.singular**2
        kept: FloatArray = squares / (squares + self.alphas[:, None])
        return kept

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
            return
        for part, chunk in self.rows.chunks():
            chunk -= self.mean
            yield part, chunk

    def _in_basis(self, rows: Rows) -> Iterator[tuple[slice, FloatArray]]:
        """Any rows in the coordinates of `left`, a chunk at a time."""
        onto = self.right / self.singular
        for part, chunk in rows.chunks():
            yield part, (chunk - self.mean) @ onto

    def _left_of(self, places: IntArray) -> FloatArray:
        """Those of the `n` rows in the coordinates of `left`."""
        if self.left is not None:
            return self.left[places]
        own = Rows(self.rows.features, self.rows.places[places])
        return np.concatenate([basis for _, basis in self._in_basis(own)])

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


@dataclass(frozen=True, eq=False)
class RidgeSystem:
    """The training features where few regularisations are wanted: each is a system of its own.

    It takes a tenth of the time of a `RidgePath`, whose results it gives.
    """

    rows: Rows
    """The `n` training rows."""
    mean: FloatArray
    """``(d,)`` feature means."""
    gram: FloatArray
    """The smaller of the two Gram matrices of the centred features."""
    alphas: FloatArray
    """``(a,)`` as of `RidgePath`."""

    @classmethod
    def of(cls, rows: Rows) -> RidgeSystem:
        """Sum up `rows`."""
        n, d = len(rows), rows.width
        mean = np.sum([chunk.sum(axis=0) for _, chunk in rows.chunks()], axis=0) / n
        if n <= d:
            centred = np.concatenate([chunk for _, chunk in rows.chunks()]) - mean
            gram = centred @ centred.T
        else:
            gram = np.zeros((d, d))
            for _, chunk in rows.chunks():
                chunk -= mean
                gram += chunk.T @ chunk
        scale = float(np.trace(gram)) / max(1, min(n, d)) or 1.0
        return cls(rows, mean, gram, np.array(RELATIVE_ALPHAS) * scale)

    def predict(self, targets: NDArray, alphas: FloatArray, features: Rows) -> FloatArray:
        """Fit ``(n, k)`` targets, column j at ``alphas[j]``, and predict rows of `features`."""
        centre: FloatArray = targets.mean(axis=0, dtype=np.float64)
        wide = len(self.rows) <= self.rows.width
        right = targets - centre if wide else self._across(targets - centre)
        solved = np.empty(right.shape)
        for alpha in np.unique(alphas):
            columns = alphas == alpha
            system = self.gram + alpha * np.eye(len(self.gram))
            solved[:, columns] = linalg.solve(system, right[:, columns], assume_a="pos")
        coefficients = self._across(solved) if wide else solved
        predictions = np.empty((len(features), targets.shape[1]))
        for part, chunk in features.chunks():
            predictions[part] = (chunk - self.mean) @ coefficients + centre
        return predictions

    def _across(self, values: FloatArray) -> FloatArray:
        """The centred features, transposed, times `values`, ``(n, k)``."""
        total = np.zeros((self.rows.width, values.shape[1]))
        for part, chunk in self.rows.chunks():
            chunk -= self.mean
            total += chunk.T @ values[part]
        return total


def _singular(gram: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Singular values ``(r,)`` and vectors ``(m, r)`` of what has the Gram matrix `gram`."""
    eigenvalues, vectors = np.linalg.eigh(gram)
    # Eigenvalues carry rounding of this size, relative to the largest.
    kept = eigenvalues > max(eigenvalues[-1], 0) * 1e-12
    return np.sqrt(eigenvalues[kept]), vectors[:, kept]
