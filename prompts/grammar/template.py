"""A compiled template: a number stands for a prompt, and its text is put together from pieces.

A template is a list of gaps (literal text) with a slot between each two. The words that may fill a
slot, with the article before them, are laid out beforehand, so that a prompt with its spans costs
a look-up a slot. The same pieces serve foils: a foil is the prompt with a few pieces exchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import combinations
from math import factorial, prod

from prompts.english.mentions import Echo
from prompts.english.words import words_said
from prompts.grammar.syntax import Slot, Word
from prompts.inflection import number_of
from prompts.structure import Constituent
from prompts.support import components
from prompts.vocabulary import Vocabulary

Piece = tuple[str, int]
"""The text of a slot with its article, and where in it the constituent starts."""
Digits = tuple[int, ...]
"""For each slot, which of its choices fills it."""

_REMEMBERED = 50_000  # constituents a template keeps for use again; bounds the memory


@dataclass(frozen=True, eq=False)
class Choices:
    """Everything that may fill a slot, with the pieces laid out; slots alike share one."""

    vocabulary: Vocabulary
    has_article: bool

    @cached_property
    def pairs(self) -> tuple[tuple[str, int], ...]:
        """(value, which of its wordings) of each choice."""
        vocabulary = self.vocabulary
        return tuple(
            (value, wording)
            for value in vocabulary.values
            for wording in range(len(vocabulary.wordings(value)))
        )

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The value of each choice."""
        return tuple(value for value, _ in self.pairs)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of each choice."""
        return tuple(self.vocabulary.wordings(value)[wording] for value, wording in self.pairs)

    @cached_property
    def singular(self) -> tuple[Piece, ...]:
        """The piece of each choice."""
        pieces = []
        for words in self.words:
            article = f"{self.vocabulary.article(words)} " if self.has_article else ""
            pieces.append((article + words, len(article)))
        return tuple(pieces)

    @cached_property
    def plural(self) -> tuple[Piece, ...]:
        """The piece of each choice where it is counted and there are several."""
        return tuple((self.vocabulary.plural(words), 0) for words in self.words)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The number that each choice of a count stands for."""
        return tuple(number_of(value) for value in self.values)

    @cached_property
    def usual(self) -> Mapping[str, int]:
        """The choice of each value in its usual wording."""
        return {value: i for i, (value, wording) in enumerate(self.pairs) if wording == 0}

    @cached_property
    def others(self) -> tuple[tuple[int, ...], ...]:
        """For each choice, those of other values that exclude it, in their usual wording."""
        overlapping = self.vocabulary.overlapping
        return tuple(
            tuple(index for value, index in self.usual.items() if value not in overlapping[own])
            for own in self.values
        )

    @cached_property
    def reversed(self) -> tuple[int, ...]:
        """For each choice, the choice of its reverse in the same wording, or -1."""
        places = {pair: index for index, pair in enumerate(self.pairs)}
        result = []
        for value, wording in self.pairs:
            other = self.vocabulary.reverse.get(value, "")
            result.append(places.get((other, wording), places.get((other, 0), -1)))
        return tuple(result)


@cache
def lay_out(vocabulary: Vocabulary, has_article: bool) -> Choices:
    """The choices of `vocabulary`, laid out once."""
    return Choices(vocabulary, has_article)


@dataclass(frozen=True, eq=False)
class TemplateSlot:
    """A slot of a compiled template."""

    name: str
    choices: Choices
    entities: tuple[str, ...]
    counted_by: int = -1
    """Position of the slot that counts this noun, or -1."""
    is_fixed: bool = False
    """Whether foils leave it alone, as another word may not fit the text around it."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Where its words come from."""
        return self.choices.vocabulary

    @property
    def kind(self) -> str:
        """Name of its vocabulary."""
        return self.choices.vocabulary.name


@dataclass(frozen=True, eq=False)
class Ban:
    """Two slots whose choices do not all go together."""

    first: int
    second: int
    width: int
    """Number of choices of the second slot."""
    codes: frozenset[int]
    """``choice of first * width + choice of second`` of what is banned."""


