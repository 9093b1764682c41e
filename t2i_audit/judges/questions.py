"""The questions by which a judge that answers in words judges an image of a prompt.

One question for each constituent, from the prompt's structure alone, and one for the whole caption:

- noun: ``Is there a circle?``; where two objects of the prompt share it, ``Are there at least two
  circles?``.
- attribute: ``Is there a red circle?``, which asks for the attribute of *that* object and can be
  answered whether or not another object shares the noun or the attribute. Of a counted noun, ``Are
  the dogs black?``.
- count: ``Are there exactly three dogs?``.
- relation: ``Is there a circle to the left of a square?``. Objects go by their nouns alone, so that
  a wrong colour does not make the relation wrong too; where nouns are shared, by their attributes
  as well.
- what must be absent ("a horse without a bottle"): ``Is it true that there is no bottle?``.
- caption: VQAScore's wording (Lin et al. 2024, arXiv 2404.01291).

The noun of an object is its constituent of a kind that names things, or else its last one: in the
rendered world it is the shape.

>>> from prompts.world import Content, write
>>> prompt = write(Content((("red", "star"), ("blue", "cross")), "above"))
>>> for question in questions_of(prompt):
...     print(question.text)
Is there a red star?
Is there a star?
Is there a star above a cross?
Is there a blue cross?
Is there a cross?
Does this figure show "a red star above a blue cross"?
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from prompts.english.noun_phrases import CLOSED
from prompts.english.words import WORD
from prompts.inflection import NUMBERS, article_of, plural_of
from prompts.structure import Constituent, Prompt

VERSION = "1"  # of the wordings; raised when a question changes, as verdicts may then change
CAPTION = 'Does this figure show "{text}"?'
# Kinds of the shipped grammars and of imported suites whose values are nouns.
NOUN_KINDS = frozenset(
    ("object", "thing", "animal", "agent", "person", "entity", "noun", "subject")
)
NEGATIVE = frozenset(("without",))  # relations that state the absence of their second object
DETERMINERS = frozenset(
    ("a", "an", "the", "this", "that", "its", "his", "her", "their", "my", "your", "another")
)


@dataclass(frozen=True)
class Question:
    """A question about an image whose right answer is yes where the image shows the prompt."""

    slot: str
    """The slot whose constituent is asked for; empty for the whole caption."""
    text: str
    """The question itself, without instructions on how to answer, e.g. ``Is the cube red?``."""


def questions_of(prompt: Prompt) -> tuple[Question, ...]:
    """The question of each constituent, in the order of the prompt, then that of the caption.

    Two slots have the same question where one answer decides both.
    """
    named = _Named(prompt)
    asked = [Question(part.slot, named.question(part)) for part in prompt.constituents]
    return (*asked, Question("", CAPTION.format(text=prompt.text)))


@dataclass(frozen=True)
class _Thing:
    """What a prompt says of one entity."""

    noun: Constituent
    before: tuple[str, ...]
    """Attributes that stand before the noun."""
    after: tuple[str, ...]
    """Attributes that can only stand behind it: "made of wood"."""
    singular: str
    is_plural: bool
    has_article: bool
    """Whether one of it takes an article; a mass noun or a proper name does not."""

    def phrase(self, *, attributes: bool) -> str:
        """ "a red circle" or "a circle", "dogs", "cheese"."""
        before, after = (self.before, self.after) if attributes else ((), ())
        return self.indefinite((*before, self.head, *after))

    @property
    def head(self) -> str:
        """The noun in its number."""
        return plural_of(self.singular) if self.is_plural else self.singular

    def indefinite(self, words: Sequence[str]) -> str:
        """`words` with an article, where they take one."""
        text = " ".join(words)
        return text if self.is_plural or not self.has_article else f"{article_of(text)} {text}"


class _Named:
    """A prompt whose entities have names that tell them apart."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        self.things: dict[str, _Thing] = {}
        entities = dict.fromkeys(part.entities[0] for part in self._singles)
        for entity in entities:
            own = [part for part in self._singles if part.entities == (entity,)]
            self.things[entity] = _thing(prompt, own)
        self.shared = Counter(thing.singular.casefold() for thing in self.things.values())

    @property
    def _singles(self) -> list[Constituent]:
        return [part for part in self.prompt.constituents if len(part.entities) == 1]

    @cached_property
    def absent(self) -> frozenset[str]:
        """Entities that a correct image must not show."""
        relations = [part for part in self.prompt.constituents if len(part.entities) > 1]
        return frozenset(
            part.entities[1] for part in relations if part.value.casefold() in NEGATIVE
        )

    def question(self, part: Constituent) -> str:
        """The question that asks for `part`."""
        if len(part.entities) != 1:
            return self._of_relation(part)
        (entity,) = part.entities
        thing = self.things[entity]
        if entity in self.absent:
            words = " ".join((*thing.before, thing.head, *thing.after))
            return f"Is it true that there {_is(thing)} no {words}?"
        if part is thing.noun:
            return self._of_noun(thing)
        if _is_count(part):
            number = part.value.casefold()
            attributes = self._is_shared(thing)
            before, after = (thing.before, thing.after) if attributes else ((), ())
            words = " ".join((*before, thing.head, *after))
            return f"{_is(thing).capitalize()} there exactly {number} {words}?"
        word = _written(self.prompt, part)
        if thing.is_plural and not self._is_shared(thing) and word in thing.before:
            return f"Are the {thing.head} {word}?"
        words_in_order = (word, thing.head) if word in thing.before else (thing.head, word)
        return f"{_is(thing).capitalize()} there {thing.indefinite(words_in_order)}?"

    def _of_noun(self, thing: _Thing) -> str:
        alike = [each for each in self.things.values() if _same(each, thing)]
        if len(alike) > 1 and thing.has_article and not any(each.is_plural for each in alike):
            number = NUMBERS[len(alike) - 1] if len(alike) <= len(NUMBERS) else len(alike)
            return f"Are there at least {number} {plural_of(thing.singular)}?"
        return f"{_is(thing).capitalize()} there {thing.phrase(attributes=False)}?"

    def _of_relation(self, part: Constituent) -> str:
        things = [self.things[entity] for entity in part.entities if entity in self.things]
        if len(things) != 2:
            return CAPTION.format(text=self._excerpt(part))
        first, second = things
        words = re.sub(r"^(?:that )?(?:is|are) ", "", _written(self.prompt, part))
        one = first.phrase(attributes=self._is_shared(first))
        is_absent = part.entities[1] in self.absent
        other = second.phrase(attributes=is_absent or self._is_shared(second))
        if one == other and second.has_article and not second.is_plural:
            other = f"another {second.singular}"
        return f"{_is(first).capitalize()} there {one} {words} {other}?"

    def _is_shared(self, thing: _Thing) -> bool:
        return self.shared[thing.singular.casefold()] > 1

    def _excerpt(self, part: Constituent) -> str:
        """The words of the prompt from a constituent and its entities' first to their last."""
        own = [p for p in self.prompt.constituents if set(p.entities) <= set(part.entities)]
        start, end = min(p.start for p in own), max(p.end for p in own)
        return self.prompt.text[start:end]


