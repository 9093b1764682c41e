"""Where a prompt says a constituent again, outside the constituent's own span.

"A red vase hangs on the wall. The red vase is above a lamp" says *vase* and *red* twice. A foil has
to change every such mention, or it contradicts itself. Whether a mention is of the same thing is
decided by these rules alone; a slot with a mention that none of them covers is *unsure*, and no
foil changes it:

- a noun: the first mention introduces the thing, and every later one has a definite determiner
  (*the*, *this*, ...), the same number, and no modifier that the thing did not have before;
- an attribute: it stands before a mention of its noun ("the red vase"), or is said of it by a
  sentence that begins with it ("The vase is matte black.");
- a count: it stands before a mention of its noun ("the two cats");
- a relation is never said again: no rule here understands a second statement of it.

An attribute that the same rules give to another object of the prompt is no mention, and is left as
it is. Pronouns stay true whatever their noun becomes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from prompts.formats.noun_phrases import CLOSED
from prompts.grammar.vocabulary import NUMBERS, Vocabulary, plural_of
from prompts.structure import Constituent

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|_|[^\w\s]")  # noqa: RUF001
_POSSESSIVE = re.compile(r"['’]s\Z")  # noqa: RUF001
_ARTICLE = re.compile(r"(?<!\S)an? \Z", re.IGNORECASE)
_MODIFIERS = 3  # words between an attribute, or a determiner, and the noun


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_DEFINITE = frozenset(("the", "this", "that", "these", "those", "both", "all"))
_INTRODUCING = _DEFINITE | {"a", "an", "its", "their", "his", "her", "some", ""}
_SENTENCE_ENDS = frozenset((".", "!", "?", ";"))
_COPULAS = {
    False: frozenset(("is", "was", "looks", "seems", "appears", "remains")),
    True: frozenset(("are", "were", "look", "seem", "appear", "remain")),
}
# Nouns that stand for a thing named before: what one of them means cannot be told by its word.
_GENERIC = _set(
    "animal animals appliance beast beings being container couple craft creature creatures device "
    "devices dish duo figure figures food former fruit fruits furniture garment group instrument "
    "item items latter machine machines object objects one ones other others pair person people "
    "pet pets piece pieces plant subject subjects thing things tool toy trio utensil vegetable "
    "vehicle vehicles vessel"
)
# Words that repeat a number, or count off some of those that were counted.
_COUNTING = _set(
    "another both couple double dozen duo either former half latter neither one other others pair "
    "quartet remaining rest second single third trio twin twins"
)
_AXES = (
    frozenset(("left", "right", "leftmost", "rightmost")),
    _set(
        "above atop below beneath bottom high higher low lower over top under underneath upper "
        "overhead"
    ),
    frozenset(("front", "behind", "back", "rear", "background", "foreground", "hidden")),
    frozenset(("near", "next", "beside", "far", "close", "away", "side", "by")),
)
_FUNCTION = frozenset(("of", "the", "to", "on", "in", "at", "a", "from", "with"))
# Words that repeat a colour without its name; a foil cannot change them.
_SHADES = {
    "red": "crimson scarlet ruby maroon burgundy cherry vermilion",
    "orange": "tangerine amber",
    "yellow": "golden gold lemon mustard amber",
    "green": "emerald olive lime jade mint",
    "blue": "navy azure cobalt turquoise teal cyan indigo",
    "purple": "violet lavender magenta lilac mauve plum",
    "pink": "rose rosy fuchsia magenta",
    "brown": "chocolate tan beige chestnut",
    "black": "ebony jet dark charcoal",
    "white": "ivory snowy cream",
    "grey": "gray silver ash ashen",
    "gold": "golden",
    "golden": "gold",
    "silver": "silvery",
    "metal": "metallic",
    "metallic": "metal",
    "round": "circular rounded spherical",
    "wooden": "wood",
    "big": "large",
    "large": "big",
    "small": "little tiny",
}
_DERIVED = re.compile(r"(?:d?ish|d?er|d?est|ness|y|d?en|d?ened|ed|s|es)\Z")


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
class _Token:
    word: str
    """Case folded, without a possessive ending."""
    start: int
    end: int
    part: int
    """Which constituent's span it lies in, or -1."""

    @property
    def is_open(self) -> bool:
        """Whether it may be a noun, verb or adjective."""
        return self.word not in CLOSED and self.word[:1].isalnum()


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


def article_before(text: str, at: int) -> str:
    """``a`` or ``an`` with its blank, as it stands in `text` just before `at`, or nothing."""
    match = _ARTICLE.search(text[:at])
    return match.group() if match else ""


def words_said(texts: Iterable[str]) -> frozenset[str]:
    """All phrases of up to four words in `texts`, case folded."""
    phrases = set()
    for text in texts:
        words = [
            _POSSESSIVE.sub("", match.group()).casefold()
            for match in _WORD.finditer(text)
            if match.group()[0].isalnum()
        ]
        for start in range(len(words)):
            for end in range(start + 1, min(start + 4, len(words)) + 1):
                phrases.add(" ".join(words[start:end]))
    return frozenset(phrases)


def is_said(vocabulary: Vocabulary, value: str, said: frozenset[str]) -> bool:
    """Whether `said` has the value, its plural, its last word, or a value that overlaps with it."""
    if not said:
        return False
    initials = {phrase[0] for phrase in said}
    for each in (value, *vocabulary.overlapping[value]):
        for wording in vocabulary.wordings(each):
            words = wording.casefold()
            head = words.rsplit(" ", 1)[-1]
            # An article for a name, or a preposition, says nothing of the value.
            if words in said or (vocabulary.role == "noun" and head in said):
                return True
            if vocabulary.role == "noun" and head[:1] in initials and plural_of(head) in said:
                return True
    return False


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


