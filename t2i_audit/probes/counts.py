"""How often each prompt was read right, over the folds that test it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PredictionCounts:
    """How often each prompt was read right, over the folds that test it."""

    right: FloatArray
    """``(n,)``."""
    right_without: FloatArray
    """``(parts, n)`` the same by probes that were fitted without each part of the prompts."""
    tests: IntArray
    """``(n,)`` by how many folds the prompt was tested."""
    right_by_deal: FloatArray
    """``(d, n)`` as `right`, in each deal of values into folds."""
    tests_by_deal: IntArray
    """``(d, n)`` as `tests`."""
    labels: IntArray
    """``(n,)``."""
    classes: int

    @classmethod
    def of(
        cls,
        labels: IntArray,
        classes: int,
        folds: Iterable[tuple[int, IntArray, BoolArray, BoolArray]],
        *,
        parts: int,
    ) -> PredictionCounts:
        """Of each fold its deal, the prompts it tests, ``(m,)``, which were read right, and which
        without each of `parts` parts, ``(parts, m)``, or ``(1, m)`` where probes were not fitted
        anew."""
        folds, n = list(folds), len(labels)
        deals = max((deal for deal, *_ in folds), default=0) + 1
        right, tests = np.zeros((deals, n)), np.zeros((deals, n), dtype=int)
        without = np.zeros((max((len(each) for *_, each in folds), default=1), n))
        for deal, tested, correct, correct_without in folds:
            right[deal, tested] += correct
            without[:, tested] += correct_without
            tests[deal, tested] += 1
        without = np.broadcast_to(without, (parts, n))
        return cls(right.sum(axis=0), without, tests.sum(axis=0), right, tests, labels, classes)

    def recalls_by_deal(self) -> FloatArray:
        """Shares of right readings by deal and class, ``(d, k)``; NaN where no prompt is tested."""
        labelled = self.labels >= 0
        hot = np.eye(self.classes)[self.labels * labelled] * labelled[:, None]
        count = (self.tests_by_deal > 0) @ hot
        right = (self.right_by_deal / np.maximum(self.tests_by_deal, 1)) @ hot
        return np.where(count > 0, right / np.maximum(count, 1), np.nan)
