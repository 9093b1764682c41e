"""Where a prompt says a constituent again, outside the constituent's own span.

"A red vase hangs on the wall. The red vase is above a lamp" says *vase* and *red* twice. A foil has
to change every such mention, or it contradicts itself. Whether a mention is of the same thing is
decided by these rules alone; a slot with a mention that none of them covers is *unsure*, and no
foil changes it:

- a noun: the first mention introduces the thing, and every later one has a definite determiner
  (*the*, *this*, ...), the same number, and no modifier that the thing did not have before; no
  later sentence begins with another noun that may mean it ("The animal ...", "The puppy ...");
- an attribute: it stands before a mention of its noun ("the red vase"), or is said of it by a
  sentence that begins with it ("The vase is matte black.");
- a count: it stands before a mention of its noun ("the two cats");
- a relation is never said again: no rule here understands a second statement of it.

An attribute that the same rules give to another object of the prompt is no mention, and is left as
it is. Pronouns stay true whatever their noun becomes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from prompts.english.sentence import MODIFIERS, Sentence
from prompts.english.word_lists import (
    AXES,
    COPULAS,
    COUNTING,
    DEFINITE,
    FUNCTION,
    GENERIC,
    INTRODUCING,
    SCENERY,
    SENTENCE_ENDS,
    repeats,
)
from prompts.inflection import NUMBERS
from prompts.structure import Constituent
from prompts.vocabulary import Vocabulary


@dataclass(frozen=True)
class Echo:
    """A further mention of a constituent."""

    slot: str
    start: int
    """First character in the prompt's text."""
    end: int
    """One past the last character."""
    is_plural: bool
    """Whether it is written as a plural, which only nouns are."""


@dataclass(frozen=True)
class Mentions:
    """What a prompt says again."""

    echoes: tuple[Echo, ...]
    unsure: frozenset[str]
    """Slots that may be said again in a way that is not understood."""


@dataclass(frozen=True)
class _Noun:
    """One mention of a noun."""

    first: int
    """Its first token."""
    last: int
    owners: frozenset[str]
    """The entities it may mean; one where that is certain."""
    is_plural: bool


def mentions_of(
    text: str, parts: Sequence[Constituent], vocabularies: Mapping[str, Vocabulary]
) -> Mentions:
    """Find what `text` says again of its constituents.

    Args:
        text: the prompt.
        parts: its constituents, in the order of the text.
        vocabularies: by kind, for every kind of `parts`.
    """
    return _Reading(text, tuple(parts), vocabularies).mentions()


def without_repeated_entities(
    text: str, parts: Sequence[Constituent], vocabularies: Mapping[str, Vocabulary]
) -> tuple[Constituent, ...]:
    """The constituents without those entities that are an earlier one said again.

    In "A red car stands by a truck. The red car is old" the second *red car* is the first. Empty
    where it cannot be told whether two entities are one, so that the prompt stays text.
    """
    reading = _Reading(text, tuple(parts), vocabularies)
    kept: dict[str, list[Constituent]] = {}
    dropped = set()
    related = {entity for part in parts if len(part.entities) > 1 for entity in part.entities}
    for entity, own in reading.entities.items():
        noun = reading.noun_of(entity)
        compatible = [
            before
            for before in kept
            if noun is not None
            and _may_be_called(reading.noun_of(before), noun)
            and not reading.exclude_one_another(kept[before], own)
        ]
        if compatible and reading.is_definite(own):
            said = {(part.kind, part.value) for part in kept[compatible[0]]}
            again = {(part.kind, part.value) for part in own}
            if len(compatible) > 1 or not again <= said or len(own) == 1 or entity in related:
                return ()
            dropped.add(entity)
            continue
        kept[entity] = own
    return tuple(part for part in parts if part.entities[0] not in dropped)


def _may_be_called(one: Constituent | None, other: Constituent) -> bool:
    """Whether the noun `other`, in either number, may stand for `one`, or for some of them."""
    if one is None:
        return False
    first, second = one.value.casefold(), other.value.casefold()
    endings = ("", "s", "es")
    return any(
        a == b or a.endswith(f" {b}")
        for ending in endings
        for a, b in ((first + ending, second), (first, second + ending))
    )


