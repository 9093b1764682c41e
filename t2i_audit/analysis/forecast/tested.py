"""How well risks are foreseen of compositions that the model was not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.analysis.forecast.logistic import fitted_risks
from t2i_audit.probes.left_out import LeftOut

FloatArray = NDArray[np.float64]

# Variances of the coefficients' prior, from hardly any effect of a word to a large one.
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True, eq=False)
class Tested:
    """Risks of the run's own items, each from a model that saw none of its compositions."""

    risk: FloatArray
    """``(n,)``; NaN where no item has other compositions."""
    strength: float
    """The prior variance that suits all items best, for the final fit."""


def risks_left_out(
    x: FloatArray,
    wrong: FloatArray,
    right: FloatArray,
    folds: Sequence[LeftOut],
    *,
    on_fold: Callable[[int], None] = lambda count: None,
) -> Tested:
    """Predict every item by models fitted without its compositions.

    The strength of the prior is chosen for each fold by the predictions of the items that share no
    group of compositions with those tested, so that no item has a say in the choice for itself.

    Args:
        x: ``(n, p)``.
        wrong: ``(n,)`` wrong images.
        right: ``(n,)`` right images.
        folds: from `leave_compositions_out`.
        on_fold: called with 1 after each fold.
    """
    table = np.full((len(STRENGTHS), len(x)), np.nan)
    for fold in folds:
        own = fold.train & (wrong + right > 0)
        if own.any():
            for index, strength in enumerate(STRENGTHS):
                table[index, fold.test] = fitted_risks(
                    x[own], wrong[own], right[own], x[fold.test], strength=strength
                )
        on_fold(1)
    losses = -(wrong * np.log(table) + right * np.log1p(-table))
    risk = np.full(len(x), np.nan)
    for fold in folds:
        best = int(np.nansum(losses[:, fold.train], axis=1).argmin())
        risk[fold.test] = table[best, fold.test]
    return Tested(risk, STRENGTHS[int(np.nansum(losses, axis=1).argmin())])
