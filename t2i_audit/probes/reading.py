"""Decode every target from one block of features, fold by fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from t2i_audit.probes.calibration import fit_inverse_temperatures
from t2i_audit.probes.features import FeatureBlock
from t2i_audit.probes.opened import OpenedBlock
from t2i_audit.probes.plan import Bundle, Fit, ProbePlan, Split, Task, Use
from t2i_audit.probes.system import RELATIVE_ALPHAS, System

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]

UNFITTED = -1.0  # below every balanced accuracy
# Where there is no inner fold to choose by.
MIDDLE = len(RELATIVE_ALPHAS) // 2


@dataclass(frozen=True, eq=False)
class FoldReading:
    """One target decoded in one fold."""

    deal: int
    """Which deal of values into folds the fold is of."""
    tested: IntArray
    """``(m,)`` prompts; none where the fold cannot test the target."""
    predicted: IntArray
    """``(m,)`` classes."""
    correct: BoolArray
    """``(m,)``."""
    probability: FloatArray
    """``(m,)`` calibrated out-of-fold probability of the true class."""
    confidence: FloatArray
    """``(m,)`` the probability of the predicted class, by which the calibration is checked."""
    shuffled: BoolArray
    """As `correct`, for a probe whose labels were shuffled before folding."""
    inner: float
    """Balanced accuracy in the inner folds, or `UNFITTED`."""
    alpha: int
    """Which regularisation the inner folds chose."""
    inverse_temperature: float
    """The factor on the scores that the inner folds chose."""


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
    missed: tuple[FloatArray, ...]
    """Of each fold the squared errors of its tests by class, ``(m, k)``."""


def read_block(opened: OpenedBlock, plan: ProbePlan) -> list[TargetReading]:
    """Decode the plan's tasks from a block; all that share training rows share a system."""
    block = opened.block
    reader = _BlockReader(opened, plan)
    for fit in plan.fits:
        reader.read(fit)
    return [
        TargetReading(block, task, tuple(own), _r2(missed, task, own), int(masked), tuple(missed))
        for task, own, missed, masked in zip(
            plan.tasks, reader.folds, reader.missed, plan.masked, strict=True
        )
    ]


@dataclass(frozen=True, eq=False)
class _Settings:
    """What is chosen in the inner folds of one fold, for each of the `t` tasks of a bundle."""

    alphas: IntArray
    """``(t,)`` which regularisation."""
    inverse_temperatures: FloatArray
    """``(t,)``."""
    accuracy: FloatArray
    """``(t,)`` balanced accuracy."""