@dataclass(frozen=True, eq=False)
class Template:
    """One way of writing a prompt type; see the module."""

    type: str
    pattern: str
    """Its text with slots in braces."""
    gaps: tuple[str, ...]
    """Literal text before, between and after the slots, ``(slots + 1,)``."""
    slots: tuple[TemplateSlot, ...]
    bans: tuple[Ban, ...]
    _parts: tuple[dict[int, Constituent], ...] = field(repr=False)
    echoes: tuple[Echo, ...] = ()
    """Where the one prompt of a foreign template says its slots again; a grammar never does."""

    @cached_property
    def radices(self) -> tuple[int, ...]:
        """Number of choices of each slot."""
        return tuple(len(slot.choices.values) for slot in self.slots)

    @cached_property
    def size(self) -> int:
        """Number of ways to fill the slots, banned ones included."""
        return prod(self.radices)

    @cached_property
    def _bans(self) -> tuple[tuple[int, int, int, frozenset[int]], ...]:
        return tuple((ban.first, ban.second, ban.width, ban.codes) for ban in self.bans)

    @cached_property
    def _singular(self) -> tuple[tuple[Piece, ...] | None, ...]:
        return tuple(slot.choices.singular if slot.counted_by < 0 else None for slot in self.slots)

    @cached_property
    def dependents(self) -> tuple[tuple[int, ...], ...]:
        """For each slot, the nouns that it counts."""
        return tuple(
            tuple(i for i, slot in enumerate(self.slots) if slot.counted_by == index)
            for index in range(len(self.slots))
        )

    @cached_property
    def is_counted(self) -> bool:
        """Whether any noun takes its number from a count."""
        return any(slot.counted_by >= 0 for slot in self.slots)

    def is_plural(self, noun: int, digits: Sequence[int]) -> bool:
        """Whether the noun at `noun` is counted, and there are several."""
        counter = self.slots[noun].counted_by
        return counter >= 0 and self.slots[counter].choices.numbers[digits[counter]] > 1

    @cached_property
    def words_said(self) -> frozenset[str]:
        """The phrases of its literal text."""
        return words_said(self.gaps)

    @cached_property
    def has_distinct_nouns(self) -> bool:
        """Whether each entity has exactly one noun, and no two share one."""
        nouns = [slot for slot in self.slots if slot.vocabulary.role == "noun"]
        entities = {entity for slot in self.slots for entity in slot.entities}
        return (
            len(nouns) == len(entities)
            and {slot.entities[0] for slot in nouns} == entities
            and not any(slot.vocabulary.repeats for slot in nouns)
        )

    def digits(self, index: int) -> Digits:
        """The choices that `index` stands for."""
        chosen = []
        for radix in self.radices:
            index, digit = divmod(index, radix)
            chosen.append(digit)
        return tuple(chosen)

    def allows(self, digits: Sequence[int]) -> bool:
        """Whether no ban speaks against `digits`."""
        for first, second, width, codes in self._bans:
            if digits[first] * width + digits[second] in codes:
                return False
        return True

    def piece(self, slot: int, digits: Sequence[int]) -> Piece:
        """The text of a slot, in the number that its count asks for."""
        choices = self.slots[slot].choices
        pieces = choices.plural if self.is_plural(slot, digits) else choices.singular
        return pieces[digits[slot]]

    def write(self, digits: Digits) -> tuple[str, list[int], tuple[Constituent, ...]]:
        """The text, where in it each slot's piece starts and ends, and the constituents.

        The places come in turn: start and end of the first slot's piece, of the second's, ...
        """
        gaps, singular, known = self.gaps, self._singular, self._parts
        text = gaps[0]
        places: list[int] = []
        parts = []
        for index, digit in enumerate(digits):
            pieces = singular[index]
            piece, offset = pieces[digit] if pieces else self.piece(index, digits)
            at = len(text)
            text += piece
            end = len(text)
            places += (at, end)
            # Start, length and choice together say everything about a constituent.
            key = (digit << 24) | (at + offset << 12) | (end - at)
            part = known[index].get(key)
            if part is None:
                part = self._part(index, digit, at + offset, end, key)
            parts.append(part)
            text += gaps[index + 1]
        return text, places, tuple(parts)

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
        """How many distinct prompts it writes, where bans can be counted in closed form.

        Slots that must all differ from one another, alike in everything, are counted by the
        elementary symmetric polynomial of their values' numbers of wordings; None otherwise.
        """
        total = 1
        for group in _groups(len(self.slots), self.bans):
            if len(group) == 1:
                total *= self.radices[group[0]]
                continue
            bans = [ban for ban in self.bans if ban.first in group]
            choices = self.slots[group[0]].choices
            if any(self.slots[index].choices is not choices for index in group):
                return None
            if {(ban.first, ban.second) for ban in bans} != set(combinations(group, 2)):
                return None
            if any(ban.codes != same_or_overlapping(choices, choices) for ban in bans):
                return None
            if any(len(same) > 1 for same in choices.vocabulary.overlapping.values()):
                return None
            total *= _distinct_ways(choices.values, len(group))
        return total


