"""The best place for each target, chosen fold by fold while the places go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.counts import PredictionCounts
from t2i_audit.probes.features import FeatureBlock, Target
from t2i_audit.probes.plan import Task
from t2i_audit.probes.reading import FoldReading, TargetReading
from t2i_audit.probes.refitting import Refit, RefittedFold, refit
from t2i_audit.probes.scoring import Jackknife
from t2i_audit.results.place import Place

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Chosen:
    """Folds put together, each from the place that did best inside its training prompts."""

    task: Task
    folds: tuple[RefittedFold, ...]
    places: tuple[Place, ...]
    """Of each fold."""

    @property
    def selected(self) -> dict[Place, int]:
        """How many folds chose each place."""
        return dict(Counter(self.places))


class Best:
    """The best place of each target and fold among the places that were offered.

    Places need not hold the same prompts: an encoder may cut off what another reads. So each prompt
    is read at the best of the places that hold it.
    """

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._with_states: set[str] = set()
        # Target -> of each fold the best place for each set of prompts that places test there.
        self._folds: dict[str, list[dict[bytes, tuple[FoldReading, FeatureBlock]]]] = {}

    def offer(self, readings: Iterable[TargetReading]) -> None:
        """Keep what `readings` read where they do better than all before."""
        for reading in readings:
            name = reading.task.target.name
            self._tasks.setdefault(name, reading.task)
            if (reading.block.valid & (reading.task.target.labels >= 0)).any():
                self._with_states.add(name)
            folds = self._folds.setdefault(name, [{} for _ in reading.folds])
            for best, fold in zip(folds, reading.folds, strict=True):
                tested = fold.tested.tobytes()
                if tested not in best or fold.inner > best[tested][0].inner:
                    best[tested] = fold, reading.block

    @property
    def with_states(self) -> frozenset[str]:
        """Targets for which a place that was offered holds a prompt that has them."""
        return frozenset(self._with_states)

    def chosen(self, jackknife: Jackknife) -> dict[str, Chosen]:
        """The best places of each target that may be read at any of them, fitted anew."""
        wanted = [
            Refit(block, self._tasks[name], number, fold)
            for name, folds in self._folds.items()
            for number, best in enumerate(folds)
            for fold, block in best.values()
        ]
        refitted = iter(refit(wanted, jackknife))
        chosen = {}
        for name, folds in self._folds.items():
            joined = [
                _joined([(next(refitted), block.place) for _, block in best.values()])
                for best in folds
            ]
            chosen[name] = Chosen(
                self._tasks[name],
                tuple(fold for fold, _ in joined),
                tuple(place for _, place in joined),
            )
        return chosen


def _joined(found: list[tuple[RefittedFold, Place]]) -> tuple[RefittedFold, Place]:
    """One fold's readings at places that hold different prompts, and the best of the places."""
    found = sorted(found, key=lambda each: -each[0].inner)
    best, place = found[0]
    others = [fold for fold, _ in found[1:] if len(fold.tested)]
    if not others:
        return best, place
    parts = [best, *others]
    tested, first = np.unique(np.concatenate([each.tested for each in parts]), return_index=True)
    # The first that tests a prompt is the best place that holds it.
    joined = replace(
        best,
        tested=tested,
        predicted=np.concatenate([each.predicted for each in parts])[first],
        correct=np.concatenate([each.correct for each in parts])[first],
        probability=np.concatenate([each.probability for each in parts])[first],
        confidence=np.concatenate([each.confidence for each in parts])[first],
        error=np.concatenate([each.error for each in parts])[first],
        correct_without=np.concatenate([each.correct_without for each in parts], 1)[:, first],
        shuffled=np.concatenate([each.shuffled for each in parts])[first],
    )
    return joined, place


def tally(chosen: Chosen, jackknife: Jackknife) -> PredictionCounts:
    """What was read right, and what by probes fitted without each part of the prompts."""
    target = chosen.task.target
    folds = [(f.deal, f.tested, f.correct, f.correct_without) for f in chosen.folds]
    return _counts(target.labels, target, folds, jackknife)


def tally_as_fitted(read: TargetReading, jackknife: Jackknife) -> PredictionCounts:
    """What was read right at one place, where no probe is fitted anew."""
    target = read.task.target
    folds = [(f.deal, f.tested, f.correct, f.correct[None]) for f in read.folds]
    return _counts(target.labels, target, folds, jackknife)


def shuffled_tally(read: Chosen | TargetReading, jackknife: Jackknife) -> PredictionCounts:
    """What the probe of shuffled labels read right; it is not fitted anew."""
    folds = [(f.deal, f.tested, f.shuffled, f.shuffled[None]) for f in read.folds]
    return _counts(read.task.shuffled, read.task.target, folds, jackknife)


def _counts(
    labels: IntArray,
    target: Target,
    folds: Iterable[tuple[int, IntArray, BoolArray, BoolArray]],
    jackknife: Jackknife,
) -> PredictionCounts:
    parts = len(jackknife.flat)
    return PredictionCounts.of(labels, len(target.classes), folds, parts=parts)


def read_as(chosen: Chosen, values: Iterable[str]) -> dict[str, str]:
    """For each of `values` the one other value that more than half of its wrong readings say."""
    target = chosen.task.target
    truth = np.concatenate([target.labels[fold.tested] for fold in chosen.folds])
    predicted = np.concatenate([fold.predicted for fold in chosen.folds])
    found = {}
    for value in values:
        own = target.classes.index(value)
        wrong = np.bincount(predicted[(truth == own) & (predicted != own)])
        if len(wrong) and 2 * wrong.max() > wrong.sum():
            found[value] = target.classes[int(wrong.argmax())]
    return found


def mean_probability(chosen: Chosen) -> tuple[FloatArray, FloatArray]:
    """Each prompt's probability of the true value, mean over folds, and its standard error.

    Both ``(n,)``; NaN where a prompt is not tested. The error is that of refitting, which all folds
    share as they share training prompts, and of the folds themselves where there are several.
    """
    n = len(chosen.task.target.labels)
    tests, total, errors, squares = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    for fold in chosen.folds:
        tests[fold.tested] += 1
        total[fold.tested] += fold.probability
        errors[fold.tested] += fold.error
    tests[tests == 0] = np.nan
    mean = total / tests
    for fold in chosen.folds:
        squares[fold.tested] += (fold.probability - mean[fold.tested]) ** 2
    of_folds = squares / np.maximum(tests - 1, 1) / tests
    return mean, np.sqrt((errors / tests) ** 2 + of_folds)