@dataclass(eq=False)
class _BlockReader:
    opened: OpenedBlock
    plan: ProbePlan
    folds: list[list[FoldReading]] = field(init=False)
    missed: list[list[FloatArray]] = field(init=False)
    """Of each task and fold the squared errors by class, ``(m, k)``."""
    inner: dict[tuple[int, int], list[tuple[Split, FloatArray]]] = field(default_factory=dict)
    """Bundle and fold -> what was read in its inner folds, ``(a, t, m, k)``."""

    def __post_init__(self) -> None:
        nothing = np.empty(0, dtype=int)
        no, zero = nothing > 0, nothing + 0.0
        rest = (nothing, nothing, no, zero, zero, no, UNFITTED, MIDDLE, 1.0)
        self.folds = [
            [FoldReading(fold.deal, *rest) for fold in task.folds] for task in self.plan.tasks
        ]
        self.missed = [
            [np.zeros((0, len(task.target.classes)))] * len(task.folds) for task in self.plan.tasks
        ]

    def read(self, fit: Fit) -> None:
        """Read all that `fit` serves."""
        inner = [use for use in fit.uses if use.inner is not None]
        outer = [use for use in fit.uses if use.inner is None]
        system = self.opened.system(fit.train)
        self._read_inner(system, fit, inner)
        self._read_outer(system, fit, outer)

    def _read_inner(self, system: System, fit: Fit, uses: Sequence[Use]) -> None:
        if not uses:
            return
        numbers = list(dict.fromkeys(use.bundle for use in uses))
        bundles = [self.plan.bundles[number] for number in numbers]
        truth, columns = _columns([(each, each.labels[:, fit.train]) for each in bundles])
        columns_of = dict(zip(numbers, columns, strict=True))
        splits = [self._split(use) for use in uses]
        every = np.unique(np.concatenate([split.tested for split in splits]))
        predicted = system.predict_path(truth, self.opened.rows(every))
        for use, split in zip(uses, splits, strict=True):
            lines = np.searchsorted(every, split.tested)
            own = predicted[:, lines, columns_of[use.bundle]]
            scores = _scores(own, self.plan.bundles[use.bundle])
            self.inner.setdefault((use.bundle, use.fold), []).append((split, scores))

    def _read_outer(self, system: System, fit: Fit, uses: Sequence[Use]) -> None:
        if not uses:
            return
        bundles = [self.plan.bundles[use.bundle] for use in uses]
        splits = [self._split(use) for use in uses]
        settings = [
            _settle(bundle, self.inner.pop((use.bundle, use.fold), []))
            for use, bundle in zip(uses, bundles, strict=True)
        ]
        truth, columns = _columns([(each, each.labels[:, fit.train]) for each in bundles])
        shuffled, _ = _columns([(each, each.shuffled[:, fit.train]) for each in bundles])
        chosen = np.concatenate(
            [
                np.repeat(own.alphas, _width(bundle))
                for own, bundle in zip(settings, bundles, strict=True)
            ]
        )
        every = np.unique(np.concatenate([split.tested for split in splits]))
        rows = self.opened.rows(every)
        both = np.concatenate([truth, shuffled], axis=1)
        predicted, of_shuffled = np.split(
            system.predict(both, system.alphas[np.tile(chosen, 2)], rows), 2, axis=1
        )
        for use, bundle, split, own, place in zip(
            uses, bundles, splits, settings, columns, strict=True
        ):
            lines = np.searchsorted(every, split.tested)
            self._keep(
                bundle,
                self.plan.bundles[use.bundle].folds[use.fold].number,
                split,
                own,
                _scores(predicted[lines, place], bundle),
                _scores(of_shuffled[lines, place], bundle),
            )

    def _keep(
        self,
        bundle: Bundle,
        number: int,
        split: Split,
        settings: _Settings,
        scores: FloatArray,
        of_shuffled: FloatArray,
    ) -> None:
        """Keep the readings of one fold, whose scores are ``(t, m, k)``."""
        labels = bundle.labels[:, split.tested]
        # A task that knows no class at all is not counted, but has no NaN either.
        unknown = ~(split.known | ~split.known.any(axis=1, keepdims=True))[:, None]
        missed = (np.eye(bundle.classes)[labels] - scores) ** 2
        factors = settings.inverse_temperatures[:, None, None]
        possible = np.where(unknown, -np.inf, scores)
        predicted = possible.argmax(axis=2)
        probabilities = softmax(factors * possible, axis=2)
        probability, confidence = _own(probabilities, labels), probabilities.max(axis=2)
        guessed = of_shuffled.argmax(axis=2) == bundle.shuffled[:, split.tested]
        for place, index in enumerate(bundle.members):
            kept = split.counted[place]
            self.missed[index][number] = missed[place, kept]
            self.folds[index][number] = FoldReading(
                deal=self.folds[index][number].deal,
                tested=split.tested[kept],
                predicted=predicted[place, kept],
                correct=predicted[place, kept] == labels[place, kept],
                probability=probability[place, kept],
                confidence=confidence[place, kept],
                shuffled=guessed[place, kept],
                inner=float(settings.accuracy[place]),
                alpha=int(settings.alphas[place]),
                inverse_temperature=float(settings.inverse_temperatures[place]),
            )

    def _split(self, use: Use) -> Split:
        fold = self.plan.bundles[use.bundle].folds[use.fold]
        return fold.outer if use.inner is None else fold.inner[use.inner]