def _groups(count: int, bans: Sequence[Ban]) -> list[tuple[int, ...]]:
    joined = [(index,) for index in range(count)] + [(ban.first, ban.second) for ban in bans]
    return [tuple(sorted(group)) for group in components(joined)]


def _distinct_ways(values: Sequence[str], slots: int) -> int:
    """Ways to fill `slots` in order with distinct values, a value as often as it has wordings."""
    polynomial = [1] + [0] * slots
    for value in dict.fromkeys(values):
        weight = values.count(value)
        for degree in range(slots, 0, -1):
            polynomial[degree] += weight * polynomial[degree - 1]
    return polynomial[slots] * factorial(slots)


def compile_template(
    type_: str,
    flat: Sequence[Word | Slot],
    vocabularies: Mapping[str, Vocabulary],
    *,
    allowed: Mapping[tuple[str, str], frozenset[tuple[str, str]]] | None = None,
) -> Template:
    """Lay out the pieces of one flat template.

    Args:
        type_: the prompt type.
        flat: its words and slots.
        vocabularies: by kind.
        allowed: for (noun kind, attribute kind), the pairs of values that may go together.
    """
    gaps, found, articles = _gaps(flat)
    counters = {
        slot.entities[0]: index
        for index, slot in enumerate(found)
        if vocabularies[slot.kind].role == "count"
    }
    slots = []
    for slot, article in zip(found, articles, strict=True):
        vocabulary = vocabularies[slot.kind]
        counted = counters.get(slot.entities[0], -1) if vocabulary.role == "noun" else -1
        choices = lay_out(vocabulary, article)
        slots.append(TemplateSlot(slot.name, choices, slot.entities, counted))
    pattern = "".join(
        gap + ("a " if article else "") + f"{{{slot.name}}}"
        for gap, slot, article in zip(gaps, found, articles, strict=False)
    )
    return make_template(type_, pattern + gaps[-1], gaps, tuple(slots), allowed=allowed)


def make_template(
    type_: str,
    pattern: str,
    gaps: tuple[str, ...],
    slots: tuple[TemplateSlot, ...],
    *,
    allowed: Mapping[tuple[str, str], frozenset[tuple[str, str]]] | None = None,
    echoes: tuple[Echo, ...] = (),
) -> Template:
    """A template of given slots, with the bans that they call for."""
    bans = tuple(_bans(slots, allowed or {}))
    return Template(type_, pattern, gaps, slots, bans, tuple({} for _ in slots), echoes)


def _gaps(flat: Sequence[Word | Slot]) -> tuple[tuple[str, ...], list[Slot], list[bool]]:
    gaps, slots, articles = [""], [], []
    items = list(flat)
    for index, item in enumerate(items):
        before = items[index - 1] if index else None
        follows = items[index + 1] if index + 1 < len(items) else None
        space = "" if before is None or item == Word(",") else " "
        if isinstance(item, Slot):
            # An article is part of the slot's pieces, so the blank before it is in the gap already.
            has_article = isinstance(before, Word) and before.text in ("a", "an")
            gaps[-1] += "" if has_article else space
            slots.append(item)
            articles.append(has_article)
            gaps.append("")
        elif item.text in ("a", "an") and isinstance(follows, Slot):
            gaps[-1] += space
        else:
            gaps[-1] += space + item.text
    return tuple(gaps), slots, articles


def _bans(
    slots: Sequence[TemplateSlot], allowed: Mapping[tuple[str, str], frozenset[tuple[str, str]]]
) -> list[Ban]:
    bans = []
    for first, second in combinations(range(len(slots)), 2):
        one, other = slots[first], slots[second]
        codes: frozenset[int] = frozenset()
        if one.entities == other.entities:
            codes = _sharing_a_word(one.choices, other.choices)
            forward, backward = (one.kind, other.kind), (other.kind, one.kind)
            if forward in allowed:
                codes |= _outside(one.choices, other.choices, allowed[forward])
            elif backward in allowed:
                turned = frozenset((attribute, noun) for noun, attribute in allowed[backward])
                codes |= _outside(one.choices, other.choices, turned)
        elif _must_differ(one.vocabulary, other.vocabulary):
            codes = same_or_overlapping(one.choices, other.choices)
        if codes:
            bans.append(Ban(first, second, len(other.choices.values), codes))
    return bans


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
