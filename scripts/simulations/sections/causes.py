"""1e and 4: causes of failures, from readings whose truth is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from scripts.simulations.audited import causes_of
from scripts.simulations.cells import (
    ALWAYS,
    COVERAGE,
    FALSE_ALARM,
    NEVER,
    Cell,
    Figure,
    Goal,
    Kept,
    kept,
)
from scripts.simulations.faults import Fault, images_of, plant
from scripts.simulations.features import SLOTS
from scripts.simulations.images import Images
from scripts.simulations.readings import readings_of_slots
from scripts.simulations.worlds import sample_world

DRAWS, TIE_DRAWS, SHARE_DRAWS = 20, 300, 120
PROMPTS = 200
SEEDS = (1, 2, 3, 4, 8)
RIGHT, WRONG = "named rightly", "somebody else is named"
TELLING = 3  # seeds from which chance is told from the denoiser
UNTOLD = "not told from chance"
NOBODY = ("unclear", "few failures")
# Who is to be named from three seeds on; before, the denoiser and chance are one.
RIGHTLY: dict[Fault, tuple[str, ...]] = {
    "encoder": ("encoder",),
    "encoder and rare failures": ("encoder",),
    "denoiser guesses": ("denoiser",),
    "denoiser": ("denoiser",),
    "chance": ("chance",),
    "both": ("denoiser", "unclear"),
    "nothing": ("few failures",),
}
# Fault -> of 25 draws those that named the right one, by the number of seeds.
OLD: dict[Fault, dict[int, int | None]] = {
    "encoder": {1: 25, 2: 25, 3: 8, 4: 25, 8: 18},
    "encoder and rare failures": {1: 24, 2: 24, 3: 10, 4: 19, 8: 0},
    "denoiser guesses": {1: 25, 2: 25, 3: 21, 4: 25, 8: 25},
    "denoiser": {2: 25, 4: 25, 8: 3},
    "chance": {1: 0, 2: 0, 3: 25, 4: 25, 8: 25},
    "both": {2: 25, 4: 25},
    "nothing": {2: 25, 4: 25},
}
OLD_TIES = {20: 0.280, 60: 0.250, 200: 0.320, 800: 0.365}
OLD_SHARES = {2: 0.85, 3: 0.50, 4: 0.62, 8: 0.53}


@dataclass(frozen=True)
class Culprit:
    """Who is named for a planted fault."""

    fault: Fault
    seeds: int
    prompts: int = PROMPTS

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(self.prompts, rng)
        planted = plant(self.fault, world, rng)
        images = images_of(world, planted, self.seeds, rng)
        encoder = readings_of_slots(world.prompts, dict(planted.lost_at_encoder), rng)
        named = causes_of(images, encoder, rng=rng).culprit
        rightly = RIGHTLY[self.fault]
        if self.seeds < TELLING:
            rightly = tuple(UNTOLD if one in ("denoiser", "chance") else one for one in rightly)
        return {
            RIGHT: float(named in rightly),
            WRONG: float(named not in (*rightly, *NOBODY)),
        }


@dataclass(frozen=True)
class Tie:
    """Failing prompts, of which this share has lost its relation and the others hold it."""

    prompts: int
    share: float = 0.5

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(self.prompts, rng)
        gone = rng.random(self.prompts) < self.share
        wrong = np.zeros((self.prompts, 4))
        slots = {slot: np.ones_like(wrong) for slot in SLOTS} | {"relation": wrong}
        images = Images(wrong, world.prompts, slots)
        sure = {
            slot: replace(read, lower=read.probability, upper=read.probability)
            for slot, read in readings_of_slots(world.prompts, {}, rng).items()
        }
        certain = np.where(gone, 0.4, 0.97)
        sure["relation"] = replace(
            sure["relation"], probability=certain, lower=certain - 0.01, upper=certain + 0.01
        )
        named = causes_of(images, sure, rng=rng).culprit
        return {
            "somebody is named": float(named in ("encoder", "denoiser", "chance")),
            "the larger is named": float(named == "encoder"),
        }


@dataclass(frozen=True)
class Shares:
    """The encoder's share of one model's failures at several numbers of seeds."""

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(PROMPTS, rng)
        planted = plant("encoder", world, rng)
        images = images_of(world, planted, max(SEEDS), rng)
        encoder = readings_of_slots(world.prompts, dict(planted.lost_at_encoder), rng)
        shares: dict[int, float] = {}
        for seeds in OLD_SHARES:
            part = replace(
                images,
                success=images.success[:, :seeds],
                slots={slot: each[:, :seeds] for slot, each in images.slots.items()},
            )
            found = causes_of(part, encoder, rng=rng)
            shares[seeds] = found.causes["encoder"].estimate
        kept: dict[str, Kept] = {f"encoder's share, {n} seeds": own for n, own in shares.items()}
        kept["spread over seeds"] = max(shares.values()) - min(shares.values())
        return kept


@dataclass(frozen=True)
class ShareIntervals:
    """Intervals of the shares."""

    prompts: int

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(self.prompts, rng)
        planted = plant("both", world, rng)
        images = images_of(world, planted, 4, rng)
        encoder = readings_of_slots(world.prompts, dict(planted.lost_at_encoder), rng)
        found = causes_of(images, encoder, rng=rng)
        return {
            "encoder": kept(found.causes["encoder"]),
            "denoiser": kept(found.causes["denoiser"]),
            "failure rate": kept(found.failure_rate),
        }


def cells() -> Iterator[Cell]:
    """The cells of the tables."""
    for prompts in (40, 200):
        figures = [Figure(name, "coverage", COVERAGE, 0.95) for name in ("encoder", "denoiser")]
        figures.append(Figure("failure rate", "coverage", COVERAGE))
        name = f"shares of the causes, {prompts} prompts"
        yield Cell("1e", name, SHARE_DRAWS, ShareIntervals(prompts), tuple(figures))
    for fault, by_seeds in OLD.items():
        for seeds, old in by_seeds.items():
            before = None if old is None else old / 25
            # The default is 4 seeds; fewer need not be enough to name the right one.
            figures = [Figure(RIGHT, "rate", ALWAYS if seeds >= TELLING else None, before)]
            blamed = float(seeds < TELLING) if fault == "chance" else None
            figures.append(Figure(WRONG, "rate", NEVER, blamed))
            yield Cell(
                "4", f"planted: {fault}, {seeds} seeds", DRAWS, Culprit(fault, seeds),
                tuple(figures),
            )  # fmt: skip
    for prompts, tied in OLD_TIES.items():
        name = f"tie, {prompts} failing prompts"
        draws = TIE_DRAWS if prompts <= PROMPTS else TIE_DRAWS // 2
        figure = Figure("somebody is named", "rate", FALSE_ALARM, tied)
        yield Cell("4", name, draws, Tie(prompts), (figure,))
    for share, prompts, before in ((0.6, 60, 0.69), (0.6, 200, 0.98), (0.7, 60, None)):
        figure = Figure("the larger is named", "rate", None, before)
        name = f"{share} against {1 - share:.1f}, {prompts} failing prompts"
        yield Cell("4", name, TIE_DRAWS // 3, Tie(prompts, share), (figure,))
    spread = [Figure(f"encoder's share, {n} seeds", "value", None, old)
              for n, old in OLD_SHARES.items()]  # fmt: skip
    spread.append(Figure("spread over seeds", "value", Goal(0.0, 0.05), 0.35))
    yield Cell("4", "one model at 2 to 8 seeds", DRAWS, Shares(), tuple(spread))
