"""2: what is said of decodability and failure that have nothing to do with each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from scripts.simulations.audited import association_of
from scripts.simulations.cells import FALSE_ALARM, NEVER, REJECTION, Cell, Figure, Kept
from scripts.simulations.images import FloatArray, Images, drawn, lone_prompt
from scripts.simulations.sections.areas import POPULATION, Quality, area, intercept
from scripts.simulations.worlds import PairEffects, sample_world
from t2i_audit.results.association import Association

DRAWS = 200
REJECTS, OVER_PAIRS = "p over compositions <= .05", "p over pairs <= .05"
NAMED, BETWEEN = "an association is named", "between types, of one type"
UNQUALIFIED = "named, and not said to rest on few values"
PROMPTS = 480
COLOURS = 6


@dataclass(frozen=True)
class Separate:
    """Compositions with effects of their own on decodability and on failure."""

    compositions: int
    per: int = 2
    seeds: int = 2
    rate: float = 0.5
    types: Literal["one", "confounded", "mixed"] = "one"
    sizes: tuple[int, ...] = ()
    """Numbers of prompts among which each composition's is drawn, in place of `per`."""

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        count = self.compositions
        size = rng.choice(self.sizes, count) if self.sizes else np.full(count, self.per)
        which = np.repeat(np.arange(count), size)
        failing, reading = rng.normal(size=count), rng.normal(size=count)
        types = ["one"] * len(which)
        if self.types == "confounded":
            # Hard types are hard to read too, which a test within types should not see.
            kind = rng.choice(3, count, p=[0.8, 0.15, 0.05])
            failing, reading = failing - kind, reading - kind
            types = [f"type {kind[one]}" for one in which]
        elif self.types == "mixed":
            types = [f"type {one % 3}" for one in range(len(which))]
        chance = expit(intercept(self.rate, 1.0) + failing)
        prompts = [lone_prompt(int(one), name) for one, name in zip(which, types, strict=True)]
        images = Images(drawn(chance[which], self.seeds, rng), prompts)
        read = expit(reading[which] + 0.5 * rng.normal(size=len(which)))
        return said(association_of(read, None, images, rng=rng), one_type=self.types == "one")


@dataclass(frozen=True)
class Shared:
    """The suite world-relations, whose prompts share pairs and values.

    With `spread`, every pair has an effect on decodability and another on success; without, two
    colours are read badly, and two others, drawn apart from the first, are drawn badly.
    """

    spread: float | None

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(PROMPTS, rng)
        if self.spread is None:
            colour = world.objects // COLOURS
            blurred, failing = (
                np.isin(colour, rng.choice(COLOURS, 2, replace=False)).any(axis=1) for _ in "12"
            )
            read = expit(np.where(blurred, 0.0, 3.0) + 0.7 * rng.normal(size=PROMPTS))
            chance: FloatArray = np.where(failing, 0.35, 0.9)
        else:
            reading = PairEffects.draw(0.7, self.spread, rng).of(world.objects)
            read = expit(np.log(reading / (1 - reading)) + 0.5 * rng.normal(size=PROMPTS))
            chance = PairEffects.draw(0.5, self.spread, rng).of(world.objects)
        images = Images(drawn(chance, 2, rng), world.prompts)
        return said(association_of(read, None, images, rng=rng), one_type=True)


@dataclass(frozen=True)
class Power:
    """An association of this AUROC in truth."""

    compositions: int
    auroc: float

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        images, read, _ = Quality(self.compositions, 0.5, slope_of(self.auroc)).images(rng)
        found = association_of(read, None, images, rng=rng)
        return {NAMED: float(found.verdict == "predicts")}


@cache
def slope_of(auroc: float) -> float:
    """The slope of success on quality with which decodability has this AUROC."""
    rng = np.random.default_rng(0)
    quality = rng.normal(size=POPULATION // 10)
    read = quality + 1.15 * rng.normal(size=len(quality))
    return float(brentq(lambda slope: area(read, expit(slope * quality)) - auroc, 0, 10))


def said(found: Association, *, one_type: bool) -> dict[str, Kept]:
    """What the verdict says where there is nothing to be found."""
    named = found.verdict in ("predicts", "reversed")
    result: dict[str, Kept] = {
        REJECTS: _rejects(found.p_value),
        OVER_PAIRS: _rejects(found.p_pairs),
        NAMED: float(named),
        UNQUALIFIED: float(named and found.rests_on is None and not found.p_within_values > 0.05),
    }
    if one_type:
        result[BETWEEN] = float(found.verdict == "between_types")
    return result


def _rejects(p_value: float) -> float:
    return math.nan if math.isnan(p_value) else float(p_value <= 0.05)


def cells() -> Iterator[Cell]:
    """The cells of the table: name, simulation, old rate of rejection, old rate of naming."""
    table: list[tuple[str, Separate | Shared, float | None, float | None]] = [
        ("15 compositions", Separate(15), 0.050, None),
        ("60 compositions", Separate(60), 0.050, None),
        ("240 compositions", Separate(240), 0.060, None),
        ("60 compositions of 8 prompts", Separate(60, per=8), 0.047, None),
        ("60 compositions of 1 prompt x 4 seeds", Separate(60, per=1, seeds=4), 0.043, None),
        ("60 compositions, rate 0.97", Separate(60, rate=0.97), 0.043, None),
        ("three types confounded, 60", Separate(60, types="confounded"), 0.045, 0.025),
        ("three types confounded, 240", Separate(240, types="confounded"), 0.070, 0.025),
        ("compositions of 1 to 4 prompts, 30", Separate(30, sizes=(1, 2, 3, 4)), 0.065, None),
        ("compositions of 1 to 4 prompts, 120", Separate(120, sizes=(1, 2, 3, 4)), 0.070, None),
        ("compositions of mixed types, 60", Separate(60, per=3, types="mixed"), 0.060, None),
        ("world-relations, no pair effects", Shared(0.0), None, None),
        ("world-relations, pair effects of sd 0.5", Shared(0.5), 0.105, 0.085),
        ("world-relations, pair effects of sd 1", Shared(1.0), 0.275, 0.255),
        ("2 blurred and 2 failing colours of 6", Shared(None), 0.715, 0.690),
    ]
    for name, simulate, rejects, named in table:
        if isinstance(simulate, Separate):
            figures = [
                Figure(REJECTS, "rate", REJECTION, rejects),
                Figure(NAMED, "rate", FALSE_ALARM, named),
            ]
        else:
            # Where prompts share pairs, the test over pairs decides. What rests on few values may
            # be named if it is said on which.
            figures = [
                Figure(REJECTS, "rate", None, rejects),
                Figure(OVER_PAIRS, "rate", REJECTION if simulate.spread is not None else None),
                Figure(NAMED, "rate", FALSE_ALARM if simulate.spread is not None else None, named),
                Figure(UNQUALIFIED, "rate", FALSE_ALARM),
            ]
        if isinstance(simulate, Shared) or simulate.types == "one":
            figures.append(Figure(BETWEEN, "rate", NEVER))
        yield Cell("2", name, DRAWS, simulate, tuple(figures))
    for (compositions, auroc), old in {
        (60, 0.55): 0.19, (240, 0.55): 0.575, (60, 0.6): 0.61, (240, 0.6): 1.0,
    }.items():  # fmt: skip
        name = f"power at AUROC {auroc}, {compositions} compositions"
        figure = Figure(NAMED, "rate", None, old)
        yield Cell("2", name, DRAWS // 3, Power(compositions, auroc), (figure,))
