"""Cross-validation that holds out whole compositions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Pair, Prompt
from t2i_audit.probes.features import Target

GROUPS = 5


@dataclass(frozen=True, eq=False)
class Fold:
    """Two groups of compositions are held out together."""

    held_out: frozenset[Pair]
    train: NDArray[np.bool_]
    """``(n,)`` prompts none of whose compositions is held out."""

    def holds(self, pairs: Sequence[frozenset[Pair]]) -> NDArray[np.bool_]:
        """``(n,)`` which of `pairs` are not empty and wholly held out."""
        held = {own: bool(own) and own <= self.held_out for own in set(pairs)}
        return np.array([held[own] for own in pairs])

    def test(self, target: Target) -> NDArray[np.bool_]:
        """``(n,)`` prompts for which all that decoding `target` depends on is held out."""
        return self.holds(target.pairs) & (target.labels >= 0)


def composition_folds(
    prompts: Sequence[Prompt], *, seed: int, groups: int = GROUPS
) -> tuple[Fold, ...]:
    """Deal all compositions into `groups` groups and hold out two at a time.

    A relation depends on the compositions of both its objects, so one group at a time would leave
    prompts across two groups untested; with every two groups, each prompt is tested for each slot
    at least once (10 folds for 5 groups) and no composition that a tested slot depends on occurs
    in that fold's training prompts.
    """
    of_prompt = [prompt.pairs for prompt in prompts]
    pairs = sorted(frozenset().union(*of_prompt))
    assigned = _deal(pairs, groups, np.random.default_rng(seed))
    folds = []
    for chosen in combinations(range(groups), 2):
        held_out = frozenset(pair for pair in pairs if assigned[pair] in chosen)
        train = np.array([own.isdisjoint(held_out) for own in of_prompt])
        if held_out and train.any():
            folds.append(Fold(held_out, train))
    return tuple(folds)


def _deal(pairs: Sequence[Pair], groups: int, rng: np.random.Generator) -> dict[Pair, int]:
    """Give every pair a group so that each value is spread evenly over the groups."""
    load: dict[tuple[str, int], int] = {}
    sizes = np.zeros(groups)
    assigned = {}
    for index in rng.permutation(len(pairs)):
        pair = pairs[int(index)]
        costs = [
            (sum(load.get((value, group), 0) for value in pair), sizes[group], rng.random())
            for group in range(groups)
        ]
        group = min(range(groups), key=costs.__getitem__)
        assigned[pair] = group
        sizes[group] += 1
        for value in pair:
            load[value, group] = load.get((value, group), 0) + 1
    return assigned
