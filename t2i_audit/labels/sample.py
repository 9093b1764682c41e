"""Which images are worth labelling: a stratified sample with known probabilities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

LEAST = 2  # images that every stratum should get; below it, strata are joined


@dataclass(frozen=True)
class Candidate:
    """An image that may be drawn, and what the strata are made of."""

    prompt_id: str
    seed: int
    kinds: tuple[str, ...]
    """The kinds of slots of its prompt, sorted."""
    verdict: bool | None
    """Of the primary judge."""
    disputed: bool
    """Whether two judges give it different verdicts."""


@dataclass(frozen=True)
class Drawn:
    """An image that was drawn."""

    index: int
    """Its place among the candidates."""
    weight: float
    """1 / the probability with which it was drawn."""


# From the finest strata to a single one: the coarser are for small samples.
STRATA: tuple[Callable[[Candidate], Hashable], ...] = (
    lambda each: (each.kinds, each.verdict, each.disputed),
    lambda each: (each.verdict, each.disputed),
    lambda each: each.verdict,
    lambda each: None,
)


def draw(
    candidates: Sequence[Candidate], count: int, *, rng: np.random.Generator
) -> tuple[Drawn, ...]:
    """A sample of `count` candidates in random order; all of them if there are fewer.

    First the same number of images is drawn of every prompt: one, unless `count` exceeds the number
    of prompts. These are then sampled by strata, each with the same number if it has so many
    (double sampling for stratification; Cochran 1977, Sampling Techniques, ch. 12). The probability
    of an image is the product of both shares.
    """
    by_prompt: defaultdict[str, list[int]] = defaultdict(list)
    for index, each in enumerate(candidates):
        by_prompt[each.prompt_id].append(index)
    if not by_prompt:
        return ()
    per_prompt = ceil(count / len(by_prompt))
    phase: dict[int, float] = {}
    for own in by_prompt.values():
        size = min(per_prompt, len(own))
        chosen = rng.choice(len(own), size=size, replace=False)
        phase |= {own[place]: len(own) / size for place in chosen}
    strata = _strata([(index, candidates[index]) for index in sorted(phase)], count)
    sizes = _shared_out([len(each) for each in strata], count)
    drawn = [
        Drawn(int(index), phase[int(index)] * len(stratum) / size)
        for stratum, size in zip(strata, sizes, strict=True)
        for index in rng.choice(stratum, size=size, replace=False)
    ]
    return tuple(drawn[place] for place in rng.permutation(len(drawn)))


def _strata(members: Sequence[tuple[int, Candidate]], count: int) -> list[list[int]]:
    """The finest strata of which each gets at least `LEAST` of `count` images."""
    found: dict[Hashable, list[int]] = {}
    for key in STRATA:
        found = {}
        for index, each in members:
            found.setdefault(key(each), []).append(index)
        if LEAST * len(found) <= count:
            break
    return list(found.values())


def _shared_out(sizes: Sequence[int], count: int) -> list[int]:
    """`count` shared out equally among strata of `sizes`; none gets more than it has."""
    shares = [0] * len(sizes)
    left = min(count, sum(sizes))
    while left:
        for place in sorted(range(len(sizes)), key=lambda place: shares[place]):
            if left and shares[place] < sizes[place]:
                shares[place] += 1
                left -= 1
    return shares
