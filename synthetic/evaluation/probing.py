"""The audit's own probe, `t2i_audit.probes.ridge`, on a student's activations.

It is fitted to half of the in-distribution test tasks and scored on the other half and on tasks of
held-out compositions. The regularisation of each output is chosen by leave-one-out error.
"""

from __future__ import annotations

import numpy as np

from synthetic.evaluation.results import ProbeScore
from synthetic.evaluation.scores import mean_r2
from t2i_audit.probes.ridge import RidgePath
from t2i_audit.probes.rows import Rows


def probe_place(
    place: str,
    features: tuple[np.ndarray, np.ndarray],
    constituents: tuple[np.ndarray, np.ndarray],
) -> ProbeScore:
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
    predicted = path.predict(fitted, alphas, Rows.all(features[0][half:]))
    predicted_held_out = path.predict(fitted, alphas, Rows.all(features[1]))
    return ProbeScore(
        place=place,
        r2_in_distribution=mean_r2(predicted, targets[0][half:]),
        r2_held_out=mean_r2(predicted_held_out, targets[1]),
        accuracy_in_distribution=_accuracy(predicted, constituents[0][half:], classes),
        accuracy_held_out=_accuracy(predicted_held_out, constituents[1], classes),
        n_fit=half,
        n_held_out=len(Rows.all(features[1])),
    )


def _targets(constituents: np.ndarray, classes: int) -> np.ndarray:
    if not classes:
        return constituents.astype(np.float64)
    return np.eye(classes)[constituents].reshape(len(constituents), -1)


def _accuracy(predictions: np.ndarray, constituents: np.ndarray, classes: int) -> float:
    if not classes:
        return float("nan")
    scores = predictions.reshape(*constituents.shape, classes)
    return float((scores.argmax(axis=2) == constituents).mean())