def _settle(bundle: Bundle, inner: Sequence[tuple[Split, FloatArray]]) -> _Settings:
    """The settings that do best in the inner folds, put together."""
    tasks = len(bundle.members)
    if not inner:
        middle = np.full(tasks, MIDDLE)
        return _Settings(middle, np.ones(tasks), np.full(tasks, UNFITTED))
    labels = np.concatenate([bundle.labels[:, split.tested] for split, _ in inner], axis=1)
    counted = np.concatenate([split.counted for split, _ in inner], axis=1)
    scores = np.concatenate([each for _, each in inner], axis=2)
    # The squared error of one-hot targets, but for what does not depend on the regularisation.
    own = _own(scores, labels[None])
    squares = np.einsum("atmk,atmk->atm", scores, scores) - 2 * own
    alphas = np.einsum("atm,tm->at", squares, counted).argmin(axis=0)
    best = scores[alphas, np.arange(tasks)]
    known = np.concatenate(
        [
            np.broadcast_to(split.known[:, None], (tasks, len(split.tested), bundle.classes))
            for split, _ in inner
        ],
        axis=1,
    )
    possible = np.where(known & counted[:, :, None], best, -np.inf)
    hits = (possible.argmax(axis=2) == labels) & counted
    cells = labels + bundle.classes * np.arange(tasks)[:, None]
    size = tasks * bundle.classes
    right = np.bincount(cells.ravel(), weights=hits.ravel(), minlength=size).reshape(tasks, -1)
    count = np.bincount(cells.ravel(), weights=counted.ravel(), minlength=size).reshape(tasks, -1)
    tested = (count > 0).sum(axis=1)
    recalls = (right / np.maximum(count, 1)).sum(axis=1)
    accuracy = np.where(tested > 0, recalls / np.maximum(tested, 1), UNFITTED)
    return _Settings(alphas, fit_inverse_temperatures(possible, labels), accuracy)


def _columns(wanted: Sequence[tuple[Bundle, IntArray]]) -> tuple[BoolArray, list[slice]]:
    """The regression targets of each bundle's labels, ``(t, n)``, and where its columns are."""
    arrays, places, start = [], [], 0
    for bundle, labels in wanted:
        width = _width(bundle)
        hot = labels.T[:, :, None] == np.arange(bundle.classes)[-width:]
        arrays.append(hot.reshape(labels.shape[1], -1))
        places.append(slice(start, start + len(labels) * width))
        start = places[-1].stop
    return np.concatenate(arrays, axis=1), places


def _width(bundle: Bundle) -> int:
    # The scores of a row sum to one, so for two classes one column is enough.
    return bundle.classes if bundle.classes > 2 else 1


def _scores(predicted: FloatArray, bundle: Bundle) -> FloatArray:
    """A score for each class, ``(..., t, m, k)``, from what is predicted, ``(..., m, columns)``."""
    shape = *predicted.shape[:-1], len(bundle.members), _width(bundle)
    scores = np.moveaxis(predicted.reshape(shape), -2, -3)
    return scores if bundle.classes > 2 else np.concatenate([1 - scores, scores], axis=-1)


def _own(values: FloatArray, labels: IntArray) -> FloatArray:
    """What `values`, ``(..., m, k)``, give each row's own class."""
    index = np.broadcast_to(labels[..., None], (*values.shape[:-1], 1))
    return np.take_along_axis(values, index, axis=-1)[..., 0]


def _r2(missed: Sequence[FloatArray], task: Task, folds: Sequence[FoldReading]) -> float:
    """From the squared errors of each fold's tests by class, ``(m, k)``."""
    tested = [task.target.labels[fold.tested] for fold in folds]
    if not any(len(each) for each in tested):
        return float("nan")
    labels, error = np.concatenate(tested), np.concatenate(missed).sum(axis=0)
    share = np.bincount(labels, minlength=len(error)) / len(labels)
    variation = len(labels) * share * (1 - share)
    varied = variation > 0
    if not varied.any():
        return float("nan")
    return float(np.mean(1 - error[varied] / variation[varied]))
