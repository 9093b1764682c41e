"""The changes that foils make to a template, found once for all of its prompts.

The plan consists of plain tuples, because foils are most of the work of generating a prompt and
unpacking a tuple is cheap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from prompts.english.words import mentions_value
from prompts.grammar.bans import Ban, same_or_overlapping
from prompts.grammar.slots import TemplateSlot
from prompts.grammar.template import Template

BanTuple = tuple[int, int, int, frozenset[int]]
"""First slot, second slot, number of choices of the second slot, and the banned codes."""
Compatible = tuple[int, int, int, frozenset[int]]
"""Like `BanTuple`, with the codes of choices that may be true of the same thing."""
Directed = tuple[tuple[int, tuple[bool, ...]], ...]
"""Relation slots, and for each of their choices whether it is asymmetric."""
Swap = tuple[
    int, int, int, frozenset[int], tuple[Compatible, ...] | None, Directed, tuple[BanTuple, ...]
]
"""An exchange of two slots.

The fields of `Compatible` for the two slots; for nouns, those of the attributes of one kind that
both have (None for other slots); the relations between the two; and the bans that apply.
"""
Replacement = tuple[int, tuple[tuple[int, ...], ...], tuple[BanTuple, ...]]
"""A slot, for each of its choices the ones that make the prompt false, and the bans that apply."""


@dataclass(frozen=True, eq=False)
class FoilPlan:
    """The changes that are possible in a template."""

    swaps: tuple[tuple[str, tuple[Swap, ...]], ...]
    """(name of the change, exchanges)"""
    replacements: tuple[tuple[str, tuple[Replacement, ...]], ...]
    """(name of the change, replacements)"""
    reversals: tuple[tuple[tuple[str, ...], Replacement], ...]
    """(name of the change for each choice, replacement)"""
    counts: tuple[tuple[tuple[str, Replacement], ...], ...]
    """For each count, one more and one less."""
    negations: tuple[tuple[int, tuple[bool, ...], tuple[int, ...]], ...]
    """(relation, for each choice whether its second entity is absent, slots of that entity)"""
    pieces: tuple[tuple[str, ...], ...]
    """For each slot the text of each choice, in the singular."""
    is_checked: bool
    """Whether each foil has to be compared with its prompt in full, because nouns may recur."""
    is_plain: bool
    """Whether every slot can be rewritten by itself: no counts, further mentions or checks."""


@lru_cache(maxsize=4096)
def plan_of(template: Template) -> FoilPlan:
    """The plan of a template."""
    swaps: dict[str, list[Swap]] = {}
    replacements: dict[str, list[Replacement]] = {}
    reversals, counts = [], []
    for index, slot in enumerate(template.slots):
        if slot.is_fixed:
            continue
        role = slot.vocabulary.role
        name = {"noun": "object", "count": "count"}.get(role, slot.kind)
        if slot.vocabulary.is_exclusive and role != "count":
            replacement = (index, _others(template, slot), _bans(template, index))
            replacements.setdefault(f"{name}_replaced", []).append(replacement)
        if role == "count":
            counts.append(tuple(_steps(template, index)))
        if role == "relation":
            if slot.vocabulary.reverse:
                reversals.append(_reversal(template, index))
            continue
        for swap in _swaps(template, index):
            swaps.setdefault(f"{name}s_swapped", []).append(swap)
    return FoilPlan(
        swaps=tuple((change, tuple(pairs)) for change, pairs in swaps.items()),
        replacements=tuple((change, tuple(found)) for change, found in replacements.items()),
        reversals=tuple(reversals),
        counts=tuple(counts),
        negations=tuple(_negations(template)),
        pieces=tuple(tuple(piece for piece, _ in slot.choices.singular) for slot in template.slots),
        is_checked=not template.has_distinct_nouns,
        is_plain=template.has_distinct_nouns and not template.is_counted and not template.echoes,
    )


def _others(template: Template, slot: TemplateSlot) -> tuple[tuple[int, ...], ...]:
    """For each choice the ones that exclude it, except those that the literal text names.

    "A table on a table" is no foil of "a cat on a table", because it names the table twice.
    """
    phrases = template.literal_phrases
    named = {
        index
        for value, index in slot.choices.usual.items()
        if mentions_value(phrases, slot.vocabulary, value)
    }
    if not named:
        return slot.choices.others
    return tuple(
        tuple(choice for choice in others if choice not in named) for others in slot.choices.others
    )


def _bans(template: Template, *slots: int) -> tuple[BanTuple, ...]:
    """The bans that a change of `slots` can violate.

    An exchange cannot violate a symmetric ban between the two slots.
    """
    return tuple(
        (ban.first, ban.second, ban.width, ban.codes)
        for ban in template.bans
        if (ban.first in slots or ban.second in slots)
        and not ({ban.first, ban.second} == set(slots) and _is_symmetric(ban))
    )


def _is_symmetric(ban: Ban) -> bool:
    return all(code % ban.width * ban.width + code // ban.width in ban.codes for code in ban.codes)


def _swaps(template: Template, first: int) -> Iterator[Swap]:
    """Exchanges of the slot `first` with later slots of its vocabulary."""
    slots = template.slots
    one = slots[first]
    for second in range(first + 1, len(slots)):
        other = slots[second]
        if other.vocabulary is not one.vocabulary or other.is_fixed:
            continue
        if other.entities == one.entities:
            continue
        is_noun = one.vocabulary.role == "noun"
        yield (
            *_compatible(template, first, second),
            tuple(_shared_attributes(template, first, second)) if is_noun else None,
            tuple(_directed(template, first, second)) if is_noun else (),
            _bans(template, first, second),
        )


def _compatible(template: Template, first: int, second: int) -> Compatible:
    one, other = template.slots[first].choices, template.slots[second].choices
    return first, second, len(other.values), same_or_overlapping(one, other)


def _shared_attributes(template: Template, first: int, second: int) -> Iterator[Compatible]:
    own, other = (
        {
            slot.vocabulary: index
            for index, slot in enumerate(template.slots)
            if slot.entities == template.slots[noun].entities and index != noun
        }
        for noun in (first, second)
    )
    for vocabulary, index in own.items():
        if vocabulary in other:
            yield _compatible(template, index, other[vocabulary])


def _directed(
    template: Template, first: int, second: int
) -> Iterator[tuple[int, tuple[bool, ...]]]:
    pair = {template.slots[first].entities[0], template.slots[second].entities[0]}
    for index, slot in enumerate(template.slots):
        if set(slot.entities) == pair:
            symmetric = slot.vocabulary.table.symmetric
            yield index, tuple(value not in symmetric for value in slot.choices.values)


def _reversal(template: Template, index: int) -> tuple[tuple[str, ...], Replacement]:
    slot = template.slots[index]
    negative = slot.vocabulary.table.negative
    names = tuple(
        f"{slot.kind}_reversed"
        if not negative
        else ("negation_dropped" if value in negative else "negation_added")
        for value in slot.choices.values
    )
    others = tuple((choice,) if choice >= 0 else () for choice in slot.choices.reversed)
    return names, (index, others, _bans(template, index))


def _steps(template: Template, index: int) -> Iterator[tuple[str, Replacement]]:
    numbers = template.slots[index].choices.numbers
    for change, by in (("count_plus_one", 1), ("count_minus_one", -1)):
        others = tuple(
            (numbers.index(number + by),) if number + by in numbers else () for number in numbers
        )
        yield change, (index, others, _bans(template, index))


def _negations(template: Template) -> Iterator[tuple[int, tuple[bool, ...], tuple[int, ...]]]:
    for index, slot in enumerate(template.slots):
        negative = slot.vocabulary.table.negative
        if negative:
            absent = tuple(
                j for j, own in enumerate(template.slots) if own.entities == slot.entities[1:]
            )
            yield index, tuple(value in negative for value in slot.choices.values), absent
