"""Decode every target from one block of features, fold by fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.calibration import fit_inverse_temperatures, probability_of
from t2i_audit.probes.features import FeatureBlock
from t2i_audit.probes.plan import ProbePlan, Stack, Task, TrainingGroup
from t2i_audit.probes.ridge import RidgePath

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]

UNFITTED = -1.0  # below every balanced accuracy


@dataclass(frozen=True, eq=False)
class FoldReading:
    """One target decoded in one fold."""

    tested: IntArray
    """``(m,)`` prompts; none where the fold cannot test the target."""
    correct: BoolArray
    """``(m,)``."""
    probability: FloatArray
    """``(m,)`` calibrated out-of-fold probability of the true class."""
    shuffled: BoolArray
    """As `correct`, for a probe whose labels were shuffled before folding."""
    inner: float
    """Leave-one-out balanced accuracy inside the training fold, or `UNFITTED`."""


@dataclass(frozen=True, eq=False)
class TargetReading:
    """One target decoded from one block."""

    block: FeatureBlock
    task: Task
    folds: tuple[FoldReading, ...]
    r2: float
    """Held-out R2 of the one-hot targets, mean over classes (Redhardt et al. 2025)."""
    masked: int
    """Tests left out because the class, or enough of it, is not in the fold's training rows."""


def read_block(block: FeatureBlock, plan: ProbePlan) -> list[TargetReading]:
    """Decode the plan's tasks from `block`; all that share training rows share a factorisation."""
    nothing = np.empty(0, dtype=int)
    untested = FoldReading(nothing, nothing > 0, nothing + 0.0, nothing > 0, UNFITTED)
    folds = [[untested] * len(plan.folds) for _ in plan.tasks]
    errors = [np.zeros(len(task.target.classes)) for task in plan.tasks]
    for number, groups in enumerate(plan.folds):
        for group in groups:
            for index, (read, error) in _read(block, plan, group).items():
                folds[index][number] = read
                errors[index] += error
    return [
        TargetReading(block, task, tuple(own), _r2(error, task, own), int(masked))
        for task, own, error, masked in zip(plan.tasks, folds, errors, plan.masked, strict=True)
    ]


def _read(
    block: FeatureBlock, plan: ProbePlan, group: TrainingGroup
) -> dict[int, tuple[FoldReading, FloatArray]]:
    """The reading of each task of `group`, and its squared errors by class, ``(k,)``."""
    path = RidgePath.of(block.rows(group.train))
    labels = [_labels(plan, stack, group.train) for stack in group.stacks]
    truth = np.concatenate([_columns(*each) for each in zip(labels, group.stacks, strict=True)], 1)
    shuffled = np.concatenate(
        [_columns(_shuffled(plan, stack, group.train), stack) for stack in group.stacks], 1
    )
    # Columns of one task have one regularisation, the best for their sum.
    starts, places, task_of = _layout(group.stacks)
    errors = np.add.reduceat(path.errors(truth), starts, axis=1)
    chosen = errors.argmin(axis=0)[task_of]
    left_out = path.leave_one_out(truth, chosen)
    alphas = path.alphas[chosen]
    every = np.unique(np.concatenate([stack.tested for stack in group.stacks]))
    every_prediction = path.predict(
        np.concatenate([truth, shuffled], 1), np.tile(alphas, 2), block.rows(every)
    )
    predicted, predicted_shuffled = np.split(every_prediction, 2, axis=1)
    found: dict[int, tuple[FoldReading, FloatArray]] = {}
    for stack, own, columns in zip(group.stacks, labels, places, strict=True):
        lines = np.searchsorted(every, stack.tested)
        inner, factors = _settle(_scores(left_out[:, columns], stack), own, stack)
        scores = _scores(predicted[lines, columns], stack)
        true = _labels(plan, stack, stack.tested)
        missed = np.eye(stack.classes)[true] - scores
        possible = np.where(stack.known[:, None], scores, -np.inf)
        correct = possible.argmax(axis=2) == true
        probability = probability_of(possible, true, factors)
        guessed = _scores(predicted_shuffled[lines, columns], stack).argmax(axis=2)
        shuffled = guessed == _shuffled(plan, stack, stack.tested)
        squares = (missed**2).sum(axis=1)
        for place, index in enumerate(stack.members):
            found[index] = (
                FoldReading(
                    stack.tested,
                    # Copies, as a view would keep the whole stack.
                    correct[place].copy(),
                    probability[place].copy(),
                    shuffled[place].copy(),
                    float(inner[place]),
                ),
                squares[place],
            )
    return found


