"""Bans: pairs of choices that must not occur together in one prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from prompts.grammar.slots import Choices, TemplateSlot
from prompts.vocabulary import Vocabulary

AllowedPairs = Mapping[tuple[str, str], frozenset[tuple[str, str]]]
"""For (noun kind, attribute kind), the pairs of values that may occur together."""


@dataclass(frozen=True, eq=False)
class Ban:
    """Two slots of which some pairs of choices are banned."""

    first: int
    second: int
    width: int
    """Number of choices of the second slot."""
    codes: frozenset[int]
    """``choice of first * width + choice of second`` of each banned pair."""


def bans_of(slots: Sequence[TemplateSlot], allowed: AllowedPairs) -> Iterator[Ban]:
    """The bans that a template of `slots` needs.

    Within an entity, no word occurs twice ("an orange orange"), and pairs outside `allowed` are
    banned. Between entities, nouns differ, and so do other values unless their vocabulary allows
    repetition.
    """
    for first, second in combinations(range(len(slots)), 2):
        one, other = slots[first], slots[second]
        codes: frozenset[int] = frozenset()
        if one.entities == other.entities:
            codes = _sharing_a_word(one.choices, other.choices)
            forward, backward = (one.kind, other.kind), (other.kind, one.kind)
            if forward in allowed:
                codes |= _outside(one.choices, other.choices, allowed[forward])
            elif backward in allowed:
                swapped = frozenset((attribute, noun) for noun, attribute in allowed[backward])
                codes |= _outside(one.choices, other.choices, swapped)
        elif _must_differ(one.vocabulary, other.vocabulary):
            codes = same_or_overlapping(one.choices, other.choices)
        if codes:
            yield Ban(first, second, len(other.choices.values), codes)


def _must_differ(one: Vocabulary, other: Vocabulary) -> bool:
    if one.repeats or other.repeats:
        return False
    return one.role == other.role == "noun" or one.name == other.name


@cache
def same_or_overlapping(one: Choices, other: Choices) -> frozenset[int]:
    """Pairs of choices with the same value, or with values that overlap."""
    width = len(other.values)
    return frozenset(
        i * width + j
        for i, first in enumerate(one.values)
        for j, second in enumerate(other.values)
        if first == second or second in one.vocabulary.overlapping[first]
    )


@cache
def _sharing_a_word(one: Choices, other: Choices) -> frozenset[int]:
    """Pairs of choices with a word in common, as in "an orange orange"."""
    width = len(other.values)
    words = [set(each.split()) for each in other.words]
    return frozenset(
        i * width + j
        for i, first in enumerate(one.words)
        for j, second in enumerate(words)
        if not second.isdisjoint(first.split())
    )


@cache
def _outside(one: Choices, other: Choices, pairs: frozenset[tuple[str, str]]) -> frozenset[int]:
    """Pairs of choices whose values are not in `pairs`."""
    width = len(other.values)
    return frozenset(
        i * width + j
        for i, first in enumerate(one.values)
        for j, second in enumerate(other.values)
        if (first, second) not in pairs
    )
