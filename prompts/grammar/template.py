"""A compiled template: every number below its size denotes one prompt.

A template alternates gaps (literal text) with slots. The words that can fill a slot, together with
the article before them, are prepared once, so that writing a prompt with its spans takes one
look-up per slot. Foils use the same pieces: a foil is the prompt with a few pieces exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import factorial, prod

from prompts.english.noun_mentions import Echo
from prompts.english.words import phrases_of
from prompts.grammar.bans import Ban, same_or_overlapping
from prompts.grammar.slots import Digits, Piece, TemplateSlot
from prompts.structure import Constituent

_REMEMBERED = 50_000  # cached constituents per template; bounds the memory


@dataclass(frozen=True, eq=False)
class Template:
    """One way of writing a prompt type; see the module docstring."""

    type: str
    pattern: str
    """Its text with slots in braces."""
    gaps: tuple[str, ...]
    """Literal text before, between and after the slots, ``(slots + 1,)``."""
    slots: tuple[TemplateSlot, ...]
    bans: tuple[Ban, ...]
    _parts: tuple[dict[int, Constituent], ...] = field(repr=False)
    echoes: tuple[Echo, ...] = ()
    """Further mentions of its slots in an imported prompt; templates of a grammar have none."""

    @cached_property
    def radices(self) -> tuple[int, ...]:
        """Number of choices of each slot."""
        return tuple(len(slot.choices.values) for slot in self.slots)

    @cached_property
    def size(self) -> int:
        """Number of ways to fill the slots, including banned ones."""
        return prod(self.radices)

    @cached_property
    def _bans(self) -> tuple[tuple[int, int, int, frozenset[int]], ...]:
        return tuple((ban.first, ban.second, ban.width, ban.codes) for ban in self.bans)

    @cached_property
    def _singular(self) -> tuple[tuple[Piece, ...] | None, ...]:
        return tuple(slot.choices.singular if slot.counted_by < 0 else None for slot in self.slots)

    @cached_property
    def dependents(self) -> tuple[tuple[int, ...], ...]:
        """For each slot, the indices of the nouns that it counts."""
        return tuple(
            tuple(i for i, slot in enumerate(self.slots) if slot.counted_by == index)
            for index in range(len(self.slots))
        )

    @cached_property
    def is_counted(self) -> bool:
        """Whether a count determines the number of any noun."""
        return any(slot.counted_by >= 0 for slot in self.slots)

    def is_plural(self, noun: int, digits: Sequence[int]) -> bool:
        """Whether the noun in slot `noun` has a count above one."""
        counter = self.slots[noun].counted_by
        return counter >= 0 and self.slots[counter].choices.numbers[digits[counter]] > 1

    @cached_property
    def literal_phrases(self) -> frozenset[str]:
        """The phrases of up to four words in its literal text."""
        return phrases_of(self.gaps)

    @cached_property
    def has_distinct_nouns(self) -> bool:
        """Whether each entity has exactly one noun, and no two entities share one."""
        nouns = [slot for slot in self.slots if slot.vocabulary.role == "noun"]
        entities = {entity for slot in self.slots for entity in slot.entities}
        return (
            len(nouns) == len(entities)
            and {slot.entities[0] for slot in nouns} == entities
            and not any(slot.vocabulary.repeats for slot in nouns)
        )

    def digits(self, index: int) -> Digits:
        """The choices that `index` denotes, in mixed radix."""
        chosen = []
        for radix in self.radices:
            index, digit = divmod(index, radix)
            chosen.append(digit)
        return tuple(chosen)

    def allows(self, digits: Sequence[int]) -> bool:
        """Whether no ban forbids `digits`."""
        for first, second, width, codes in self._bans:
            if digits[first] * width + digits[second] in codes:
                return False
        return True

    def piece(self, slot: int, digits: Sequence[int]) -> Piece:
        """The text of a slot, in the plural where its count requires it."""
        choices = self.slots[slot].choices
        pieces = choices.plural if self.is_plural(slot, digits) else choices.singular
        return pieces[digits[slot]]

    def write(self, digits: Digits) -> tuple[str, list[int], tuple[Constituent, ...]]:
        """The text, the bounds of each slot's piece, and the constituents.

        The bounds alternate: start and end of the first piece, start and end of the second, ...
        """
        gaps, singular, known = self.gaps, self._singular, self._parts
        text = gaps[0]
        bounds: list[int] = []
        parts = []
        for index, digit in enumerate(digits):
            pieces = singular[index]
            piece, offset = pieces[digit] if pieces else self.piece(index, digits)
            at = len(text)
            text += piece
            end = len(text)
            bounds += (at, end)
            # Choice, start and length together determine a constituent.
            key = (digit << 24) | (at + offset << 12) | (end - at)
            part = known[index].get(key)
            if part is None:
                part = self._part(index, digit, at + offset, end, key)
            parts.append(part)
            text += gaps[index + 1]
        return text, bounds, tuple(parts)

    def _part(self, index: int, digit: int, start: int, end: int, key: int) -> Constituent:
        slot = self.slots[index]
        value = slot.choices.values[digit]
        part = Constituent(slot.name, slot.kind, value, start, end, slot.entities)
        known = self._parts[index]
        if len(known) >= _REMEMBERED:
            known.clear()
        known[key] = part
        return part

    def count(self) -> int | None:
        """The number of distinct prompts, or None if the bans have no closed form.

        The closed form covers groups of identical slots that must all differ: their number is the
        elementary symmetric polynomial of the number of wordings of each value.
        """
        total = 1
        for group in set(self._banned_together):
            first, *others = group
            if not others:
                total *= self.radices[first]
                continue
            choices = self.slots[first].choices
            bans = [ban for ban in self.bans if ban.first in group]
            # Every slot of the group has to differ from every other, and from no other slot.
            if any(self._banned_together[index] != group for index in others):
                return None
            if any(self.slots[index].choices is not choices for index in others):
                return None
            if any(ban.codes != same_or_overlapping(choices, choices) for ban in bans):
                return None
            if any(len(same) > 1 for same in choices.vocabulary.overlapping.values()):
                return None
            total *= _distinct_ways(choices.values, len(group))
        return total

    @cached_property
    def _banned_together(self) -> tuple[frozenset[int], ...]:
        """For each slot, the slots that it shares a ban with, itself included."""
        return tuple(
            frozenset(
                {index}.union(
                    *(
                        (ban.first, ban.second)
                        for ban in self.bans
                        if index in (ban.first, ban.second)
                    )
                )
            )
            for index in range(len(self.slots))
        )


def _distinct_ways(values: Sequence[str], slots: int) -> int:
    """Ways to fill `slots` in order with distinct values, each in any of its wordings."""
    polynomial = [1] + [0] * slots
    for value in dict.fromkeys(values):
        weight = values.count(value)
        for degree in range(slots, 0, -1):
            polynomial[degree] += weight * polynomial[degree - 1]
    return polynomial[slots] * factorial(slots)
