"""The mentions of nouns in a prompt, by the rules of `prompts.english.mentions`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from prompts.english.sentence import Sentence
from prompts.english.word_lists import (
    DEFINITE,
    GENERIC,
    INTRODUCING,
    SCENERY,
    SENTENCE_ENDS,
)
from prompts.inflection import NUMBERS
from prompts.structure import Constituent


@dataclass(frozen=True)
class Echo:
    """A further mention of a constituent."""

    slot: str
    start: int
    """First character in the prompt's text."""
    end: int
    """One past the last character."""
    is_plural: bool
    """Whether it is a plural; always false for attributes and counts."""


@dataclass(frozen=True)
class NounMention:
    """A mention of a noun."""

    first: int
    """Its first token."""
    last: int
    owners: frozenset[str]
    """The entities that it may refer to; a single one if the reference is certain."""
    is_plural: bool


class NounMentions(Sentence):
    """A prompt with all mentions of its nouns."""

    @cached_property
    def nouns(self) -> tuple[NounMention, ...]:
        """All mentions of nouns in the order of the text, including the constituents themselves."""
        found: dict[tuple[int, int], NounMention] = {}
        for entity in self.entities:
            part = self.noun_of(entity)
            if part is None:
                continue
            first, last = self.span(part)
            found[first, last] = NounMention(
                first, last, frozenset((entity,)), self.is_plural_noun(part)
            )
            for start, end, is_plural in self.occurrences(self.noun_forms(part)):
                known = found.get((start, end))
                owners = frozenset((entity,)) | (known.owners if known else frozenset())
                found[start, end] = NounMention(start, end, owners, is_plural)
        return tuple(sorted(found.values(), key=lambda noun: noun.first))

    def is_plural_noun(self, part: Constituent) -> bool:
        """Whether the noun is plural, by its count or else by its form."""
        counts = [p.value for p in self.entities[part.entities[0]] if self.role(p) == "count"]
        if counts:
            return counts != ["one"]
        written = self.text[part.start : part.end].casefold()
        return written != part.value.casefold() and self.noun_forms(part).get(written, False)

    def noun_forms(self, part: Constituent) -> dict[str, bool]:
        """The forms of a noun, and whether each is a plural."""
        value = part.value.casefold()
        words = {value, *map(str.casefold, self.vocabularies[part.kind].wordings(part.value))}
        initials = {self.tokens[i].word[0] for i in self.free}
        # Plurals are slow to compute, and most prompts have no word that could be one.
        starts = {word[0] for each in words for word in (each, each.rsplit(" ", 1)[-1])}
        if starts.isdisjoint(initials):
            return dict.fromkeys(words, False)
        plurals = {self.vocabularies[part.kind].plural(word).casefold() for word in words}
        plurals |= {ending for word in words for ending in (f"{word}s", f"{word}es")}
        written = self.text[part.start : part.end].casefold()
        if written not in words:
            plurals.add(written)
        return dict.fromkeys(plurals, True) | dict.fromkeys(words, False)

    def noun_echoes(self, part: Constituent) -> list[Echo] | None:
        """The further mentions of a noun; None if one of them is uncertain."""
        entity = part.entities[0]
        forms = self.noun_forms(part)
        own = self.span(part)
        mentions = [noun for noun in self.nouns if entity in noun.owners]
        # A word that mentions another noun of the prompt does not hint at this one.
        covered = {i for noun in self.nouns for i in range(noun.first, noun.last + 1)}
        if self._is_hinted(part, forms, covered):
            return None
        if len(mentions) == 1:
            return []
        is_plural = self.is_plural_noun(part)
        known = {word for p in self.entities[entity] for word in p.value.casefold().split()}
        echoes = []
        for place, noun in enumerate(mentions):
            determiner, modifiers = self.phrase(noun.first)
            if place == 0:
                known |= modifiers
            allowed = DEFINITE if place else INTRODUCING
            is_own = (noun.first, noun.last) == own
            agrees = is_own or (noun.is_plural == is_plural and not self.is_denied(noun.first))
            if len(noun.owners) > 1 or determiner not in allowed or not modifiers <= known:
                return None
            if not agrees:
                return None
            if not is_own:
                start, end = self.tokens[noun.first].start, self.tokens[noun.last].end
                echoes.append(Echo(part.slot, start, end, is_plural))
        return echoes

    def _is_hinted(self, part: Constituent, forms: Mapping[str, bool], covered: set[int]) -> bool:
        """Whether a word outside `covered` may refer to the noun without naming it in full."""
        vocabulary = self.vocabularies[part.kind]
        heads = {form.rsplit(" ", 1)[-1] for form in forms}
        heads |= {word.casefold() for word in vocabulary.overlapping[part.value]}
        for index in self.free:
            token = self.tokens[index]
            if index in covered or not token.is_open:
                continue
            pieces = token.word.split("-")
            if token.word in heads or (len(pieces) > 1 and not heads.isdisjoint(pieces)):
                return True
            if token.word in GENERIC and self.phrase(index)[0] in DEFINITE:
                return True
        return any(self._begins_with_new_noun(index, covered) for index in self.free)

    def _begins_with_new_noun(self, index: int, covered: set[int]) -> bool:
        """Whether a later sentence begins here with a definite noun phrase that is new.

        In "A dog sits by a cup. The puppy is old", it refers to the dog or the cup.
        """
        begins = index > 0 and self.tokens[index - 1].word in SENTENCE_ENDS
        if not begins or self.tokens[index].word not in DEFINITE:
            return False
        phrase = []
        for place in range(index + 1, len(self.tokens)):
            token = self.tokens[place]
            if place in covered or token.part >= 0 or token.word in SCENERY:
                return False
            if not (token.is_open or token.word in NUMBERS):
                break
            phrase.append(token.word)
        return bool(phrase)
