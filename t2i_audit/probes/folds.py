"""Cross-validation that holds out every combination with some values of the partners.

To read whether an object's colour is held apart from its shape, a probe is tested on shapes that no
training prompt shows, in whatever colour. Were scattered pairs held out instead, a probe would
learn from the others which pairs never occur, and never guess a held-out one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prompts.structure import PRESENCE, Constituent, Pair, Prompt
from t2i_audit.probes.features import Target

BoolArray = NDArray[np.bool_]

# Raised when the same features would be decoded with another accuracy: figures of two versions are
# not compared without a word.
VERSION = 2
# Groups of partner values, and of pairs where values will not do.
VALUE_GROUPS = 6
PAIR_GROUPS = 5
# How often values are dealt into groups where they are more than the groups: what a probe reads
# depends on which values fall together, and no deal is better than another.
DEALS = 3
# Groups that must be left to train on when a fold and one of its inner folds are held out.
FEWEST_LEFT = 2
# Of a fold's tests, the share whose class may be missing among its training prompts.
MOST_MASKED = 0.1
# Fewer training prompts than this per class decide nothing.
FEWEST_PER_CLASS = 2


@dataclass(frozen=True, eq=False)
class InnerFold:
    """A fold inside the training prompts of another, by which the probe's settings are chosen."""

    train: BoolArray
    """``(n,)``."""
    tested: BoolArray
    """``(n,)``."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Some groups held out: prompts to train on, and prompts to test."""

    train: BoolArray
    """``(n,)`` prompts that show nothing of the groups held out."""
    tested: BoolArray
    """``(n,)`` prompts for which all that decoding depends on is held out."""
    inner: tuple[InnerFold, ...]
    """One more group held out, each in turn."""
    deal: int = 0
    """Which deal of values into groups it is of."""


@dataclass(frozen=True, eq=False)
class Folds:
    """Makes the folds of every target; targets with the same partners share them.

    A slot of one entity (a colour, a noun) depends on its partner: the last other constituent of
    its entity, or the relation that its entity takes part in. A relation depends on the nouns of
    its entities, and the presence of a kind on the partners of all constituents of that kind. The
    values of the partners are dealt into at most 6 groups, and if they are more, 3 times over. Each
    group is held out in turn, or every two groups where a prompt depends on two of them. No
    training prompt of a fold shows a value that is held out, in any combination.

    Where the partners have too few values, or too many tests would lack their class in training,
    pairs of values are dealt into 5 groups instead (compositions, as `Prompt.pairs` has them).
    """

    prompts: Sequence[Prompt]
    seed: int
    _known: dict[Hashable, tuple[Fold, ...]] = field(default_factory=dict)
    _partners: dict[str, tuple[frozenset[Hashable], ...]] = field(default_factory=dict)
    """Slot or presence -> what each prompt depends on there."""

    def of(self, target: Target) -> tuple[Fold, ...]:
        """The folds of `target`, whose labels are those of `prompts`."""
        name = target.summary_name
        if name not in self._partners:
            self._partners[name] = tuple(
                _of_presence(prompt, name.removeprefix(PRESENCE + "."))
                if target.is_presence
                else _of_slot(prompt, name)
                for prompt in self.prompts
            )
        by_value = self._folds(self._partners[name], self._shown, VALUE_GROUPS)
        if by_value and masked_share(by_value, target) <= MOST_MASKED:
            return by_value
        by_pair = self._folds(target.pairs, self._pairs, PAIR_GROUPS)
        if by_value and masked_share(by_value, target) <= masked_share(by_pair, target):
            return by_value
        return by_pair

    @cached_property
    def _shown(self) -> list[frozenset[Hashable]]:
        return [_shown(prompt) for prompt in self.prompts]

    @cached_property
    def _pairs(self) -> list[frozenset[Pair]]:
        return [prompt.pairs for prompt in self.prompts]

    def _folds(
        self,
        own: tuple[frozenset[Any], ...],
        shown: Sequence[frozenset[Any]],
        most: int,
    ) -> tuple[Fold, ...]:
        """Folds that hold out groups of what each prompt depends on, `own`; none for too few."""
        if own not in self._known:
            self._known[own] = tuple(_deal_and_hold_out(own, shown, most, self.seed))
        return self._known[own]


def masked_share(folds: Iterable[Fold], target: Target) -> float:
    """The share of the tests of `target` that lack their class in training; 1 without tests."""
    tests = masked = 0
    for fold in folds:
        labels = target.labels[fold.train & (target.labels >= 0)]
        known = np.bincount(labels, minlength=len(target.classes)) >= FEWEST_PER_CLASS
        tested = target.labels[fold.tested & (target.labels >= 0)]
        tests += len(tested)
        masked += int((~known[tested]).sum())
    return masked / tests if tests else 1.0


