"""Hidden states of prompts of which it is known what can be read from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.probes.features import FeatureBlock
from t2i_audit.results.decoding import TEXT_ENCODER
from t2i_audit.results.place import Place, Position

FloatArray = NDArray[np.float64]

WIDTH = 48
LITTLE = 0.02  # noise, against vectors of length 1, that hides nothing
GRADED = 0.45  # noise through which a part of the values can be read
MERGED = {"purple": "green"}
SLOTS = ("object_1.colour", "object_1.shape", "object_2.colour", "object_2.shape", "relation")
Code = Callable[[Sequence[Prompt], np.random.Generator], FloatArray]


@dataclass(frozen=True, eq=False)
class Vectors:
    """A random vector of length 1 for each thing that is written, made when it is asked for."""

    seed: int
    width: int = WIDTH

    def of(self, *thing: str) -> FloatArray:
        """``(width,)``; the same at every call."""
        key = np.frombuffer("|".join(thing).encode(), dtype=np.uint8)
        drawn = np.random.default_rng([self.seed, *map(int, key)]).normal(size=self.width)
        return np.asarray(drawn / np.linalg.norm(drawn))


@dataclass(frozen=True)
class Written:
    """Every slot's value is added to the state, with `merged` values written alike."""

    seed: int
    noise: float = LITTLE
    merged: bool = False
    width: int = WIDTH

    def __call__(self, prompts: Sequence[Prompt], rng: np.random.Generator) -> FloatArray:
        vectors = Vectors(self.seed, self.width)
        table: dict[tuple[str, str], FloatArray] = {}

        def vector(slot: str, value: str) -> FloatArray:
            value = MERGED.get(value, value) if self.merged else value
            if (slot, value) not in table:
                table[slot, value] = vectors.of(slot, value)
            return table[slot, value]

        states = [sum(vector(p.slot, p.value) for p in each.constituents) for each in prompts]
        return np.array(states) + rng.normal(0, self.noise, (len(prompts), self.width))


@dataclass(frozen=True)
class Bag:
    """The words, without their order."""

    seed: int
    noise: float = LITTLE
    width: int = WIDTH

    def __call__(self, prompts: Sequence[Prompt], rng: np.random.Generator) -> FloatArray:
        vectors = Vectors(self.seed, self.width)
        table = {key: vectors.of(key) for p in prompts for key in (c.key for c in p.constituents)}
        states = [sum(table[part.key] for part in each.constituents) for each in prompts]
        return np.array(states) + rng.normal(0, self.noise, (len(prompts), self.width))


@dataclass(frozen=True)
class PairCode:
    """A vector for each object's pair, which says nothing of pairs that were never seen."""

    seed: int
    noise: float = LITTLE
    width: int = WIDTH

    def __call__(self, prompts: Sequence[Prompt], rng: np.random.Generator) -> FloatArray:
        vectors = Vectors(self.seed, self.width)
        table: dict[tuple[str, str, str], FloatArray] = {}
        states = np.zeros((len(prompts), self.width))
        for row, prompt in enumerate(prompts):
            for entity in ("object_1", "object_2"):
                values = sorted(p.value for p in prompt.constituents if p.entities == (entity,))
                thing = entity, *values
                if thing not in table:
                    table[thing] = vectors.of(*thing)  # type: ignore[index]
                states[row] += table[thing]  # type: ignore[index]
        return states + rng.normal(0, self.noise, states.shape)


@dataclass(frozen=True)
class Noise:
    """Nothing."""

    width: int = WIDTH

    def __call__(self, prompts: Sequence[Prompt], rng: np.random.Generator) -> FloatArray:
        return rng.normal(size=(len(prompts), self.width))


def block_of(
    states: FloatArray, *, name: str, slots: Sequence[str] = SLOTS, station: str = TEXT_ENCODER
) -> FeatureBlock:
    """`states`, ``(n, d)``, as features of one place from which `slots` may be read."""
    # At a slot's words no presence is read, which would take most of the time.
    place = Place("text_encoder", name, None, Position.of_slot(slots[0]))
    valid = np.ones(len(states), dtype=bool)
    return FeatureBlock(station, place, states.astype(np.float32), valid, frozenset(slots))


def blocks_of(
    codes: Sequence[Code],
    prompts: Sequence[Prompt],
    rng: np.random.Generator,
    slots: Sequence[str] = SLOTS,
) -> list[FeatureBlock]:
    """A place for each code."""
    return [
        block_of(code(prompts, rng), name=f"block_{number}", slots=slots)
        for number, code in enumerate(codes, start=1)
    ]
