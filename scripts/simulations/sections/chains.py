"""4: culprits of planted faults through the whole chain, from states and images to the name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scripts.simulations.audited import causes_of, readings_of, station_of
from scripts.simulations.cells import ALWAYS, Cell, Figure, Goal, Kept
from scripts.simulations.faults import Fault, images_of, plant
from scripts.simulations.features import GRADED, Written, block_of, blocks_of
from scripts.simulations.images import Images
from scripts.simulations.readings import readings_of_slots
from scripts.simulations.sections.causes import RIGHT, RIGHTLY
from scripts.simulations.worlds import sample_world
from t2i_audit.results.decoding import DENOISER
from t2i_audit.results.interval import Interval

DRAWS = 20
SIZES = (60, 120, 240, 480)
INSIDE = 0.35  # noise through which relations are read in 60 to 90 of 100 prompts
LOST_INSIDE, SPREAD = "called lost on the way in", "spread over sizes"
OLD_EARLY = {60: 0.89, 120: 0.54, 240: 0.04, 480: 0.01}  # of `make demo`'s kin `early`
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
        shares = causes_of(images, readings_of(found), rng=rng)
        named = shares.culprit
        return {
            RIGHT: float(named in RIGHTLY[self.fault]),
            "share of the right cause": _share(shares.causes, RIGHTLY[self.fault][0]),
        }


@dataclass(frozen=True)
class Inside:
    """A denoiser that holds every relation, in noise, and draws it at random.

    What is held was not lost on the way in, however few prompts there are to read it from.
    """

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(max(SIZES), rng)
        planted = plant("denoiser guesses", world, rng)
        images = images_of(world, planted, SEEDS, rng)
        encoder = readings_of_slots(world.prompts, {}, rng)
        vectors, seed = (int(rng.integers(2**31)) for _ in range(2))
        states = Written(vectors, INSIDE)(world.prompts, rng)
        lost = {}
        for size in SIZES:
            part = Images(
                images.success[:size],
                world.prompts[:size],
                {slot: right[:size] for slot, right in images.slots.items()},
            )
            held = {slot: read.first(size) for slot, read in encoder.items()}
            block = block_of(states[:size], name="mid_block", station=DENOISER)
            inside = readings_of(station_of(part.prompts, [block], seed=seed))
            details = causes_of(part, held, inside, rng=rng).details
            lost[size] = details["lost_on_the_way_in"].estimate if details else 0.0
        return {
            **{f"{LOST_INSIDE}, {size} prompts": share for size, share in lost.items()},
            SPREAD: max(lost.values()) - min(lost.values()),
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
    figures = [
        Figure(f"{LOST_INSIDE}, {size} prompts", "value", Goal(0.0, 0.1), OLD_EARLY[size])
        for size in SIZES
    ]
    figures.append(Figure(SPREAD, "value", Goal(0.0, 0.1), 0.88))
    name = "held inside and drawn at random, 60 to 480 prompts"
    yield Cell("4", name, DRAWS // 2, Inside(), tuple(figures))