def _settle(left_out: FloatArray, labels: IntArray, stack: Stack) -> tuple[FloatArray, FloatArray]:
    """Leave-one-out balanced accuracy and inverse temperature of each task, both ``(t,)``.

    `left_out` is ``(t, n, k)`` and `labels` ``(t, n)``, of the training prompts.
    """
    tasks, classes = stack.known.shape
    possible = np.where(stack.known[:, None], left_out, -np.inf)
    hits = possible.argmax(axis=2) == labels
    cells = labels + classes * np.arange(tasks)[:, None]
    size = tasks * classes
    right = np.bincount(cells.ravel(), weights=hits.ravel(), minlength=size).reshape(tasks, -1)
    count = np.bincount(cells.ravel(), minlength=size).reshape(tasks, -1)
    recalls = np.where(stack.known, right / np.maximum(count, 1), 0.0)
    inner = recalls.sum(axis=1) / stack.known.sum(axis=1)
    return inner, fit_inverse_temperatures(possible, labels)


def _labels(plan: ProbePlan, stack: Stack, rows: IntArray) -> IntArray:
    """``(t, m)`` classes of the prompts `rows`."""
    return np.stack([plan.tasks[index].target.labels[rows] for index in stack.members])


def _shuffled(plan: ProbePlan, stack: Stack, rows: IntArray) -> IntArray:
    """``(t, m)`` the shuffled classes of the prompts `rows`."""
    return np.stack([plan.tasks[index].shuffled[rows] for index in stack.members])


def _layout(stacks: Sequence[Stack]) -> tuple[IntArray, list[slice], IntArray]:
    """Where each task's columns start, each stack's columns, and each column's task."""
    widths = np.array([_width(stack) for stack in stacks for _ in stack.members])
    starts: IntArray = np.cumsum(widths) - widths
    columns, start = [], 0
    for stack in stacks:
        end = start + _width(stack) * len(stack.members)
        columns.append(slice(start, end))
        start = end
    task_of: IntArray = np.repeat(np.arange(len(widths)), widths)
    return starts, columns, task_of


def _width(stack: Stack) -> int:
    # The scores of a row sum to one, so for two classes one column is enough.
    return stack.classes if stack.classes > 2 else 1


def _columns(labels: IntArray, stack: Stack) -> BoolArray:
    """The regression targets of `labels`, ``(t, n)``: one-hot, ``(n, t * width)``."""
    wanted = np.arange(stack.classes)[-_width(stack) :]
    hot = labels.T[:, :, None] == wanted
    return hot.reshape(labels.shape[1], -1)


def _scores(predicted: FloatArray, stack: Stack) -> FloatArray:
    """A score for each class, ``(t, m, k)``, from what is predicted, ``(m, t * width)``."""
    scores = predicted.reshape(len(predicted), len(stack.members), -1).swapaxes(0, 1)
    return scores if stack.classes > 2 else np.concatenate([1 - scores, scores], axis=2)


def _r2(error: FloatArray, task: Task, folds: Sequence[FoldReading]) -> float:
    """From the squared errors of all tests by class, ``(k,)``."""
    tested = [task.target.labels[fold.tested] for fold in folds]
    if not any(len(each) for each in tested):
        return float("nan")
    labels = np.concatenate(tested)
    share = np.bincount(labels, minlength=len(error)) / len(labels)
    variation = len(labels) * share * (1 - share)
    varied = variation > 0
    if not varied.any():
        return float("nan")
    return float(np.mean(1 - error[varied] / variation[varied]))
