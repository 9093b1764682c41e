"""The probes that were chosen, fitted anew without each part of the prompts.

Only the chosen ones: it takes as long as all that was read at a place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from t2i_audit.probes.features import FeatureBlock
from t2i_audit.probes.folds import FEWEST_PER_CLASS
from t2i_audit.probes.opened import OpenedBlock
from t2i_audit.probes.plan import Task
from t2i_audit.probes.reading import FoldReading
from t2i_audit.probes.scoring import Jackknife, variance_without
from t2i_audit.probes.threads import side_by_side

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RefittedFold(FoldReading):
    """One target decoded in one fold, and how much that depends on the training prompts."""

    error: FloatArray
    """``(m,)`` standard error of the probability."""
    correct_without: BoolArray
    """``(deals * parts, m)`` as `correct`, of probes fitted without each part of the prompts."""


@dataclass(frozen=True, eq=False)
class Refit:
    """One fold of one target at one block, to be fitted anew."""

    block: FeatureBlock
    task: Task
    number: int
    """Which of the task's folds."""
    reading: FoldReading

    @property
    def train(self) -> IntArray:
        """``(n,)`` prompts."""
        fold = self.task.folds[self.number]
        return np.flatnonzero(fold.train & self.block.valid & (self.task.target.labels >= 0))

    @property
    def width(self) -> int:
        """Columns of the regression; for two classes one is enough."""
        classes = len(self.task.target.classes)
        return classes if classes > 2 else 1


def refit(wanted: Sequence[Refit], jackknife: Jackknife) -> list[RefittedFold]:
    """Fit each of `wanted` anew; those with the same training prompts share a factorisation."""
    found: list[RefittedFold | None] = [None] * len(wanted)
    blocks: dict[int, dict[bytes, list[int]]] = {}
    for index, each in enumerate(wanted):
        if len(each.reading.tested):
            fits = blocks.setdefault(id(each.block), {})
            fits.setdefault(each.train.tobytes(), []).append(index)
        else:
            found[index] = _untested(each.reading, jackknife)

    def at_block(fits: dict[bytes, list[int]]) -> list[tuple[int, RefittedFold]]:
        opened = OpenedBlock.of(wanted[next(iter(fits.values()))[0]].block)
        return [
            pair
            for own in fits.values()
            for pair in zip(own, _refit(opened, [wanted[i] for i in own], jackknife), strict=True)
        ]

    for pairs in side_by_side(at_block, blocks.values()):
        for index, refitted in pairs:
            found[index] = refitted
    return [each for each in found if each is not None]


def _untested(reading: FoldReading, jackknife: Jackknife) -> RefittedFold:
    without = np.empty((len(jackknife.flat), 0), dtype=bool)
    return RefittedFold(**vars(reading), error=reading.probability, correct_without=without)


def _refit(
    opened: OpenedBlock, wanted: Sequence[Refit], jackknife: Jackknife
) -> Iterable[RefittedFold]:
    train = wanted[0].train
    columns = [each.task.target.labels[train][:, None] == _classes(each) for each in wanted]
    chosen = np.repeat([each.reading.alpha for each in wanted], [each.width for each in wanted])
    every = np.unique(np.concatenate([each.reading.tested for each in wanted]))
    system = opened.system(train)
    without = system.predict_without(
        np.concatenate(columns, axis=1),
        system.alphas[chosen],
        opened.rows(every),
        jackknife.flat[:, train],
    )
    start = 0
    for each in wanted:
        lines = np.searchsorted(every, each.reading.tested)
        yield _read(each, train, without[:, lines, start : start + each.width], jackknife)
        start += each.width


def _classes(each: Refit) -> IntArray:
    return np.arange(len(each.task.target.classes))[-each.width :]


def _read(
    each: Refit, train: IntArray, predicted: FloatArray, jackknife: Jackknife
) -> RefittedFold:
    """What was `predicted`, ``(deals * parts, m, width)``, as right readings and probabilities."""
    target, reading = each.task.target, each.reading
    scores = predicted if each.width > 1 else np.concatenate([1 - predicted, predicted], axis=2)
    counts = np.bincount(target.labels[train], minlength=len(target.classes))
    possible = np.where(counts >= FEWEST_PER_CLASS, scores, -np.inf)
    labels = target.labels[reading.tested]
    probabilities = softmax(reading.inverse_temperature * possible, axis=2)
    own = probabilities[:, np.arange(len(labels)), labels]
    shape = *jackknife.left_out.shape[:2], len(labels)
    error = np.sqrt(variance_without(own.reshape(shape)))
    correct_without = possible.argmax(axis=2) == labels
    return RefittedFold(**vars(reading), error=error, correct_without=correct_without)
