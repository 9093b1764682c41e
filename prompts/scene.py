"""Whether two contents describe the same scene, whatever the order they are told in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from math import factorial, prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prompts.grammar.vocabulary import Vocabulary

Fact = tuple["Vocabulary", str, tuple[str, ...]]
"""Vocabulary, value and entities of one constituent."""

BOTH_WAYS = "~"
MAX_MATCHINGS = 40_320  # of entities alike; more is not tried, and taken for the same scene


def same_scene(first: Sequence[Fact], second: Sequence[Fact]) -> bool:
    """Whether some renaming of the entities turns the facts of `first` into those of `second`.

    Relations with an inverse are turned to one side, and symmetric ones have no sides. Where the
    matching would take too long, True, so that a foil that cannot be checked is not kept.
    """
    own, other = _described(first), _described(second)
    if sorted(own[0].values()) != sorted(other[0].values()):
        return False
    groups: dict[tuple[str, ...], list[str]] = {}
    for entity, description in own[0].items():
        groups.setdefault(description, []).append(entity)
    if prod(factorial(len(group)) for group in groups.values()) > MAX_MATCHINGS:
        return True
    return any(
        _renamed(own[1], names) == other[1] for names in _matchings(list(groups.items()), other[0])
    )


Description = tuple[dict[str, tuple[str, ...]], frozenset[tuple[str, tuple[str, ...]]]]


def _described(facts: Sequence[Fact]) -> Description:
    """What is said of each entity alone, and the relations turned to one side."""
    entities: dict[str, list[str]] = {}
    relations = set()
    for vocabulary, value, owners in facts:
        for owner in owners:
            entities.setdefault(owner, [])
        if len(owners) == 1:
            entities[owners[0]].append(f"{vocabulary.name}:{value}")
            continue
        key = f"{vocabulary.name}:{value}"
        if value in vocabulary.table.symmetric:
            relations.add((key + BOTH_WAYS, tuple(sorted(owners))))
        elif inverse := _smaller_inverse(vocabulary, value):
            relations.add((f"{vocabulary.name}:{inverse}", owners[::-1]))
        else:
            relations.add((key, owners))
    return {name: tuple(sorted(said)) for name, said in entities.items()}, frozenset(relations)


def _smaller_inverse(vocabulary: Vocabulary, value: str) -> str | None:
    for pair in vocabulary.table.inverse:
        if value in pair and value == max(pair):
            return min(pair)
    return None


def _matchings(
    groups: list[tuple[tuple[str, ...], list[str]]], other: dict[str, tuple[str, ...]]
) -> list[dict[str, str]]:
    matchings: list[dict[str, str]] = [{}]
    for description, members in groups:
        targets = [entity for entity, said in other.items() if said == description]
        matchings = [
            matching | dict(zip(members, order, strict=True))
            for matching in matchings
            for order in permutations(targets)
        ]
    return matchings


def _renamed(
    relations: frozenset[tuple[str, tuple[str, ...]]], names: dict[str, str]
) -> frozenset[tuple[str, tuple[str, ...]]]:
    renamed = set()
    for key, owners in relations:
        new = tuple(names[owner] for owner in owners)
        renamed.add((key, tuple(sorted(new)) if key.endswith(BOTH_WAYS) else new))
    return frozenset(renamed)
