"""Decode every target from one block of features, fold by fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.calibration import fit_inverse_temperature, probability_of
from t2i_audit.probes.features import FeatureBlock, Target
from t2i_audit.probes.folds import Fold
from t2i_audit.probes.ridge import RidgePath

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Fewer training prompts than this per class decide nothing.
FEWEST_PER_CLASS = 2


@dataclass(frozen=True, eq=False)
class Task:
    """A target together with what does not depend on the features it is decoded from."""

    target: Target
    tested: NDArray[np.bool_]
    """``(f, n)`` which prompts each fold tests."""
    shuffled: NDArray[np.int64]
    """``(n,)`` labels permuted among the prompts that have one (the control task of Hewitt and
    Liang 2019)."""

    @classmethod
    def of(cls, target: Target, folds: Sequence[Fold], *, seed: int) -> Task:
        """Prepare `target` for `folds`."""
        mixed = target.labels.copy()
        rows = np.flatnonzero(mixed >= 0)
        mixed[rows] = mixed[np.random.default_rng(seed).permutation(rows)]
        return cls(target, np.stack([fold.test(target) for fold in folds]), mixed)


@dataclass(frozen=True, eq=False)
class Reading:
    """One target decoded from one block; arrays are ``(f, n)`` over folds and prompts."""

    block: FeatureBlock
    task: Task
    correct: FloatArray
    """1 right, 0 wrong, NaN where the prompt is not tested in the fold."""
    probability: FloatArray
    """Calibrated out-of-fold probability of the true class, NaN where not tested."""
    shuffled: FloatArray
    """As `correct`, for a probe whose labels were shuffled before folding."""
    inner: FloatArray
    """``(f,)`` leave-one-out balanced accuracy inside the training fold; NaN where not fitted."""
    r2: float
    """Held-out R2 of the one-hot targets, mean over classes (Redhardt et al. 2025)."""
    masked: int
    """Tests left out because the class, or enough of it, is not in the fold's training rows."""


def read_block(block: FeatureBlock, tasks: Sequence[Task], folds: Sequence[Fold]) -> list[Reading]:
    """Decode `tasks` from `block`; all that share training rows share one factorisation."""
    paths: dict[bytes, RidgePath] = {}

    def path_of(train: NDArray[np.bool_]) -> RidgePath:
        key = train.tobytes()
        if key not in paths:
            paths[key] = RidgePath.of(block.values[train])
        return paths[key]

    return [_read(block, task, folds, path_of) for task in tasks]


def _read(
    block: FeatureBlock,
    task: Task,
    folds: Sequence[Fold],
    path_of: Callable[[NDArray[np.bool_]], RidgePath],
) -> Reading:
    target, classes = task.target, len(task.target.classes)
    shape = (len(folds), len(block.valid))
    correct, probability, shuffled = (np.full(shape, np.nan) for _ in range(3))
    inner = np.full(len(folds), np.nan)
    error, outcomes, masked = np.zeros(classes), [], 0
    usable = block.valid & (target.labels >= 0)
    for number, fold in enumerate(folds):
        train, test = fold.train & usable, task.tested[number] & usable
        known = np.bincount(target.labels[train], minlength=classes) >= FEWEST_PER_CLASS
        tested = test & known[target.labels]
        if known.sum() < 2:
            tested = np.zeros_like(test)
        masked += int(test.sum() - tested.sum())
        if not tested.any():
            continue
        rows = np.flatnonzero(tested)
        labels = target.labels[rows]
        path = path_of(train)
        fit = _fit(path, target.labels[train], known)
        alphas = np.full(classes, fit.alpha)
        scores = path.predict(fit.truth, alphas, block.values[rows])
        truth = _one_hot(labels, classes)
        error += ((truth - scores) ** 2).sum(axis=0)
        outcomes.append(truth)
        possible = np.where(known, scores, -np.inf)
        correct[number, rows] = possible.argmax(axis=1) == labels
        probability[number, rows] = probability_of(possible, labels, fit.inverse_temperature)
        inner[number] = fit.balanced_accuracy
        mixed = path.predict(_one_hot(task.shuffled[train], classes), alphas, block.values[rows])
        shuffled[number, rows] = mixed.argmax(axis=1) == task.shuffled[rows]
    r2 = _r2(error, np.concatenate(outcomes)) if outcomes else float("nan")
    return Reading(block, task, correct, probability, shuffled, inner, r2, masked)


@dataclass(frozen=True, eq=False)
class _Fit:
    """What leave-one-out inside the training prompts settles."""

    truth: FloatArray
    alpha: float
    inverse_temperature: float
    balanced_accuracy: float


def _fit(path: RidgePath, labels: IntArray, known: NDArray[np.bool_]) -> _Fit:
    truth = _one_hot(labels, len(known))
    left_out = path.leave_one_out(truth)
    best = int(np.argmin(((left_out - truth) ** 2).sum(axis=(1, 2))))
    hits = np.where(known, left_out[best], -np.inf).argmax(axis=1) == labels
    balanced = np.mean([hits[labels == label].mean() for label in np.flatnonzero(known)])
    seen = known[labels]
    renumbered = (np.cumsum(known) - 1)[labels[seen]]
    factor = fit_inverse_temperature(left_out[best][seen][:, known], renumbered)
    return _Fit(truth, float(path.alphas[best]), factor, float(balanced))


def _one_hot(labels: IntArray, classes: int) -> FloatArray:
    return np.eye(classes)[labels]


def _r2(error: FloatArray, truth: FloatArray) -> float:
    variation = ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    varied = variation > 0
    if not varied.any():
        return float("nan")
    return float(np.mean(1 - error[varied] / variation[varied]))
