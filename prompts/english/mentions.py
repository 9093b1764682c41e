"""Further mentions of a constituent in a prompt, outside the constituent's own span.

"A red vase hangs on the wall. The red vase is above a lamp" mentions *vase* and *red* twice. A foil
has to change every such mention, or it contradicts itself. The following rules alone decide whether
a mention refers to the same thing. A slot with a possible mention that no rule covers is
*uncertain*, and no foil changes it.

- Noun: the first mention introduces the thing. Every later mention has a definite determiner
  (*the*, *this*, ...), the same number, and no modifier that the thing did not have before. No
  later sentence begins with another noun that may refer to it ("The animal ...", "The puppy ...").
- Attribute: it stands before a mention of its noun ("the red vase"), or it is the predicate of a
  sentence whose subject is that noun ("The vase is matte black.").
- Count: it stands before a mention of its noun ("the two cats").
- Relation: any further mention is uncertain.

An attribute that the same rules assign to another object of the prompt is no mention, and foils
leave it as it is. Pronouns stay true whatever their noun becomes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prompts.english.noun_mentions import Echo, NounMention, NounMentions
from prompts.english.sentence import MODIFIERS
from prompts.english.word_lists import (
    AXES,
    COPULAS,
    COUNTING,
    DEFINITE,
    FUNCTION,
    GENERIC,
    SENTENCE_ENDS,
    repeats,
)
from prompts.inflection import NUMBERS
from prompts.structure import Constituent
from prompts.vocabulary import Vocabulary


@dataclass(frozen=True)
class Mentions:
    """The further mentions in a prompt."""

    echoes: tuple[Echo, ...]
    uncertain: frozenset[str]
    """Slots with possible mentions that no rule covers."""


def mentions_of(
    text: str, parts: Sequence[Constituent], vocabularies: Mapping[str, Vocabulary]
) -> Mentions:
    """Find the further mentions of the constituents of `text`.

    Args:
        text: the prompt.
        parts: its constituents, in the order of the text.
        vocabularies: by kind, for every kind of `parts`.
    """
    return _MentionFinder(text, tuple(parts), vocabularies).mentions()


class _MentionFinder(NounMentions):
    """The mentions of constituents of every role."""

    def mentions(self) -> Mentions:
        if not any(self.tokens[i].word not in ("a", "an", "and", ",", ".") for i in self.free):
            return Mentions((), frozenset())
        uncertain: set[str] = set()
        echoes: list[Echo] = []
        for part in self.parts:
            role = self.role(part)
            if role == "relation":
                if self._may_be_repeated(part):
                    uncertain.add(part.slot)
                continue
            found = self.noun_echoes(part) if role == "noun" else self._attribute_echoes(part)
            if found is None:
                uncertain.add(part.slot)
            else:
                echoes += found
        return Mentions(tuple(sorted(echoes, key=lambda echo: echo.start)), frozenset(uncertain))

    # Attributes and counts.

    def _attribute_echoes(self, part: Constituent) -> list[Echo] | None:
        """The further mentions of an attribute or count; None if one is uncertain."""
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
            return None if self._may_be_counted_again(covered) else echoes
        return None if any(repeats(token.word, forms) for token in others) else echoes

    def _owner(self, first: int, last: int, part: Constituent) -> str | None:
        """The entity that an attribute or count at these tokens describes, if it is certain."""
        if self.is_denied(first):
            return None
        at = {noun.first: noun for noun in self.nouns}
        for place in range(last + 1, min(last + 2 + MODIFIERS, len(self.tokens))):
            noun = at.get(place)
            if noun is not None:
                return self._sole_owner(noun, part)
            if not (self.tokens[place].is_open or self.tokens[place].word in NUMBERS):
                break
        return None if self.role(part) == "count" else self._subject(first, last)

    def _sole_owner(self, noun: NounMention, part: Constituent) -> str | None:
        """The entity that "red car" refers to if the other cars are not red."""
        if len(noun.owners) == 1:
            (entity,) = noun.owners
            # If the noun itself is uncertain, "the red vase" could be another one.
            own = self.noun_of(entity)
            return entity if own is not None and self.noun_echoes(own) is not None else None
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
        """The subject of the sentence in which the tokens ``first:last`` are the predicate."""
        follows = self.tokens[last + 1] if last + 1 < len(self.tokens) else None
        if follows is not None and follows.is_open:
            return None
        for noun in reversed(self.nouns):
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
            return entity if own is not None and self.noun_echoes(own) is not None else None
        return None

    def _counts_another_noun(self, index: int) -> bool:
        """Whether a number stands before a noun that is no constituent: "two bowls"."""
        if index + 1 >= len(self.tokens) or self.tokens[index].word == "one":
            return False
        follows = self.tokens[index + 1]
        before = self.tokens[index - 1].word if index else ""
        is_plain = follows.is_open and follows.word not in GENERIC and before not in DEFINITE
        return is_plain and index + 1 not in {noun.first for noun in self.nouns}

    def _may_be_counted_again(self, covered: set[int]) -> bool:
        """Whether a word outside `covered` may repeat a count."""
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

    def _may_be_repeated(self, part: Constituent) -> bool:
        """Whether a word outside the spans may state the relation again."""
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