def _of_slot(prompt: Prompt, slot: str) -> frozenset[Hashable]:
    """What decoding `slot` of `prompt` depends on; empty if there is no such slot."""
    part = prompt.constituent(slot)
    if part is None:
        return frozenset()
    if len(part.entities) > 1:
        nouns = frozenset[Hashable](noun.key for noun in prompt.heads(slot))
        return nouns or frozenset([_alone(prompt)])
    return frozenset([_partner(prompt, part)])


def _of_presence(prompt: Prompt, kind: str) -> frozenset[Hashable]:
    """What decoding the presence of any value of `kind` depends on; the nouns if there is none."""
    slots = [part.slot for part in prompt.constituents if part.kind == kind]
    own = frozenset[Hashable]().union(*(_of_slot(prompt, slot) for slot in slots))
    last = {part.entities: part for part in prompt.constituents if len(part.entities) == 1}
    nouns = frozenset[Hashable](part.key for part in last.values())
    return own or nouns or frozenset([_alone(prompt)])


def _partner(prompt: Prompt, part: Constituent) -> Hashable:
    """With what `part` of one entity is bound: the noun, or what stands before it, or a relation.

    A part that is bound with nothing is held out with all prompts of the same content.
    """
    bound = prompt.partners(part.slot) or tuple(
        other
        for other in prompt.constituents
        if len(other.entities) > 1 and set(part.entities) <= set(other.entities)
    )
    return max(bound, key=lambda other: other.end).key if bound else _alone(prompt)


def _alone(prompt: Prompt) -> Hashable:
    return ("content", prompt.composition)


def _shown(prompt: Prompt) -> frozenset[Hashable]:
    """All that a fold may hold out that `prompt` shows."""
    return frozenset([*(part.key for part in prompt.constituents), _alone(prompt)])


def _deal_and_hold_out(
    own: Sequence[frozenset[Hashable]],
    shown: Sequence[frozenset[Hashable]],
    most: int,
    seed: int,
) -> Iterator[Fold]:
    keys = sorted(frozenset().union(*own), key=repr)
    at_once = 2 if max(map(len, own), default=0) > 1 else 1
    groups = min(most, len(keys))
    if groups < at_once + 1 + FEWEST_LEFT:
        return
    counts = Counter(key for each in shown for key in each)
    # Groups of one value each are the same in every deal.
    for deal in range(DEALS if len(keys) > groups else 1):
        rng = np.random.default_rng([seed, deal])
        group_of = _deal([(key, counts[key]) for key in keys], groups, rng)
        yield from _hold_out(own, shown, group_of, groups, at_once, deal)


def _hold_out(
    own: Sequence[frozenset[Hashable]],
    shown: Sequence[frozenset[Hashable]],
    group_of: Mapping[Hashable, int],
    groups: int,
    at_once: int,
    deal: int,
) -> Iterator[Fold]:
    needs, shows = _membership(own, group_of, groups), _membership(shown, group_of, groups)
    for held_out in combinations(range(groups), at_once):
        others = [group for group in range(groups) if group not in held_out]
        train: BoolArray = ~np.any(shows[:, held_out], axis=1)
        tested: BoolArray = np.any(needs, axis=1) & ~np.any(needs[:, others], axis=1)
        inner = (InnerFold(train & ~shows[:, group], train & needs[:, group]) for group in others)
        usable = tuple(each for each in inner if each.train.any() and each.tested.any())
        if train.any() and tested.any():
            yield Fold(train, tested, usable, deal)


def _deal(
    counts: Sequence[tuple[Hashable, int]], groups: int, rng: np.random.Generator
) -> dict[Hashable, int]:
    """Give every key, with its number of prompts, a group, so that groups have equal numbers."""
    loads = np.zeros(groups)
    group_of = {}
    for index in rng.permutation(len(counts)):
        key, count = counts[int(index)]
        group = int(loads.argmin())
        group_of[key] = group
        loads[group] += count
    return group_of


def _membership(
    keys: Sequence[frozenset[Hashable]], group_of: Mapping[Hashable, int], groups: int
) -> BoolArray:
    """``(n, groups)`` whether any of a prompt's `keys` is in a group."""
    member = np.zeros((len(keys), groups), dtype=bool)
    for row, own in enumerate(keys):
        member[row, [group_of[key] for key in own if key in group_of]] = True
    return member
