"""Attributes in a sentence and the nouns that they precede, by rules.

There is no part-of-speech tagger. Closed lists define attributes (given by the caller),
determiners, prepositions, conjunctions and auxiliaries; all other words are open. A noun phrase is
one or more attributes with the open words that follow, and its noun is those words up to a verb.
After the first open word, a verb ends the phrase in these cases only:

- A determiner follows the phrase, which no noun precedes ("the boom propelled the boat").
- It ends the subject of a clause that still lacks a verb ("the spoon rattles on ...").
- The word is one of the few verbs that are common in captions ("a cat sits in ...").

If a phrase has no noun, or an attribute belongs to none, `bound_phrases` returns nothing, because a
partial analysis would be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

Tag = Literal[
    "attribute", "determiner", "preposition", "and", "auxiliary", "clause", "stop", "open"
]

_WORD = re.compile(r"[^\W\d_](?:[\w'’-]*\w)?|\d+|[^\w\s]")  # noqa: RUF001
CLOSED: dict[str, Tag] = {
    word: cast(Tag, tag)
    for tag, words in (
        ("determiner", "a an the its their his her this that these those one two three four some"),
        (
            "preposition",
            "of in on with at by from into onto over under above below near behind beside besides "
            "between against for to through across around along inside outside off up down out "
            "next among within without past toward towards beneath alongside about like upon",
        ),
        ("and", "and or ,"),
        ("auxiliary", "is are was were be been has have had can could will would does do did"),
        ("clause", "while as which who when where but because ; :"),
        ("stop", ". ! ? not also both all so it them him they he she other together very"),
    )
    for word in words.split()
}


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Verbs of captions that no other rule recognises.
_CAPTION_VERBS = _set(
    "sit sits hold holds read reads flash features feature stand stands has have parked hang "
    "hangs float floats lie lies rest rests lay wears wear shows show side"
)
# Verbs that are never nouns, and that take an object without a determiner.
_VERBS = _set(
    "held add adds added provide provides kept keep keeps gave give gives brought bring made "
    "make makes stood sat hung led contain contains contrast contrasts protect protects cast "
    "lit pour pours told opens tighten complement creaks"
)
# Prepositions that continue a noun.
_OF_NOUNS = frozenset(("of", "with"))
# Words that are attributes before a noun, and nouns after an attribute.
_ALSO_NOUNS = frozenset(("orange", "glass", "diamond", "square"))
# Nouns in -ing; other words in -ing before a preposition or determiner are participles.
_ING_NOUNS = _set(
    "building ceiling clothing earring flooring frosting icing king lighting painting "
    "pudding ring railing serving string stocking swing wedding wing dressing topping"
)


@dataclass(frozen=True)
class TextSpan:
    """A range of characters of a text."""

    start: int
    end: int


@dataclass(frozen=True)
class Phrase:
    """Attributes and the noun that they precede."""

    attributes: tuple[tuple[str, TextSpan], ...]
    """Each attribute as in the caller's table, and its span."""
    noun: TextSpan
    has_article: bool
    """Whether ``a`` or ``an`` precedes it, so that it is singular."""


@dataclass(frozen=True)
class _TaggedWord:
    text: str
    span: TextSpan
    tag: Tag


def bound_phrases(text: str, attributes: Mapping[str, str]) -> tuple[Phrase, ...]:
    """All attributes of `text` with their nouns; empty if one of them is uncertain.

    Args:
        text: an English sentence or list of noun phrases.
        attributes: values by the lower-case words that denote them.
    """
    tokens = list(_tagged(text, attributes))
    phrases: list[Phrase] = []
    verb_wanted = _is_sentence(tokens)
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.tag == "clause":
            verb_wanted = True
        elif token.tag == "auxiliary":
            verb_wanted = False
        if token.tag != "attribute":
            index += 1
            continue
        start = index
        index = _after_attributes(tokens, index)
        end = _after_open(tokens, index)
        if end == index and index - start > 1 and tokens[index - 1].text.lower() in _ALSO_NOUNS:
            index -= 1
        if end == index:
            return ()
        stop = _noun_end(tokens, index, end, verb_wanted)
        if stop is None:
            return ()
        if stop < end:
            verb_wanted = False
        own = [t for t in tokens[start:index] if t.tag == "attribute"]
        phrases.append(
            Phrase(
                tuple((attributes[t.text.lower()], t.span) for t in own),
                TextSpan(tokens[index].span.start, tokens[stop - 1].span.end),
                start > 0 and tokens[start - 1].text.lower() in ("a", "an"),
            )
        )
        index = end
    return tuple(phrases)