class _Reading(Sentence):
    """What a prompt says again, by the rules of the module."""

    def exclude_one_another(self, one: Sequence[Constituent], other: Sequence[Constituent]) -> bool:
        """Whether a kind has values in both that cannot be true of one thing."""
        for part in one:
            vocabulary = self.vocabularies[part.kind]
            if vocabulary.role == "noun":
                continue
            values = [p.value for p in other if p.kind == part.kind]
            own = [p.value for p in one if p.kind == part.kind]
            if values and not any(a in vocabulary.overlapping[b] for a in own for b in values):
                return True
        return False

    def is_definite(self, parts: Sequence[Constituent]) -> bool:
        first = min(self.span(part)[0] for part in parts)
        return self.phrase(first)[0] in DEFINITE

    def mentions(self) -> Mentions:
        if not any(self.tokens[i].word not in ("a", "an", "and", ",", ".") for i in self.free):
            return Mentions((), frozenset())
        unsure: set[str] = set()
        echoes: list[Echo] = []
        for part in self.parts:
            role = self.role(part)
            if role == "relation":
                if self._is_related_again(part):
                    unsure.add(part.slot)
                continue
            found = self._noun_echoes(part) if role == "noun" else self._echoes(part)
            if found is None:
                unsure.add(part.slot)
            else:
                echoes += found
        return Mentions(tuple(sorted(echoes, key=lambda echo: echo.start)), frozenset(unsure))

    # Nouns.

    @cached_property
    def _nouns(self) -> tuple[_Noun, ...]:
        """Every mention of every noun, in the order of the text, spans included."""
        found: dict[tuple[int, int], _Noun] = {}
        for entity in self.entities:
            part = self.noun_of(entity)
            if part is None:
                continue
            first, last = self.span(part)
            found[first, last] = _Noun(first, last, frozenset((entity,)), self._is_plural(part))
            for start, end, is_plural in self.occurrences(self._forms(part)):
                known = found.get((start, end))
                owners = frozenset((entity,)) | (known.owners if known else frozenset())
                found[start, end] = _Noun(start, end, owners, is_plural)
        return tuple(sorted(found.values(), key=lambda noun: noun.first))

    def _is_plural(self, part: Constituent) -> bool:
        """Whether the noun stands for several, as its count says, or else its form."""
        counts = [p.value for p in self.entities[part.entities[0]] if self.role(p) == "count"]
        if counts:
            return counts != ["one"]
        written = self.text[part.start : part.end].casefold()
        return written != part.value.casefold() and self._forms(part).get(written, False)

    def _forms(self, part: Constituent) -> dict[str, bool]:
        """How a noun may be written, and whether that is a plural."""
        value = part.value.casefold()
        words = {value, *map(str.casefold, self.vocabularies[part.kind].wordings(part.value))}
        initials = {self.tokens[i].word[0] for i in self.free}
        # Plurals take time to make, and mostly there is no word that could be one.
        starts = {word[0] for each in words for word in (each, each.rsplit(" ", 1)[-1])}
        if starts.isdisjoint(initials):
            return dict.fromkeys(words, False)
        plurals = {self.vocabularies[part.kind].plural(word).casefold() for word in words}
        plurals |= {ending for word in words for ending in (f"{word}s", f"{word}es")}
        written = self.text[part.start : part.end].casefold()
        if written not in words:
            plurals.add(written)
        return dict.fromkeys(plurals, True) | dict.fromkeys(words, False)

    def _noun_echoes(self, part: Constituent) -> list[Echo] | None:
        """The further mentions of a noun; None where one of them is not certain."""
        entity = part.entities[0]
        forms = self._forms(part)
        own = self.span(part)
        mentions = [noun for noun in self._nouns if entity in noun.owners]
        # A word that names another noun of the prompt is no hint at this one.
        covered = {i for noun in self._nouns for i in range(noun.first, noun.last + 1)}
        if self._is_hinted(part, forms, covered):
            return None
        if len(mentions) == 1:
            return []
        is_plural = self._is_plural(part)
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
        """Whether a word outside of `covered` may mean the noun without naming it in full."""
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
        return any(self._is_about_something_new(index, covered) for index in self.free)

    def _is_about_something_new(self, index: int, covered: set[int]) -> bool:
        """Whether a later sentence begins here, definite and with a noun that was not said before.

        In "A dog sits by a cup. The puppy is old" it is one of the two by another name.
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

    # Attributes and counts.

    def _echoes(self, part: Constituent) -> list[Echo] | None:
        """The further mentions of an attribute or count; None where one is not certain."""
        is_count = self.role(part) == "count"
        entity = part.entities[0]
        written = self.text[part.start : part.end].casefold()
        wordings = map(str.casefold, self.vocabularies[part.kind].wordings(part.value))
        forms = dict.fromkeys((part.value.casefold(), written, *wordings), False)
        echoes = []
        covered: set[int] = set()
        for first, last, _ in self.occurrences(forms):
            if first in covered:
                continue
            covered.update(range(first, last + 1))
            owner = self._owner(first, last, part)
            if owner is None and not (is_count and self._counts_another_noun(first)):
                return None
            if owner == entity:
                start, end = self.tokens[first].start, self.tokens[last].end
                echoes.append(Echo(part.slot, start, end, is_plural=False))
        others = [self.tokens[i] for i in self.free if i not in covered]
        if is_count:
            return None if self._is_counted_again(covered) else echoes
        return None if any(repeats(token.word, forms) for token in others) else echoes

    def _owner(self, first: int, last: int, part: Constituent) -> str | None:
        """The entity that an attribute or count at these tokens is said of, if it is certain."""
        if self.is_denied(first):
            return None
        at = {noun.first: noun for noun in self._nouns}
        for place in range(last + 1, min(last + 2 + MODIFIERS, len(self.tokens))):
            noun = at.get(place)
            if noun is not None:
                return self._sole_owner(noun, part)
            if not (self.tokens[place].is_open or self.tokens[place].word in NUMBERS):
                break
        return None if self.role(part) == "count" else self._subject(first, last)

    def _sole_owner(self, noun: _Noun, part: Constituent) -> str | None:
        """The entity that "red car" means, where other cars are not red."""
        if len(noun.owners) == 1:
            (entity,) = noun.owners
            # The noun itself must be certain, or "the red vase" could be another one.
            own = self.noun_of(entity)
            return entity if own is not None and self._noun_echoes(own) is not None else None
        having = [
            entity
            for entity in noun.owners
            if any((p.kind, p.value) == (part.kind, part.value) for p in self.entities[entity])
        ]
        every = all(
            entity in having or any(p.kind == part.kind for p in self.entities[entity])
            for entity in noun.owners
        )
        return having[0] if len(having) == 1 and every else None

    def _subject(self, first: int, last: int) -> str | None:
        """The entity of which the sentence that begins with it says the words ``first:last``."""
        follows = self.tokens[last + 1] if last + 1 < len(self.tokens) else None
        if follows is not None and follows.is_open:
            return None
        for noun in reversed(self._nouns):
            between = self.tokens[noun.last + 1 : first]
            if noun.last >= first:
                continue
            if not between or between[0].word not in COPULAS[noun.is_plural]:
                return None
            if len(between) > MODIFIERS or not all(token.is_open for token in between[1:]):
                return None
            determiner, modifiers = self.phrase(noun.first)
            begins = noun.first - len(modifiers) - bool(determiner)
            is_subject = begins <= 0 or self.tokens[begins - 1].word in SENTENCE_ENDS
            if not determiner or not is_subject or len(noun.owners) > 1:
                return None
            (entity,) = noun.owners
            own = self.noun_of(entity)
            return entity if own is not None and self._noun_echoes(own) is not None else None
        return None

    def _counts_another_noun(self, index: int) -> bool:
        """Whether a number stands before a noun that is none of the prompt's: "two bowls"."""
        if index + 1 >= len(self.tokens) or self.tokens[index].word == "one":
            return False
        follows = self.tokens[index + 1]
        before = self.tokens[index - 1].word if index else ""
        is_plain = follows.is_open and follows.word not in GENERIC and before not in DEFINITE
        return is_plain and index + 1 not in {noun.first for noun in self._nouns}

    def _is_counted_again(self, covered: set[int]) -> bool:
        for index in self.free:
            word = self.tokens[index].word
            if index in covered:
                continue
            if word in COUNTING or word.isdigit():
                return True
            if word in NUMBERS and not self._counts_another_noun(index):
                return True
        return False

    # Relations.

    def _is_related_again(self, part: Constituent) -> bool:
        vocabulary = self.vocabularies[part.kind]
        values = [part.value, vocabulary.reverse.get(part.value, part.value)]
        words = {
            word
            for value in values
            for wording in vocabulary.wordings(value)
            for word in wording.casefold().split()
        } - FUNCTION
        for axis in AXES:
            if not axis.isdisjoint(words):
                words |= axis
        return any(not words.isdisjoint(self.tokens[index].word.split("-")) for index in self.free)
