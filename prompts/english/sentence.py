"""A prompt split into words, each with the constituent that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prompts.english.noun_phrases import CLOSED
from prompts.english.word_lists import INTRODUCING
from prompts.english.words import POSSESSIVE, WORD
from prompts.inflection import NUMBERS
from prompts.structure import Constituent
from prompts.vocabulary import Vocabulary

MODIFIERS = 3  # most words between a noun and its determiner or attribute


@dataclass(frozen=True)
class SentenceToken:
    """A word or punctuation mark of a prompt."""

    word: str
    """Case-folded, without a possessive ending."""
    start: int
    end: int
    part: int
    """Index of the constituent whose span contains it, or -1."""

    @property
    def is_open(self) -> bool:
        """Whether it may be a noun, verb or adjective."""
        return self.word not in CLOSED and self.word[:1].isalnum()


class Sentence:
    """A prompt split into words, with the positions of its constituents."""

    def __init__(
        self,
        text: str,
        parts: tuple[Constituent, ...],
        vocabularies: Mapping[str, Vocabulary],
    ) -> None:
        self.text = text
        self.parts = parts
        self.vocabularies = vocabularies
        self.tokens = tuple(self._tokenized())
        self.free = tuple(i for i, token in enumerate(self.tokens) if token.part < 0)
        self.entities: dict[str, list[Constituent]] = {}
        for part in parts:
            if len(part.entities) == 1:
                self.entities.setdefault(part.entities[0], []).append(part)

    def _tokenized(self) -> Iterator[SentenceToken]:
        for match in WORD.finditer(self.text):
            word = POSSESSIVE.sub("", match.group())
            start, end = match.start(), match.start() + len(word)
            part = next(
                (i for i, p in enumerate(self.parts) if start < p.end and p.start < end), -1
            )
            yield SentenceToken(word.casefold(), start, end, part)

    def role(self, part: Constituent) -> str:
        """The role of the constituent's vocabulary."""
        return self.vocabularies[part.kind].role

    def noun_of(self, entity: str) -> Constituent | None:
        """The noun of an entity, if it has exactly one."""
        nouns = [part for part in self.entities[entity] if self.role(part) == "noun"]
        return nouns[0] if len(nouns) == 1 else None

    def span(self, part: Constituent) -> tuple[int, int]:
        """First and last token of a constituent."""
        index = self.parts.index(part)
        places = [i for i, token in enumerate(self.tokens) if token.part == index]
        return places[0], places[-1]

    def occurrences(self, forms: Mapping[str, bool]) -> Iterator[tuple[int, int, bool]]:
        """Occurrences of `forms` outside all spans: first and last token, and the form's value."""
        for form, is_plural in forms.items():
            words = [match.group() for match in WORD.finditer(form)]
            for start in self.free:
                own = self.tokens[start : start + len(words)]
                if [t.word for t in own] == words and all(t.part < 0 for t in own):
                    yield start, start + len(words) - 1, is_plural

    def phrase(self, index: int) -> tuple[str, frozenset[str]]:
        """The determiner of the noun phrase that ends at `index`, and the words between."""
        modifiers = set()
        for place in range(index - 1, max(index - 2 - MODIFIERS, -1), -1):
            word = self.tokens[place].word
            if word in NUMBERS or self.tokens[place].is_open:
                modifiers.add(word)
            elif word in INTRODUCING or word in ("another", "other", "no", "each", "every"):
                return word, frozenset(modifiers)
            else:
                break
        return "", frozenset(modifiers)

    def is_denied(self, index: int) -> bool:
        """Whether the words just before `index` negate what follows."""
        words = {token.word for token in self.tokens[max(index - 4, 0) : index]}
        return not words.isdisjoint(("not", "no", "without", "never", "nor", "neither"))
