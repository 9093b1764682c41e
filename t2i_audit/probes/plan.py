"""What the probes of one place do, as far as it does not depend on the features.

Targets with the same folds, prompts and number of classes are read together, as one array. All that
train on the same prompts, be it in a fold or inside one, share a factorisation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.features import Target
from t2i_audit.probes.folds import FEWEST_PER_CLASS, Fold, Folds, InnerFold

IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Task:
    """A target together with what does not depend on the features it is decoded from."""

    target: Target
    folds: tuple[Fold, ...]
    shuffled: IntArray
    """``(n,)`` labels permuted among the prompts that have one (the control task of Hewitt and
    Liang 2019)."""


def tasks_of(targets: Sequence[Target], folds: Folds, *, seed: int) -> list[Task]:
    """Prepare `targets`, whose labels are of the prompts of `folds`."""
    tasks = []
    for target in targets:
        shuffled = target.labels.copy()
        rows = np.flatnonzero(shuffled >= 0)
        shuffled[rows] = shuffled[np.random.default_rng(seed).permutation(rows)]
        tasks.append(Task(target, folds.of(target), shuffled))
    return tasks


@dataclass(frozen=True, eq=False)
class Split:
    """One fold, or one inner fold, of a bundle of `t` tasks with `k` classes."""

    train: IntArray
    """``(n,)`` prompts."""
    tested: IntArray
    """``(m,)`` prompts."""
    known: BoolArray
    """``(t, k)`` classes that enough of the training prompts have."""
    counted: BoolArray
    """``(t, m)`` tests whose class is known; the others are masked."""


@dataclass(frozen=True, eq=False)
class FoldPlan:
    """A fold of a bundle, with the folds inside its training prompts."""

    number: int
    """Which of the tasks' folds."""
    outer: Split
    inner: tuple[Split, ...]


@dataclass(frozen=True, eq=False)
class Bundle:
    """Tasks that are read together."""

    members: tuple[int, ...]
    """Which `t` of the plan's tasks."""
    classes: int
    labels: IntArray
    """``(t, n)``."""
    shuffled: IntArray
    """``(t, n)``."""
    folds: tuple[FoldPlan, ...]


@dataclass(frozen=True)
class Use:
    """What a factorisation serves: a fold of a bundle, or an inner fold of it."""

    bundle: int
    fold: int
    inner: int | None


@dataclass(frozen=True, eq=False)
class Fit:
    """All that trains on the same prompts."""

    train: IntArray
    """``(n,)`` prompts."""
    uses: tuple[Use, ...]


@dataclass(frozen=True, eq=False)
class ProbePlan:
    """Everything to be done at a place, apart from its features."""

    tasks: tuple[Task, ...]
    bundles: tuple[Bundle, ...]
    fits: tuple[Fit, ...]
    """From few training prompts to many, so that inner folds come before the fold around them."""
    masked: IntArray
    """``(tasks,)`` tests left out because the class, or enough of it, is not in the fold's training
    rows."""

    @classmethod
    def of(cls, valid: BoolArray, tasks: Sequence[Task]) -> ProbePlan:
        """Plan the reading of `tasks` where the prompts of `valid`, ``(n,)``, have features."""
        found: dict[tuple[int, bytes, int], list[int]] = {}
        for index, task in enumerate(tasks):
            usable = valid & (task.target.labels >= 0)
            key = id(task.folds), np.packbits(usable).tobytes(), len(task.target.classes)
            found.setdefault(key, []).append(index)
        bundles = tuple(_bundle(tasks, members, valid) for members in found.values())
        masked = np.zeros(len(tasks), dtype=int)
        for bundle in bundles:
            for fold in bundle.folds:
                masked[list(bundle.members)] += (~fold.outer.counted).sum(axis=1)
        return cls(tuple(tasks), bundles, _fits(bundles), masked)


def _bundle(tasks: Sequence[Task], members: Sequence[int], valid: BoolArray) -> Bundle:
    own = [tasks[index] for index in members]
    classes = len(own[0].target.classes)
    labels = np.stack([task.target.labels for task in own])
    usable = valid & (labels[0] >= 0)
    folds = []
    for number, fold in enumerate(own[0].folds):
        outer = _split(fold, labels, classes, usable)
        inner = [_split(each, labels, classes, usable) for each in fold.inner]
        if outer.counted.any():
            counting = tuple(each for each in inner if each.counted.any())
            folds.append(FoldPlan(number, outer, counting))
        else:
            # Nothing can be tested, yet the tests count as masked.
            folds.append(FoldPlan(number, outer, ()))
    shuffled = np.stack([task.shuffled for task in own])
    return Bundle(tuple(members), classes, labels, shuffled, tuple(folds))


def _split(fold: Fold | InnerFold, labels: IntArray, classes: int, usable: BoolArray) -> Split:
    train, tested = np.flatnonzero(fold.train & usable), np.flatnonzero(fold.tested & usable)
    counts = np.stack([np.bincount(own[train], minlength=classes) for own in labels])
    known = counts >= FEWEST_PER_CLASS
    counted = np.take_along_axis(known, labels[:, tested], axis=1)
    counted &= (known.sum(axis=1) >= 2)[:, None]
    return Split(train, tested, known, counted)


def _fits(bundles: Iterable[Bundle]) -> tuple[Fit, ...]:
    trains: dict[bytes, IntArray] = {}
    uses: dict[bytes, list[Use]] = {}
    for number, bundle in enumerate(bundles):
        for place, fold in enumerate(bundle.folds):
            if not fold.outer.counted.any():
                continue
            for index, split in enumerate((fold.outer, *fold.inner)):
                key = split.train.tobytes()
                trains.setdefault(key, split.train)
                use = Use(number, place, index - 1 if index else None)
                uses.setdefault(key, []).append(use)
    fits = [Fit(train, tuple(uses[key])) for key, train in trains.items()]
    return tuple(sorted(fits, key=lambda fit: len(fit.train)))
