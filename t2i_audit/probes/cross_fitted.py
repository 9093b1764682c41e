"""A probe to be applied to new prompts, beside what it says of its own prompts out of fold.

Both are in one scale: the temperature that makes probabilities of scores is fitted to the scores of
prompts whose compositions the probe had not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prompts.structure import Pair
from t2i_audit.probes.calibration import fit_inverse_temperatures, probability_of
from t2i_audit.probes.fitted import FittedProbe, fit_ridge
from t2i_audit.probes.left_out import leave_compositions_out

FloatArray = NDArray[np.float64]

GROUPS = 5
FEWEST = 2  # classes, and prompts of a fold


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """A probe fitted to all prompts, and the probabilities of probes that left some out."""

    probe: FittedProbe
    probability: FloatArray
    """``(n,)`` of each prompt's true value, from a probe that saw none of its compositions; NaN
    where the others lack that value."""

    def probability_of(self, features: ArrayLike, labels: Sequence[str]) -> FloatArray:
        """The probability of each of `labels`, ``(m,)``, given `features`, ``(m, d)``.

        NaN for a value that the probe does not know.
        """
        known = {name: column for column, name in enumerate(self.probe.classes)}
        every = self.probe.predict_proba(features)
        return np.array(
            [
                own[known[label]] if label in known else np.nan
                for own, label in zip(every, labels, strict=True)
            ]
        )


def cross_fit(
    features: FloatArray,
    labels: Sequence[str],
    compositions: Sequence[frozenset[Pair]],
    *,
    seed: int,
) -> CrossFitted:
    """Fit a probe to all rows, and test it on compositions that were left out.

    Args:
        features: ``(n, d)``, finite.
        labels: ``(n,)``, at least two different ones.
        compositions: of each row those that its label depends on.
        seed: of the folds.

    Raises:
        AuditError: as `fit_ridge`.
    """
    probe = fit_ridge(features, labels)
    index = np.array([probe.classes.index(label) for label in labels])
    scores = np.full((len(labels), len(probe.classes)), np.nan)
    for fold in leave_compositions_out(compositions, groups=GROUPS, seed=seed):
        trained = [label for label, own in zip(labels, fold.train, strict=True) if own]
        if len(set(trained)) < FEWEST:
            continue
        part = fit_ridge(features[fold.train], trained)
        columns = [probe.classes.index(name) for name in part.classes]
        # A class that the fold's training rows lack cannot be predicted.
        own = np.full((len(fold.test), len(probe.classes)), -np.inf)
        own[:, columns] = part.scores(features[fold.test])
        scores[fold.test] = own
    known = np.isfinite(scores[np.arange(len(index)), index])
    probability = np.full(len(labels), np.nan)
    if known.any():
        tested = scores[known][None], index[known][None]
        factor = fit_inverse_temperatures(*tested)
        probe = replace(probe, inverse_temperature=float(factor[0]))
        probability[known] = probability_of(*tested, factor)[0]
    return CrossFitted(probe, probability)
