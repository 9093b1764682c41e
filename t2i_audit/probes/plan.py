"""What the probes of one place do, as far as it does not depend on the features.

Targets that train on the same prompts share a factorisation; those that are tested on the same
prompts besides and have as many classes are handled as one array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.features import Target
from t2i_audit.probes.folds import Fold

IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]

# Fewer training prompts than this per class decide nothing.
FEWEST_PER_CLASS = 2


@dataclass(frozen=True, eq=False)
class Task:
    """A target together with what does not depend on the features it is decoded from."""

    target: Target
    tested: BoolArray
    """``(f, n)`` which prompts each fold tests."""
    shuffled: IntArray
    """``(n,)`` labels permuted among the prompts that have one (the control task of Hewitt and
    Liang 2019)."""


def tasks_of(targets: Sequence[Target], folds: Sequence[Fold], *, seed: int) -> list[Task]:
    """Prepare `targets` for `folds`."""
    held: dict[int, BoolArray] = {}
    tasks = []
    for target in targets:
        # All targets of presence share their compositions, which take long to look up.
        if id(target.pairs) not in held:
            each = [fold.holds(target.pairs) for fold in folds]
            # Of too few prompts there is no fold.
            shape = len(folds), len(target.labels)
            held[id(target.pairs)] = np.array(each, dtype=bool).reshape(shape)
        shuffled = target.labels.copy()
        rows = np.flatnonzero(shuffled >= 0)
        shuffled[rows] = shuffled[np.random.default_rng(seed).permutation(rows)]
        tasks.append(Task(target, held[id(target.pairs)] & (target.labels >= 0), shuffled))
    return tasks


@dataclass(frozen=True, eq=False)
class Stack:
    """Tasks of one fold with the same training and test prompts and as many classes, `k`."""

    members: tuple[int, ...]
    """Which `t` of the plan's tasks."""
    classes: int
    known: BoolArray
    """``(t, k)`` classes that enough of the training prompts have."""
    tested: IntArray
    """``(m,)`` prompts."""


@dataclass(frozen=True, eq=False)
class TrainingGroup:
    """Stacks of one fold with the same training prompts."""

    train: IntArray
    """``(n,)`` prompts."""
    stacks: tuple[Stack, ...]


@dataclass(frozen=True, eq=False)
class ProbePlan:
    """Everything to be done at a place, apart from its features."""

    tasks: tuple[Task, ...]
    folds: tuple[tuple[TrainingGroup, ...], ...]
    masked: IntArray
    """``(tasks,)`` tests left out because the class, or enough of it, is not in the fold's training
    rows."""

    @classmethod
    def of(cls, valid: BoolArray, tasks: Sequence[Task], folds: Sequence[Fold]) -> ProbePlan:
        """Plan the reading of `tasks` where the prompts of `valid`, ``(n,)``, have features."""
        masked = np.zeros(len(tasks), dtype=int)
        groups = []
        for number, fold in enumerate(folds):
            found: dict[bytes, dict[tuple[int, bytes], list[tuple[int, BoolArray]]]] = {}
            for index, task in enumerate(tasks):
                labels, classes = task.target.labels, len(task.target.classes)
                usable = valid & (labels >= 0)
                train, test = fold.train & usable, task.tested[number] & usable
                known = np.bincount(labels[train], minlength=classes) >= FEWEST_PER_CLASS
                tested = test & known[labels] & (known.sum() >= 2)
                masked[index] += int(test.sum() - tested.sum())
                if tested.any():
                    stacks = found.setdefault(np.packbits(train).tobytes(), {})
                    key = classes, np.packbits(tested).tobytes()
                    stacks.setdefault(key, []).append((index, known))
            groups.append(tuple(_share(train, own, len(valid)) for train, own in found.items()))
        return cls(tuple(tasks), tuple(groups), masked)


def _share(
    train: bytes, stacks: dict[tuple[int, bytes], list[tuple[int, BoolArray]]], n: int
) -> TrainingGroup:
    built = []
    for (classes, tested), members in stacks.items():
        indices, known = zip(*members, strict=True)
        built.append(Stack(indices, classes, np.stack(known), _rows(tested, n)))
    return TrainingGroup(_rows(train, n), tuple(built))


def _rows(mask: bytes, n: int) -> IntArray:
    bits = np.unpackbits(np.frombuffer(mask, dtype=np.uint8), count=n)
    return np.flatnonzero(bits).astype(np.int32)
