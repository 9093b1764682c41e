"""1f and 3: what the probe reads of states whose content is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from prompts.generate import generate
from prompts.grammar.load import load_grammar
from prompts.structure import Prompt
from scripts.simulations.audited import station_of
from scripts.simulations.cells import COVERAGE, NEVER, Cell, Figure, Goal, Kept, kept
from scripts.simulations.features import (
    GRADED,
    Bag,
    Code,
    Noise,
    PairCode,
    Written,
    blocks_of,
)
from scripts.simulations.worlds import sample_world
from t2i_audit.probes.decoded import StationProbes

SLOT = "object_1.colour"
SLOTS = (SLOT, "object_1.shape", "object_2.colour", "object_2.shape")
COLOURS = (SLOT, "object_2.colour")
CHANCE = 1 / 6
FIXED_MAP = 7  # seed of the vectors where only prompts and noise are drawn anew
COVERED_DRAWS, READ_DRAWS = 60, 20
DECODED, LOST, REFUSED = "decoded", "called lost", "refused"
ALONE, BESIDE, CHANGE = "alone", "beside a place that memorises pairs", "change"


@dataclass(frozen=True)
class Interval95:
    """The intervals of slots over suites and noise, the vectors being fixed."""

    code: Code
    prompts: Callable[[np.random.Generator], Sequence[Prompt]]
    slots: tuple[str, ...] = SLOTS

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        prompts = self.prompts(rng)
        blocks = blocks_of([self.code], prompts, rng, self.slots)
        found = station_of(prompts, blocks, seed=int(rng.integers(2**31)))
        return {slot: kept(found.slots[slot].balanced_accuracy) for slot in self.slots}


def of_the_world(rng: np.random.Generator) -> Sequence[Prompt]:
    """120 prompts in which each partner has six values, all held out in turn."""
    return sample_world(120, rng).prompts


def of_many_things(rng: np.random.Generator) -> Sequence[Prompt]:
    """300 prompts with 28 nouns, which are dealt into six groups three times over."""
    return tuple(generate(load_grammar("relations"), 300, seed=int(rng.integers(2**31))))


@dataclass(frozen=True)
class Reading:
    """What is read of states that `code`, from a seed of vectors, makes."""

    code: Callable[[int], Sequence[Code]]
    prompts: int
    slots: tuple[str, ...] = SLOTS

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(self.prompts, rng)
        codes = self.code(int(rng.integers(2**31)))
        seed = int(rng.integers(2**31))
        found = station_of(world.prompts, blocks_of(codes, world.prompts, rng), seed=seed)
        own = [found.slots[slot] for slot in self.slots]
        defined = [each.balanced_accuracy.estimate for each in own if each.verdict != "undefined"]
        verdicts = [each.verdict for each in own]
        return {
            DECODED: float(np.mean(defined)) if defined else math.nan,
            LOST: float(np.mean([verdict == "lost" for verdict in verdicts])),
            REFUSED: float(np.mean([verdict == "undefined" for verdict in verdicts])),
        }


@dataclass(frozen=True)
class Trap:
    """A place from which unseen pairs can be read in part, without and with one that memorises."""

    prompts: int

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(self.prompts, rng)
        first, second, seed = (int(rng.integers(2**31)) for _ in range(3))
        useful, memory = blocks_of([Written(first, GRADED), PairCode(second)], world.prompts, rng)
        read = {
            name: self._mean(station_of(world.prompts, blocks, seed=seed))
            for name, blocks in ((ALONE, [useful]), (BESIDE, [useful, memory]))
        }
        return {**read, CHANGE: read[BESIDE] - read[ALONE]}

    def _mean(self, found: StationProbes) -> float:
        return float(np.mean([found.slots[slot].balanced_accuracy.estimate for slot in SLOTS]))


def merged(seed: int) -> list[Code]:
    """Two colours written alike, all else kept."""
    return [Written(seed, merged=True)]


def perfect(seed: int) -> list[Code]:
    """All is written."""
    return [Written(seed)]


def bag(seed: int) -> list[Code]:
    """The words without their order."""
    return [Bag(seed)]


def memory(seed: int) -> list[Code]:
    """Pairs that are learnt by heart."""
    return [PairCode(seed)]


def nothing(seed: int) -> list[Code]:
    """One place of noise."""
    return [Noise()]


def many_nothings(seed: int) -> list[Code]:
    """Many places of noise, the best of which is chosen."""
    return [Noise()] * 12


# Name, code, prompts, where the mean should lie (the truth of the merged colours is 5/6), and what
# was read before.
READ: tuple[tuple[str, Callable[[int], Sequence[Code]], int, Goal, float | None], ...] = (
    *(
        ("two of six colours merged", merged, n, Goal(5 / 6 - 0.03, 5 / 6 + 0.03), old)
        for n, old in ((60, 0.727), (120, 0.774), (240, 0.760), (480, 0.747))
    ),
    *(
        ("words without order", bag, n, Goal(0.46, 0.54), old)
        for n, old in ((60, 0.37), (120, 0.42), (240, 0.465), (480, 0.495))
    ),
    *(("perfect", perfect, n, Goal(0.97, 1.0), None) for n in (120, 480)),
    *(
        ("noise", nothing, n, Goal(0.0, CHANCE + 0.03), old)
        for n, old in ((24, 0.275), (60, 0.137), (120, 0.137), (480, None))
    ),
    ("noise, best of 12 places", many_nothings, 60, Goal(0.0, CHANCE + 0.03), 0.143),
    *(("memorised pairs", memory, n, Goal(0.0, 0.2), 0.168) for n in (120, 480)),
)


def cells() -> Iterator[Cell]:
    """The cells of the tables."""
    for name, code, old in (
        ("graded signal", Written(FIXED_MAP, GRADED), 0.829),
        ("two merged values", Written(FIXED_MAP, merged=True), 0.843),
        ("pair code", PairCode(FIXED_MAP), 0.857),
    ):
        figures = [Figure(slot, "coverage", COVERAGE, old) for slot in SLOTS]
        yield Cell("1f", f"{name}, 120 prompts", COVERED_DRAWS, Interval95(code, of_the_world),
                   tuple(figures))  # fmt: skip
    yield Cell(
        "1f",
        "graded signal, 300 prompts of 28 nouns",
        COVERED_DRAWS,
        Interval95(Written(FIXED_MAP, GRADED), of_many_things, COLOURS),
        tuple(Figure(slot, "coverage", COVERAGE) for slot in COLOURS),
    )
    for name, codes, n, goal, before in READ:
        slots = COLOURS if codes is merged else SLOTS
        figure = Figure(DECODED, "value", goal, before)
        yield Cell("3", f"{name}, {n} prompts", READ_DRAWS, Reading(codes, n, slots), (figure,))
    yield Cell(
        "3",
        "perfect, 24 prompts",
        READ_DRAWS,
        Reading(perfect, 24),
        (Figure(LOST, "rate", NEVER, 0.40), Figure(REFUSED, "rate")),
    )
    yield Cell(
        "3",
        "a place that memorises, 240 prompts",
        READ_DRAWS,
        Trap(240),
        (
            Figure(ALONE, "value", None, 0.375),
            Figure(BESIDE, "value", None, 0.162),
            Figure(CHANGE, "value", Goal(-0.05, 0.05), -0.213),
        ),
    )
