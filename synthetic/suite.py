"""The default suite: which students `validate` trains, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from synthetic.encodings import EncodingName
from synthetic.settings import RunSettings
from synthetic.supports import SupportKind

# Small enough for two CPU cores, large enough to compose: 8 modules, up to 3 in a task.
BASE = RunSettings(modules=8, active=3, size=8, steps=2500, tasks=64, samples=4, width=128)
SEEDS = 3
WIDTHS = (8, 16, 32, 64, 128)
DEPTHS = (2, 4)
# Down to 11 of the 92 compositions, where students of any width generalize badly.
TRAIN_FRACTIONS = (0.12, 0.3, 0.5, 0.75)
ENCODINGS: tuple[EncodingName, ...] = (
    "identity",
    "orthogonal",
    "language",
    "invertible",
    "interval-shuffle",
    "few-shot",
)
# The deviation of the invertible encoding's weights in the paper's code; ours is larger.
PAPER_INVERTIBLE_SCALE = 0.1
# With 8 modules in halves never mixed, 28 of 92 compositions are trained. Random support is set
# beside it with as many.
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


@dataclass(frozen=True)
class Suite:
    """The runs of each part; a run may serve several."""

    scale: tuple[RunSettings, ...]
    """Identity encoding, random support; width, depth, train fraction and seed vary. The
    correlations rest on these: every run has a teacher, a support and a start of its own."""
    encodings: tuple[RunSettings, ...]
    supports: tuple[RunSettings, ...]
    floors: tuple[RunSettings, ...]
    """Students of shuffled targets, and untrained ones."""

    @property
    def runs(self) -> tuple[RunSettings, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*self.scale, *self.encodings, *self.supports, *self.floors)))


def default_suite(seed: int = 0) -> Suite:
    """The suite whose seeds start at `seed`."""
    seeds = range(seed, seed + SEEDS)
    cells: list[dict[str, Any]] = [
        *({"width": width, "train_fraction": f} for width in WIDTHS for f in TRAIN_FRACTIONS),
        *({"width": 64, "depth": depth, "train_fraction": 0.3} for depth in DEPTHS),
    ]
    encodings: list[dict[str, Any]] = [
        *({"encoding": name} for name in ENCODINGS),
        {"encoding": "invertible", "invertible_scale": PAPER_INVERTIBLE_SCALE},
    ]
    scale = [
        replace(BASE, seed=seed + 100 + SEEDS * index + draw, **cell)
        for index, cell in enumerate(cells)
        for draw in range(SEEDS)
    ]
    return Suite(
        scale=tuple(scale),
        encodings=tuple(replace(BASE, seed=one, **change) for change in encodings for one in seeds),
        supports=tuple(
            replace(BASE, support=kind, train_fraction=fraction, seed=one)
            for kind, fraction in SUPPORTS
            for one in seeds
        ),
        floors=tuple(
            replace(BASE, seed=one, **change)
            for change in ({"targets": "shuffled"}, {"steps": 0})
            for one in seeds
        ),
    )
