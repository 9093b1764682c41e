"""The best place for each target, chosen fold by fold while the places go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2i_audit.probes.plan import Task
from t2i_audit.probes.reading import FoldReading, Reading
from t2i_audit.probes.scoring import Tally

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Chosen:
    """Folds put together, each from the place that did best inside its training prompts."""

    task: Task
    folds: tuple[FoldReading, ...]
    places: tuple[str, ...]
    """``encoder/layer/position`` of each fold."""

    @property
    def selected(self) -> dict[str, int]:
        """How many folds chose each place."""
        return dict(Counter(self.places))


class Best:
    """The best place of each target and fold among the places that were offered."""

    def __init__(self) -> None:
        self._chosen: dict[str, Chosen] = {}

    def offer(self, readings: Iterable[Reading]) -> None:
        """Keep what `readings` read where they do better than all before."""
        for reading in readings:
            name = reading.task.target.name
            self._chosen[name] = _better(self._chosen.get(name), reading)

    def among(self, tasks: Iterable[Task]) -> list[Chosen]:
        """Of those of `tasks` that were read anywhere."""
        names = [task.target.name for task in tasks]
        return [self._chosen[name] for name in names if name in self._chosen]


def _better(chosen: Chosen | None, reading: Reading) -> Chosen:
    place = reading.block.place
    if chosen is None:
        return Chosen(reading.task, reading.folds, (place,) * len(reading.folds))
    pairs = list(zip(chosen.folds, reading.folds, strict=True))
    wins = [two.inner > one.inner for one, two in pairs]
    return Chosen(
        reading.task,
        tuple(two if win else one for (one, two), win in zip(pairs, wins, strict=True)),
        tuple(place if win else old for old, win in zip(chosen.places, wins, strict=True)),
    )


def tally(read: Chosen | Reading) -> Tally:
    """What was read right."""
    target = read.task.target
    folds = ((fold.tested, fold.correct) for fold in read.folds)
    return Tally.of(target.labels, len(target.classes), folds)


def shuffled_tally(read: Chosen | Reading) -> Tally:
    """What the probe of shuffled labels read right."""
    folds = ((fold.tested, fold.shuffled) for fold in read.folds)
    return Tally.of(read.task.shuffled, len(read.task.target.classes), folds)


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
