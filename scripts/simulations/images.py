"""Judged images of known truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Constituent, Pair, Prompt, SplitName

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Images:
    """The judged images of `n` prompts, as the analysis takes them."""

    success: FloatArray
    """``(n, seeds)``."""
    prompts: Sequence[Prompt]
    slots: dict[str, FloatArray] = field(default_factory=dict)
    """For each slot that is judged whether it is right, ``(n, seeds)``."""

    @property
    def clusters(self) -> list[str]:
        """The composition of each prompt."""
        return [prompt.composition for prompt in self.prompts]

    @property
    def types(self) -> list[str]:
        """The type of each prompt."""
        return [prompt.type for prompt in self.prompts]

    @property
    def splits(self) -> list[SplitName | None]:
        """The split of each prompt."""
        return [prompt.split for prompt in self.prompts]

    @property
    def pairs(self) -> list[frozenset[Pair]]:
        """The pairs of values that each prompt is made of."""
        return [prompt.pairs for prompt in self.prompts]


@cache
def lone_prompt(number: int, prompt_type: str, split: SplitName | None = None) -> Prompt:
    """A prompt of the composition `number`, which shares nothing with any other."""
    colour, shape = f"colour{number}", f"shape{number}"
    return Prompt(
        id=f"{number}-{prompt_type}",
        text=f"{colour} {shape}",
        type=prompt_type,
        template="{colour} {shape}",
        constituents=(
            Constituent("object_1.colour", "colour", colour, 0, len(colour), ("object_1",)),
            Constituent(
                "object_1.shape",
                "shape",
                shape,
                len(colour) + 1,
                len(colour) + 1 + len(shape),
                ("object_1",),
            ),
        ),
        split=split,
    )


def beta(mean: float, correlation: float, size: int, rng: np.random.Generator) -> FloatArray:
    """Probabilities with this mean, whose outcomes have this intraclass correlation."""
    if correlation == 0:
        return np.full(size, mean)
    total = 1 / correlation - 1
    return rng.beta(mean * total, (1 - mean) * total, size)


def drawn(probability: FloatArray, seeds: int, rng: np.random.Generator) -> FloatArray:
    """Outcomes ``(n, seeds)`` of the prompts' probabilities, ``(n,)``."""
    return (rng.random((len(probability), seeds)) < probability[:, None]).astype(float)


def separate(
    compositions: int,
    probability: Callable[[int], FloatArray],
    rng: np.random.Generator,
    *,
    per: int = 2,
    seeds: int = 2,
    rare: int = 20,
    types: Sequence[str] | None = None,
) -> Images:
    """Images of compositions that have nothing in common.

    A third of the compositions is held out, one in `rare` is of a rare type, and one in five has a
    slot that the others lack.

    Args:
        compositions: how many.
        probability: from their number to each one's probability of success.
        rng: of the outcomes.
        per: prompts of each composition.
        seeds: images of each prompt.
        rare: one in so many compositions is of the rare type.
        types: of each composition, in place of the rare type.
    """
    which = np.repeat(np.arange(compositions), per)
    owners: list[int] = which.tolist()
    success = drawn(probability(compositions)[which], seeds, rng)
    named = (
        list(types)
        if types
        else ["rare" if one % rare == 0 else "common" for one in range(compositions)]
    )
    slot = np.where((which % 5 == 1)[:, None], success, np.nan)
    prompts = [
        lone_prompt(one, named[one], "held_out" if one % 3 == 2 else "seen") for one in owners
    ]
    return Images(success, prompts, {"few": slot})