class _Reading:
    """A text cut into words, with its constituents' places."""

    def __init__(
        self,
        text: str,
        parts: tuple[Constituent, ...],
        vocabularies: Mapping[str, Vocabulary],
    ) -> None:
        self.text = text
        self.parts = parts
        self.vocabularies = vocabularies
        self.tokens = tuple(self._cut())
        self.free = tuple(i for i, token in enumerate(self.tokens) if token.part < 0)
        self.entities: dict[str, list[Constituent]] = {}
        for part in parts:
            if len(part.entities) == 1:
                self.entities.setdefault(part.entities[0], []).append(part)

    def _cut(self) -> Iterator[_Token]:
        for match in _WORD.finditer(self.text):
            word = _POSSESSIVE.sub("", match.group())
            start, end = match.start(), match.start() + len(word)
            part = next(
                (i for i, p in enumerate(self.parts) if start < p.end and p.start < end), -1
            )
            yield _Token(word.casefold(), start, end, part)

    def role(self, part: Constituent) -> str:
        return self.vocabularies[part.kind].role

    def noun_of(self, entity: str) -> Constituent | None:
        """The noun of an entity, if it has just one."""
        nouns = [part for part in self.entities[entity] if self.role(part) == "noun"]
        return nouns[0] if len(nouns) == 1 else None

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
        first = min(self._span(part)[0] for part in parts)
        return self._phrase(first)[0] in _DEFINITE

    def _span(self, part: Constituent) -> tuple[int, int]:
        """First and last token of a constituent."""
        index = self.parts.index(part)
        places = [i for i, token in enumerate(self.tokens) if token.part == index]
        return places[0], places[-1]

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
            first, last = self._span(part)
            found[first, last] = _Noun(first, last, frozenset((entity,)), self._is_plural(part))
            for start, end, is_plural in self._occurrences(self._forms(part)):
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

    def _occurrences(self, forms: Mapping[str, bool]) -> Iterator[tuple[int, int, bool]]:
        """Where the forms stand outside spans: first and last token, and what the form maps to."""
        for form, is_plural in forms.items():
            words = [match.group() for match in _WORD.finditer(form)]
            for start in self.free:
                own = self.tokens[start : start + len(words)]
                if [t.word for t in own] == words and all(t.part < 0 for t in own):
                    yield start, start + len(words) - 1, is_plural

    def _noun_echoes(self, part: Constituent) -> list[Echo] | None:
        """The further mentions of a noun; None where one of them is not certain."""
        entity = part.entities[0]
        forms = self._forms(part)
        own = self._span(part)
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
            determiner, modifiers = self._phrase(noun.first)
            if place == 0:
                known |= modifiers
            allowed = _DEFINITE if place else _INTRODUCING
            is_own = (noun.first, noun.last) == own
            agrees = is_own or noun.is_plural == is_plural
            if len(noun.owners) > 1 or determiner not in allowed or not modifiers <= known:
                return None
            if not agrees or not (is_own or not self._has_negation(noun.first)):
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
            if token.word in _GENERIC and self._phrase(index)[0] in _DEFINITE:
                return True
        return False

    def _phrase(self, index: int) -> tuple[str, frozenset[str]]:
        """The determiner of the noun phrase that goes up to `index`, and the words between."""
        modifiers = set()
        for place in range(index - 1, max(index - 2 - _MODIFIERS, -1), -1):
            word = self.tokens[place].word
            if word in NUMBERS or self.tokens[place].is_open:
                modifiers.add(word)
            elif word in _INTRODUCING or word in ("another", "other", "no", "each", "every"):
                return word, frozenset(modifiers)
            else:
                break
        return "", frozenset(modifiers)

    def _has_negation(self, index: int) -> bool:
        """Whether the words just before `index` deny what follows."""
        words = {token.word for token in self.tokens[max(index - 4, 0) : index]}
        return not words.isdisjoint(("not", "no", "without", "never", "nor", "neither"))

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
        for first, last, _ in self._occurrences(forms):
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
        return None if any(_repeats(token.word, forms) for token in others) else echoes

    def _owner(self, first: int, last: int, part: Constituent) -> str | None:
        """The entity that an attribute or count at these tokens is said of, if it is certain."""
        if self._has_negation(first):
            return None
        at = {noun.first: noun for noun in self._nouns}
        for place in range(last + 1, min(last + 2 + _MODIFIERS, len(self.tokens))):
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
            if not between or between[0].word not in _COPULAS[noun.is_plural]:
                return None
            if len(between) > _MODIFIERS or not all(token.is_open for token in between[1:]):
                return None
            determiner, modifiers = self._phrase(noun.first)
            begins = noun.first - len(modifiers) - bool(determiner)
            is_subject = begins <= 0 or self.tokens[begins - 1].word in _SENTENCE_ENDS
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
        is_plain = follows.is_open and follows.word not in _GENERIC and before not in _DEFINITE
        return is_plain and index + 1 not in {noun.first for noun in self._nouns}

    def _is_counted_again(self, covered: set[int]) -> bool:
        for index in self.free:
            word = self.tokens[index].word
            if index in covered:
                continue
            if word in _COUNTING or word.isdigit():
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
        } - _FUNCTION
        for axis in _AXES:
            if not axis.isdisjoint(words):
                words |= axis
        return any(not words.isdisjoint(self.tokens[index].word.split("-")) for index in self.free)


def _repeats(word: str, forms: Iterable[str]) -> bool:
    """Whether a word says an attribute again in another form: "blackish", "matte-black"."""
    pieces = word.split("-")
    for form in forms:
        if form in pieces or word in _SHADES.get(form, "").split():
            return True
        if len(form) > 2 and word.startswith(form) and _DERIVED.fullmatch(word[len(form) :]):
            return True
    return False
