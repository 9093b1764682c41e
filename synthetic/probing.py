"""The audit's own probe, `t2i_audit.probes.ridge`, on a student's activations.

It is fitted on half of the in-distribution test tasks and scored on the other half and on tasks of
held-out compositions, one regularisation for each output, chosen by leave-one-out error.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from t2i_audit.probes.ridge import RidgePath


@dataclass(frozen=True)
class ProbeReading:
    """How well the constituents can be decoded at one place of a student."""

    place: str
    """``input``, ``hidden_1``, ...; the input is the control."""
    r2_in_distribution: float
    """On test tasks of trained compositions; mean over the constituents, and over their classes
    if they are categorical. Outputs that do not vary are left out."""
    r2_held_out: float
    """The same on tasks of held-out compositions."""
    accuracy_in_distribution: float
    """Share of categorical constituents read right; NaN for real ones."""
    accuracy_held_out: float
    n_fit: int
    """Tasks that the probe was fitted to."""
    n_held_out: int
    """Tasks of held-out compositions that it was scored on."""


def probe_place(
    place: str,
    features: tuple[np.ndarray, np.ndarray],
    constituents: tuple[np.ndarray, np.ndarray],
) -> ProbeReading:
    """Probe one place.

    Args:
        place: its name.
        features: of in-distribution and of held-out tasks, each ``(n, d)``.
        constituents: of the same tasks, each ``(n, k)``; class indices if of an integer type.
    """
    half = len(features[0]) // 2
    categorical = np.issubdtype(constituents[0].dtype, np.integer)
    classes = 1 + int(max(one.max() for one in constituents)) if categorical else 0
    targets = [_targets(one, classes) for one in constituents]
    path = RidgePath.of(features[0][:half])
    fitted = targets[0][:half]
    alphas = path.alphas[path.errors(fitted).argmin(axis=0)]
    told = path.predict(fitted, alphas, features[0][half:])
    told_held_out = path.predict(fitted, alphas, features[1])
    return ProbeReading(
        place=place,
        r2_in_distribution=mean_r2(told, targets[0][half:]),
        r2_held_out=mean_r2(told_held_out, targets[1]),
        accuracy_in_distribution=_accuracy(told, constituents[0][half:], classes),
        accuracy_held_out=_accuracy(told_held_out, constituents[1], classes),
        n_fit=half,
        n_held_out=len(features[1]),
    )


def mean_r2(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Coefficient of determination, mean over the columns of `targets`, ``(n, k)``, that vary.

    NaN if none does.
    """
    spread = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
    varies = spread > 1e-9 * len(targets)
    missed = ((predictions - targets) ** 2).sum(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN, as meant
        return float(np.mean(1 - missed[varies] / spread[varies]))


def _targets(constituents: np.ndarray, classes: int) -> np.ndarray:
    if not classes:
        return constituents.astype(np.float64)
    return np.eye(classes)[constituents].reshape(len(constituents), -1)


def _accuracy(predictions: np.ndarray, constituents: np.ndarray, classes: int) -> float:
    if not classes:
        return float("nan")
    scores = predictions.reshape(*constituents.shape, classes)
    return float((scores.argmax(axis=2) == constituents).mean())