def _thing(prompt: Prompt, own: Sequence[Constituent]) -> _Thing:
    """What `own`, the constituents of one entity, say of it."""
    counts = [part for part in own if _is_count(part)]
    others = [part for part in own if part not in counts] or list(own)
    nouns = [part for part in others if part.kind.casefold() in NOUN_KINDS]
    noun = max(nouns or others, key=lambda part: part.end)
    written = prompt.text[noun.start : noun.end]
    singular = noun.value
    if counts and counts[0] is not noun:
        is_plural = counts[0].value.casefold() != "one"
    else:
        is_plural = (
            written.casefold() != singular.casefold()
            and written.casefold() == plural_of(singular).casefold()
        )
    if not is_plural and not counts:
        singular = _written(prompt, noun)
    attributes = [part for part in others if part is not noun]
    behind = [part for part in attributes if _stands_behind(prompt, part, noun)]
    first = min(own, key=lambda part: part.start)
    return _Thing(
        noun,
        tuple(_written(prompt, part) for part in attributes if part not in behind),
        tuple(_written(prompt, part) for part in behind),
        singular,
        is_plural,
        bool(counts) or _has_determiner(prompt.text[: first.start]),
    )


def _stands_behind(prompt: Prompt, part: Constituent, noun: Constituent) -> bool:
    """Whether an attribute is a phrase that no noun can follow: "made of wood", "sleeping"."""
    written = prompt.text[part.start : part.end]
    return part.start > noun.start and (" " in written or written.endswith("ing"))


def _has_determiner(before: str) -> bool:
    """Whether the noun phrase that follows the text `before` begins with an article or the like."""
    for word in reversed([match.group().casefold() for match in WORD.finditer(before)]):
        if word in DETERMINERS:
            return True
        if word in CLOSED or not word[0].isalnum():
            return False
    return False


def _is_count(part: Constituent) -> bool:
    return part.kind == "count" or part.value.casefold() in NUMBERS


def _written(prompt: Prompt, part: Constituent) -> str:
    """A constituent's words, without the capital of a sentence's beginning."""
    written = prompt.text[part.start : part.end]
    if written.casefold() == part.value.casefold():
        return part.value
    return written[:1].lower() + written[1:] if part.start == 0 else written


def _same(one: _Thing, other: _Thing) -> bool:
    return one.singular.casefold() == other.singular.casefold()


def _is(thing: _Thing) -> str:
    return "are" if thing.is_plural else "is"
