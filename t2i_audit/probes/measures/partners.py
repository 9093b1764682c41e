"""What a slot's value is bound to: a probe learns from half of it and is asked about the rest.

Only so is the probe asked to generalise: where the colour red was learned from stars and circles,
it must be known again in a cross.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt

IntArray = NDArray[np.integer]

Partners = tuple[str, ...]

ORDERS = 4
"""Ways to halve the partner values; what they differ by is part of the intervals."""
FEWEST = 4
"""Partner values: each half needs two, one to learn from and one to tell how sure to be."""


def partner_values(prompt: Prompt, slot: str) -> Partners:
    """The values that the value of `slot` is bound to.

    They are the other constituents of the same entity, for a relation the nouns that it stands
    between, and where there are none of these all other constituents of the prompt.

    >>> from prompts.world import Content, write
    >>> prompt = write(Content((("red", "star"), ("blue", "cross")), "above"))
    >>> partner_values(prompt, "object_1.colour"), partner_values(prompt, "relation")
    (('shape:star',), ('shape:star', 'shape:cross'))
    """
    others = [part for part in prompt.constituents if part.slot != slot]
    bound = prompt.heads(slot) or prompt.partners(slot) or others
    return tuple(part.key for part in bound)


@dataclass(frozen=True, eq=False)
class Split:
    """One half of the partner values to learn from, and the other to be asked about."""

    order: int
    train: IntArray
    """``(m,)`` rows to learn from; any first few of them spread over the partner values."""
    tested: IntArray
    """``(t,)`` rows of the other half."""


def numbered(partners: Sequence[Partners]) -> IntArray:
    """A number for each of `partners`, ``(n,)``; equal ones have the same."""
    place = {value: number for number, value in enumerate(sorted(set(partners)))}
    return np.array([place[each] for each in partners], dtype=int)


def halves(groups: IntArray, *, seed: int) -> tuple[Split, ...]:
    """Two splits, one for each half, of each of `ORDERS` ways to halve the partner values.

    Args:
        groups: ``(n,)`` the number of each row's partner values.
        seed: of the ways, and of the rows to learn from.

    Returns:
        Nothing for fewer than `FEWEST` partner values.
    """
    values = np.unique(groups)
    if len(values) < FEWEST:
        return ()
    splits = []
    for order in range(ORDERS):
        rng = np.random.default_rng([seed, order])
        half = np.isin(groups, rng.permutation(values)[: len(values) // 2])
        for train, tested in ((half, ~half), (~half, half)):
            rows = rng.permutation(np.flatnonzero(train))
            splits.append(Split(order, rows[_dealt(groups[rows])], np.flatnonzero(tested)))
    return tuple(splits)


def _dealt(groups: IntArray) -> IntArray:
    """An order of rows in which every group has its first row before any has its second."""
    by_group = np.argsort(groups, kind="stable")
    sizes = np.unique(groups, return_counts=True)[1]
    turn = np.empty(len(groups), dtype=int)
    turn[by_group] = np.concatenate([np.arange(size) for size in sizes])
    return np.argsort(turn, kind="stable")
