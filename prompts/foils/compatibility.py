"""Whether two prompts can be true of the same image.

An image is assumed to show exactly the entities that a prompt names; whatever a prompt leaves open
(a colour, a position) may be anything. Two prompts can both be true if their entities can be
matched without a contradiction: values of one kind that exclude each other, or a relation and its
reverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prompts.vocabulary import Vocabulary

Fact = tuple["Vocabulary", str, tuple[str, ...]]
"""Vocabulary, value and entities of one constituent."""

MAX_STEPS = 20_000  # of the search; beyond, the answer is yes, so that no doubtful foil is kept


def can_both_be_true(first: Sequence[Fact], second: Sequence[Fact]) -> bool:
    """Whether some image matches the facts of both prompts."""
    own, other = _entities(first), _entities(second)
    if len(own) != len(other):
        return False
    partners = {
        entity: [each for each in other if _agree(first, entity, second, each)] for entity in own
    }
    # Entities with few partners come first, so that the search fails early.
    order = sorted(own, key=lambda entity: len(partners[entity]))
    steps = 0

    def matched(position: int, names: dict[str, str]) -> bool:
        nonlocal steps
        steps += 1
        if steps > MAX_STEPS:
            return True
        if position == len(order):
            return _relations_agree(first, second, names)
        taken = set(names.values())
        return any(
            matched(position + 1, names | {order[position]: partner})
            for partner in partners[order[position]]
            if partner not in taken
        )

    return matched(0, {})


def _entities(facts: Sequence[Fact]) -> list[str]:
    return list(dict.fromkeys(entity for _, _, owners in facts for entity in owners))


def _agree(first: Sequence[Fact], entity: str, second: Sequence[Fact], other: str) -> bool:
    """Whether one thing can be both entities: no kind has values that exclude one another.

    An absent entity is compatible with any other.
    """
    if _is_absent(first, entity) or _is_absent(second, other):
        return True
    for vocabulary, _, owners in first:
        if owners != (entity,):
            continue
        own = [v for kind, v, who in first if kind is vocabulary and who == (entity,)]
        theirs = [v for kind, v, who in second if kind is vocabulary and who == (other,)]
        if theirs and not any(b in vocabulary.overlapping[a] for a in own for b in theirs):
            return False
    return True


def _is_absent(facts: Sequence[Fact], entity: str) -> bool:
    return any(
        value in vocabulary.table.negative and owners[-1] == entity
        for vocabulary, value, owners in facts
    )


def _relations_agree(first: Sequence[Fact], second: Sequence[Fact], names: dict[str, str]) -> bool:
    for vocabulary, value, owners in first:
        if len(owners) < 2:
            continue
        pair = tuple(names[owner] for owner in owners)
        for other, second_value, who in second:
            if other is not vocabulary:
                continue
            if who == pair and contradicts(vocabulary, value, second_value):
                return False
            if (
                who == pair[::-1]
                and second_value == value
                and value not in vocabulary.table.symmetric
            ):
                return False
    return True


def contradicts(vocabulary: Vocabulary, value: str, other: str) -> bool:
    """Whether two relations cannot hold between the same two entities in the same order."""
    if vocabulary.reverse.get(value) == other:
        return True
    return vocabulary.is_exclusive and other not in vocabulary.overlapping[value]