def _tagged(text: str, attributes: Mapping[str, str]) -> Iterator[_TaggedWord]:
    before: Tag = "stop"
    in_phrase = False
    for match in _WORD.finditer(text):
        word = match.group().lower()
        tag: Tag = "attribute" if word in attributes else CLOSED.get(word, "open")
        # In "magnifying glass" and "wine glass" the word is the noun, not an attribute.
        if tag == "attribute" and before == "open" and in_phrase:
            tag = "open"
        if word == "can" and before in ("attribute", "determiner"):
            tag = "open"
        in_phrase = tag == "attribute" or (in_phrase and tag == "open")
        yield _TaggedWord(match.group(), TextSpan(*match.span()), tag)
        before = tag


def _is_sentence(tokens: Sequence[_TaggedWord]) -> bool:
    """Whether the text is a sentence with a verb ("The ..."), not a caption."""
    return tokens[0].text == "The" if tokens else False


def _after_attributes(tokens: Sequence[_TaggedWord], index: int) -> int:
    """The index after attributes such as "small red", "black and white" or "long, narrow"."""
    while index < len(tokens):
        if tokens[index].tag == "attribute" or (
            tokens[index].tag == "and"
            and index + 1 < len(tokens)
            and tokens[index + 1].tag == "attribute"
            and tokens[index - 1].tag == "attribute"
        ):
            index += 1
        else:
            break
    return index


def _after_open(tokens: Sequence[_TaggedWord], index: int) -> int:
    while index < len(tokens) and tokens[index].tag == "open":
        index += 1
    return index


def _noun_end(tokens: Sequence[_TaggedWord], start: int, end: int, verb_wanted: bool) -> int | None:
    """The end of the noun within the open words ``start:end``; None if uncertain."""
    follows = tokens[end].tag if end < len(tokens) else "stop"
    next_word = tokens[end].text.lower() if end < len(tokens) else ""
    words = [token.text.lower() for token in tokens[start:end]]
    if len(words) < 2:
        return end
    last = len(words) - 1
    for index in range(1, len(words)):
        word = words[index]
        is_certain = word in _VERBS or _is_adverb(word)
        is_past = word.endswith("ed") and (verb_wanted or (index == last and follows != "and"))
        is_caption = word in _CAPTION_VERBS and follows != "determiner"
        if is_certain or is_past or is_caption:
            return start + _without_adverbs(words, index)
    if words[last].endswith("ing") and words[last] not in _ING_NOUNS:
        return start + _without_adverbs(words, last)
    if follows == "determiner":
        return start + _without_adverbs(words, last)
    if follows in ("preposition", "stop", "attribute", "clause") and next_word not in _OF_NOUNS:
        if verb_wanted and not _has_auxiliary(tokens, end):
            return start + _without_adverbs(words, last)
        if tokens[0].text == "A" and words[last].endswith("s") and follows == "preposition":
            return None if not _has_auxiliary(tokens, 0) else end
    return end


def _has_auxiliary(tokens: Sequence[_TaggedWord], index: int) -> bool:
    for token in tokens[index:]:
        if token.tag == "clause":
            return False
        if token.tag == "auxiliary":
            return True
    return False


def _is_adverb(word: str) -> bool:
    return word.endswith("ly") and word not in (
        "butterfly",
        "fly",
        "jelly",
        "belly",
        "lily",
        "doily",
    )


def _without_adverbs(words: Sequence[str], end: int) -> int:
    while end > 1 and _is_adverb(words[end - 1]):
        end -= 1
    return end
