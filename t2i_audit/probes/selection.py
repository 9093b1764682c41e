"""The best place for each target, chosen fold by fold while the places go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.plan import Task
from t2i_audit.probes.reading import FoldReading, TargetReading
from t2i_audit.probes.scoring import PredictionCounts
from t2i_audit.results.place import Place

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Chosen:
    """Folds put together, each from the place that did best inside its training prompts."""

    task: Task
    folds: tuple[FoldReading, ...]
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
        self._folds: dict[str, list[dict[bytes, tuple[FoldReading, Place]]]] = {}

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
                    best[tested] = fold, reading.block.place

    def has_states(self, task: Task) -> bool:
        """Whether a place that was offered holds a prompt that has the target of `task`."""
        return task.target.name in self._with_states

    def among(self, tasks: Iterable[Task]) -> list[Chosen]:
        """The best places of those of `tasks` that may be read at any of them."""
        chosen = []
        for name in (task.target.name for task in tasks):
            if name in self._folds:
                joined = [_joined(list(best.values())) for best in self._folds[name]]
                folds, places = [fold for fold, _ in joined], [place for _, place in joined]
                chosen.append(Chosen(self._tasks[name], tuple(folds), tuple(places)))
        return chosen


def _joined(found: list[tuple[FoldReading, Place]]) -> tuple[FoldReading, Place]:
    """One fold's readings at places that hold different prompts, and the best of the places."""
    found = sorted(found, key=lambda each: -each[0].inner)
    best, place = found[0]
    others = [fold for fold, _ in found[1:] if len(fold.tested)]
    if not others:
        return best, place
    parts = [best, *others]
    tested, first = np.unique(np.concatenate([each.tested for each in parts]), return_index=True)
    # The first that tests a prompt is the best place that holds it.
    return (
        FoldReading(
            tested,
            np.concatenate([each.correct for each in parts])[first],
            np.concatenate([each.probability for each in parts])[first],
            np.concatenate([each.shuffled for each in parts])[first],
            best.inner,
        ),
        place,
    )


def tally(read: Chosen | TargetReading) -> PredictionCounts:
    """What was read right."""
    target = read.task.target
    folds = ((fold.tested, fold.correct) for fold in read.folds)
    return PredictionCounts.of(target.labels, len(target.classes), folds)


def shuffled_tally(read: Chosen | TargetReading) -> PredictionCounts:
    """What the probe of shuffled labels read right."""
    folds = ((fold.tested, fold.shuffled) for fold in read.folds)
    return PredictionCounts.of(read.task.shuffled, len(read.task.target.classes), folds)


def mean_probability(chosen: Chosen) -> tuple[FloatArray, FloatArray]:
    """Each prompt's probability of the true value, mean over folds, and its standard error.

    Both ``(n,)``; NaN where a prompt is not tested, the error also where it is tested once.
    """
    n = len(chosen.task.target.labels)
    tests, total, squares = np.zeros(n), np.zeros(n), np.zeros(n)
    for fold in chosen.folds:
        tests[fold.tested] += 1
        total[fold.tested] += fold.probability
    mean = total / np.where(tests > 0, tests, np.nan)
    for fold in chosen.folds:
        squares[fold.tested] += (fold.probability - mean[fold.tested]) ** 2
    more = np.where(tests > 1, tests, np.nan)
    return mean, np.sqrt(squares / (more - 1) / more)
