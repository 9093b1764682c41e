"""4: culprits of planted faults through the whole chain, from states and images to the name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scripts.simulations.audited import causes_of, readings_of, station_of
from scripts.simulations.cells import ALWAYS, Cell, Figure, Goal, Kept
from scripts.simulations.faults import Fault, images_of, plant
from scripts.simulations.features import GRADED, Written, blocks_of
from scripts.simulations.sections.causes import RIGHT, RIGHTLY
from scripts.simulations.worlds import sample_world
from t2i_audit.results.interval import Interval

DRAWS = 20
PROMPTS, SEEDS = 480, 4
FAULTS: tuple[Fault, ...] = ("encoder", "denoiser guesses", "denoiser", "chance", "nothing")


@dataclass(frozen=True)
class Chain:
    """States and images of a planted fault, probed and judged."""

    fault: Fault

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(PROMPTS, rng)
        planted = plant(self.fault, world, rng)
        images = images_of(world, planted, SEEDS, rng)
        vectors, seed = (int(rng.integers(2**31)) for _ in range(2))
        code = Written(vectors, merged=self.fault == "encoder")
        drawn = [blocks_of([Written(vectors + 1, GRADED)], world.prompts, rng)]
        found = station_of(world.prompts, blocks_of([code], world.prompts, rng), drawn, seed=seed)
        shares = causes_of(world.prompts, images, readings_of(found), None, rng=rng)
        named = shares.culprit
        return {
            RIGHT: float(named in RIGHTLY[self.fault]),
            "share of the right cause": _share(shares.causes, RIGHTLY[self.fault][0]),
        }


def _share(causes: Mapping[Any, Interval], name: str) -> float:
    return causes[name].estimate if name in causes else float("nan")


def cells() -> Iterator[Cell]:
    """The cells of the table."""
    for fault in FAULTS:
        figures = [Figure(RIGHT, "rate", ALWAYS)]
        if fault != "nothing":
            figures.append(Figure("share of the right cause", "value", Goal(0.5, 1.0)))
        name = f"whole chain, planted: {fault}, {PROMPTS} prompts x {SEEDS} seeds"
        yield Cell("4", name, DRAWS, Chain(fault), tuple(figures))
