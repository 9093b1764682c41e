"""The validation suite: which students ``validate`` trains, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from synthetic.presets import PAPER_INVERTIBLE_SCALE
from synthetic.settings import EncodingName, HyperteacherSettings, RunSettings, SupportKind

# Small enough for two CPU cores, large enough to compose: 8 modules, up to 3 in a task.
BASE_TASK = HyperteacherSettings(modules=8, active=3, size=8)
BASE = RunSettings(BASE_TASK, steps=2500, tasks=64, samples=4, width=128)
SEEDS = 3
WIDTHS = (8, 16, 32, 64, 128)
DEPTHS = (2, 4)
# The smallest trains 11 of the 92 compositions; students of any width then generalize badly.
TRAIN_FRACTIONS = (0.12, 0.3, 0.5, 0.75)
# From the easiest to the hardest.
ENCODINGS: tuple[EncodingName, ...] = (
    "identity",
    "orthogonal",
    "language",
    "invertible",
    "interval-shuffle",
    "few-shot",
)
# If two halves of 8 modules never occur together, 28 of 92 compositions are trained. Random support
# of the same size is the comparison.
MATCHED_FRACTION = 28 / 92
SUPPORTS: tuple[tuple[SupportKind, float], ...] = (
    ("random", 0.75),
    ("balanced", 0.75),
    ("popular", 0.75),
    ("unpopular", 0.75),
    ("non-compositional", 0.75),
    ("disconnected", 0.75),
    ("random", MATCHED_FRACTION),
    ("disconnected", MATCHED_FRACTION),
)


def encoding_runs(base: RunSettings, seeds: Sequence[int]) -> tuple[RunSettings, ...]:
    """A run of every encoding under each of `seeds`, otherwise as `base`; the hardest come first
    under each seed."""
    task = base.task
    assert isinstance(task, HyperteacherSettings), "the only family of all encodings"
    return tuple(
        replace(base, task=replace(task, encoding=encoding), seed=seed)
        for seed in seeds
        for encoding in reversed(ENCODINGS)
    )


@dataclass(frozen=True)
class ValidationSuite:
    """The runs of each part; a run may belong to several."""

    scale: tuple[RunSettings, ...]
    """Identity encoding and random support; width, depth, train fraction and seed vary. The
    correlations are computed over these: every run has its own teacher, support and initial
    weights."""
    encodings: tuple[RunSettings, ...]
    supports: tuple[RunSettings, ...]
    floors: tuple[RunSettings, ...]
    """Students trained on shuffled targets, and untrained ones."""

    @property
    def runs(self) -> tuple[RunSettings, ...]:
        """All runs, without duplicates."""
        return tuple(dict.fromkeys((*self.scale, *self.encodings, *self.supports, *self.floors)))


def default_suite(seed: int = 0) -> ValidationSuite:
    """The suite whose seeds start at `seed`."""
    seeds = range(seed, seed + SEEDS)
    cells: list[dict[str, Any]] = [
        *({"width": width, "train_fraction": f} for width in WIDTHS for f in TRAIN_FRACTIONS),
        *({"width": 64, "depth": depth, "train_fraction": 0.3} for depth in DEPTHS),
    ]
    tasks = [
        *(replace(BASE_TASK, encoding=name) for name in ENCODINGS),
        replace(BASE_TASK, encoding="invertible", invertible_scale=PAPER_INVERTIBLE_SCALE),
    ]
    scale = [
        replace(BASE, seed=seed + 100 + SEEDS * index + draw, **cell)
        for index, cell in enumerate(cells)
        for draw in range(SEEDS)
    ]
    floors = (replace(BASE, targets="shuffled"), replace(BASE, steps=0))
    return ValidationSuite(
        scale=tuple(scale),
        encodings=tuple(replace(BASE, task=task, seed=one) for task in tasks for one in seeds),
        supports=tuple(
            replace(BASE, support=kind, train_fraction=fraction, seed=one)
            for kind, fraction in SUPPORTS
            for one in seeds
        ),
        floors=tuple(replace(floor, seed=one) for floor in floors for one in seeds),
    )
