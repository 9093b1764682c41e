"""Tests that leave whole compositions out, whatever the number of objects in a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Pair, Prompt


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Items that are tested together, and those that may train what is tested on them."""

    test: NDArray[np.int64]
    """``(t,)`` their rows."""
    train: NDArray[np.bool_]
    """``(n,)`` items that share no group of compositions with them."""


def leave_compositions_out(
    compositions: Sequence[frozenset[Pair]], *, groups: int, seed: int | Sequence[int]
) -> tuple[LeftOut, ...]:
    """Deal all compositions into `groups` groups, and test items apart from all groups they touch.

    So every item is tested once, by what was trained on items none of whose compositions is in a
    group of its own. The result does not depend on the order of the items.

    Args:
        compositions: of each of the `n` items.
        groups: more of them leave more items to train on, and make more tests.
        seed: of the deal.
    """
    pairs = sorted(frozenset().union(*compositions))
    order = np.random.default_rng(seed).permutation(len(pairs))
    group_of = {pairs[place]: number % groups for number, place in enumerate(order)}
    touched = [frozenset(group_of[pair] for pair in own) for own in compositions]
    rows: dict[frozenset[int], list[int]] = {}
    for row, own in enumerate(touched):
        rows.setdefault(own, []).append(row)
    disjoint = {own: {other for other in rows if other.isdisjoint(own)} for own in rows}
    return tuple(
        LeftOut(np.array(rows[own]), np.array([each in disjoint[own] for each in touched]))
        for own in sorted(rows, key=sorted)
    )


def compositions_of(prompt: Prompt) -> frozenset[Pair]:
    """The compositions of `prompt`, or its text alone where it has no constituents."""
    return prompt.pairs or frozenset({("text", prompt.text)})
