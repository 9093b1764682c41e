"""The slots of a compiled template, and the words that can fill them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from prompts.inflection import number_of
from prompts.vocabulary import Vocabulary

Piece = tuple[str, int]
"""The text of a slot with its article, and the offset in it at which the constituent starts."""
Digits = tuple[int, ...]
"""For each slot, the index of the choice that fills it."""


@dataclass(frozen=True, eq=False)
class Choices:
    """All words that can fill a slot; slots of one vocabulary share one object."""

    vocabulary: Vocabulary
    has_article: bool

    @cached_property
    def pairs(self) -> tuple[tuple[str, int], ...]:
        """(value, index of its wording) of each choice."""
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
        """The piece of each choice in the plural, for nouns with a count above one."""
        return tuple((self.vocabulary.plural(words), 0) for words in self.words)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The number that each choice of a count vocabulary denotes."""
        return tuple(number_of(value) for value in self.values)

    @cached_property
    def usual(self) -> Mapping[str, int]:
        """For each value, the index of its usual wording."""
        return {value: i for i, (value, wording) in enumerate(self.pairs) if wording == 0}

    @cached_property
    def others(self) -> tuple[tuple[int, ...], ...]:
        """For each choice, the values that exclude it, in their usual wording."""
        overlapping = self.vocabulary.overlapping
        return tuple(
            tuple(index for value, index in self.usual.items() if value not in overlapping[own])
            for own in self.values
        )

    @cached_property
    def reversed(self) -> tuple[int, ...]:
        """For each choice, the reverse relation in the same wording, or -1."""
        places = {pair: index for index, pair in enumerate(self.pairs)}
        result = []
        for value, wording in self.pairs:
            other = self.vocabulary.reverse.get(value, "")
            result.append(places.get((other, wording), places.get((other, 0), -1)))
        return tuple(result)


@cache
def choices_of(vocabulary: Vocabulary, has_article: bool) -> Choices:
    """The choices of `vocabulary`; one object per vocabulary, so that its tables are built once."""
    return Choices(vocabulary, has_article)


@dataclass(frozen=True, eq=False)
class TemplateSlot:
    """A slot of a compiled template."""

    name: str
    choices: Choices
    entities: tuple[str, ...]
    counted_by: int = -1
    """Index of the slot that counts this noun, or -1."""
    is_fixed: bool = False
    """Whether foils must not change it, because another word may not fit the surrounding text."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of its words."""
        return self.choices.vocabulary

    @property
    def kind(self) -> str:
        """Name of its vocabulary."""
        return self.choices.vocabulary.name
