"""Whether an association holds over pairs of values, not only over the prompts made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.analysis.shared_content import (
    SharedContent,
    covariation_variance,
    degrees_of_freedom,
)

FloatArray = NDArray[np.float64]

# Of the smallest effect that a test is said to find.
POWER = 0.8
LEVEL = 0.05


@dataclass(frozen=True)
class PairTest:
    """A two-sided test of the AUROC, and what it could have found."""

    p_value: float
    """NaN where nothing varies within a prompt type."""
    smallest_detectable: float
    """The AUROC that is found with a probability of `POWER`."""


def pair_test(
    decodability: ArrayLike,
    failures: ArrayLike,
    successes: ArrayLike,
    types: ArrayLike,
    content: SharedContent | None,
    *,
    values: ArrayLike | None = None,
) -> PairTest:
    """Test whether low decodability goes with failure within prompt types.

    The AUROC less one half is a sum over prompts of two factors: the mean rank of the prompt's
    images by decodability, and its failures beyond those expected (Mann and Whitney 1947). Each
    factor is centred within prompt types, and the sum is compared with Student's t by the variance
    of `covariation_variance`.

    Args:
        decodability: of `n` prompts, ``(n,)``.
        failures, successes: images of each, ``(n,)``.
        types: prompt types, ``(n,)``.
        content: what the prompts share; None takes them as independent.
        values: ``(n, k)``, 1 where a prompt names a value in a slot. With these, both factors are
            taken as differences from what the values alone lead to expect by least squares, and
            the test is one among prompts that name the same values.
    """
    from scipy import stats

    x, failed = np.asarray(decodability, float), np.asarray(failures, float)
    right, labels = np.asarray(successes, float), np.asarray(types, dtype=str)
    images = failed + right
    ranks = -_mean_ranks(x, images)
    excess = failed.copy()
    for label in np.unique(labels):
        rows = labels == label
        excess[rows] -= images[rows] * (failed[rows].sum() / images[rows].sum())
        ranks[rows] -= np.average(ranks[rows], weights=images[rows])
        # Where prompts have unequal numbers of images, only a weighted mean was 0.
        excess[rows] -= excess[rows].mean()
        ranks[rows] -= ranks[rows].mean()
    lost = 0
    if values is not None:
        table = np.column_stack([np.asarray(values, float), *_dummies(labels)])
        (left_ranks, left_excess), lost = _residuals(table, ranks, excess)
        ranks, excess = left_ranks, left_excess
    total = float(ranks @ excess)
    variance, shared = covariation_variance(ranks, excess, labels, content)
    variance *= (len(x) - 1) / max(len(x) - lost, 1)
    degrees = degrees_of_freedom(
        variance, shared, n=len(x), pairs=content.n_pairs if content else 0
    )
    if not variance > 0 or math.isnan(degrees) or degrees < 1:
        return PairTest(math.nan, math.nan)
    error = math.sqrt(variance)
    p_value = 2 * float(stats.t.sf(abs(total) / error, degrees))
    reach = float(stats.t.ppf(1 - LEVEL / 2, degrees) + stats.t.ppf(POWER, degrees))
    comparisons = failed.sum() * right.sum()
    smallest = min(1.0, 0.5 + reach * error / float(comparisons))
    return PairTest(min(1.0, p_value), smallest)


def _dummies(labels: NDArray[np.str_]) -> list[FloatArray]:
    return [(labels == label).astype(float) for label in np.unique(labels)]


def _residuals(table: FloatArray, *columns: FloatArray) -> tuple[tuple[FloatArray, ...], int]:
    """What is left of each column beside `table`, and how many degrees of freedom are gone."""
    found, _, rank, _ = np.linalg.lstsq(table, np.column_stack(columns), rcond=None)
    left = np.column_stack(columns) - table @ found
    return tuple(left.T), int(rank)


def _mean_ranks(values: FloatArray, images: FloatArray) -> FloatArray:
    """The mean rank of each prompt's images among all, ``(n,)``, ties at their mean."""
    _, levels = np.unique(values, return_inverse=True)
    at_level = np.bincount(levels.reshape(-1), images)
    ranks: FloatArray = (np.cumsum(at_level) - (at_level - 1) / 2)[levels.reshape(-1)]
    return ranks
