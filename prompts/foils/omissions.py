"""Captions that leave out one thing of a prompt.

Such a caption is no foil: "a red circle" is true of every image of a red circle and a blue star. A
judge that compares captions needs it all the same, because a missing object is the commonest fault
of images, and no foil names an image without it.

A thing is left out together with its relations, and only where the rest stays a sentence: the
phrases of the things follow one another, and between them stand only words of their relations,
commas and *and*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from prompts.structure import Constituent, Prompt

# Around the phrases these words show that the sentence speaks of several things.
_PLURAL = re.compile(
    r"\b(?:are|were|have|both|two|three|all|each|every|other|together|they|them|their|no|not|"
    r"without|side by side)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
_DETERMINER = re.compile(r"(?<!\S)(?:an?|the|one|some) \Z", re.IGNORECASE)
_CONJUNCTION = re.compile(r"\s*(?:,|and|, and)\s+", re.IGNORECASE)


@dataclass(frozen=True)
class Omission:
    """A prompt without one of its things; true of every image of the prompt."""

    text: str
    entity: str
    """What is left out, e.g. ``object_2``."""


@dataclass(frozen=True)
class _Phrase:
    entity: str
    start: int
    end: int
    parts: tuple[Constituent, ...]


def omissions_of(prompt: Prompt) -> tuple[Omission, ...]:
    """The prompt without each of its things that can be left out, in the order of the text.

    >>> from prompts.world import Content, write
    >>> prompt = write(Content((("red", "circle"), ("blue", "star")), "above"))
    >>> [omission.text for omission in omissions_of(prompt)]
    ['a blue star', 'a red circle']
    """
    phrases = _phrases(prompt)
    if len(phrases) < 2:
        return ()
    text = prompt.text
    opening, ending = text[: phrases[0].start], text[phrases[-1].end :]
    links = [text[a.end : b.start] for a, b in pairwise(phrases)]
    if _PLURAL.search(opening) or _PLURAL.search(ending):
        return ()
    if not all(_is_link(prompt, first, second) for first, second in pairwise(phrases)):
        return ()
    found = []
    for index, phrase in enumerate(phrases):
        middle = _without(index, [text[each.start : each.end] for each in phrases], links)
        if middle is None or not _is_named_once(prompt, phrase):
            continue
        rest = opening + middle + ending
        # The first letter of a sentence is a capital letter.
        if index == 0 and not opening.strip() and text[phrase.start].isupper():
            rest = rest[: len(opening)] + middle[0].upper() + middle[1:] + ending
        found.append(Omission(rest, phrase.entity))
    return tuple(found)


def _phrases(prompt: Prompt) -> list[_Phrase]:
    """The words of each thing, in the order of the text; none if two of them are interleaved."""
    own: dict[str, list[Constituent]] = {}
    for part in prompt.constituents:
        if len(part.entities) == 1:
            own.setdefault(part.entities[0], []).append(part)
    phrases = []
    for entity, parts in own.items():
        start = min(part.start for part in parts)
        determiner = _DETERMINER.search(prompt.text[:start])
        start = determiner.start() if determiner else start
        phrases.append(_Phrase(entity, start, max(part.end for part in parts), tuple(parts)))
    phrases.sort(key=lambda phrase: phrase.start)
    apart = all(a.end <= b.start for a, b in pairwise(phrases))
    return phrases if apart else []


def _is_link(prompt: Prompt, before: _Phrase, after: _Phrase) -> bool:
    """Whether only a conjunction, or a relation of the two, stands between them.

    A relation that states an absence is none: nothing can be missing that should not be there.
    """
    between = prompt.text[before.end : after.start]
    if _CONJUNCTION.fullmatch(between):
        return True
    relations = [part for part in prompt.constituents if len(part.entities) > 1]
    own = [
        part
        for part in relations
        if {*part.entities} == {before.entity, after.entity}
        and before.end <= part.start
        and part.end <= after.start
    ]
    if len(own) != 1 or _PLURAL.search(between):
        return False
    start, end = own[0].start - before.end, own[0].end - before.end
    return not between[:start].strip() and not between[end:].strip()


def _without(index: int, phrases: list[str], links: list[str]) -> str | None:
    """The phrases and the links between them without one phrase; None if no sentence is left."""
    last = len(phrases) - 1
    are_conjunctions = [_CONJUNCTION.fullmatch(link) is not None for link in links]
    kept = phrases[:index] + phrases[index + 1 :]
    if index == 0:
        between = links[1:]
    elif index == last:
        between = links[:-1]
        if between and are_conjunctions[-2] and are_conjunctions[-1]:
            between[-1] = links[-1]  # "a, b and c" without c is "a and b"
    elif are_conjunctions[index - 1] and are_conjunctions[index]:
        between = links[: index - 1] + links[index:]
    else:
        return None
    return "".join(_alternating(kept, between))


def _alternating(phrases: list[str], links: list[str]) -> Iterator[str]:
    for phrase, link in zip(phrases, [*links, ""], strict=True):
        yield phrase
        yield link


def _is_named_once(prompt: Prompt, phrase: _Phrase) -> bool:
    """Whether no word of the thing's noun stands anywhere outside its phrase and the others'.

    "A cat and a dog, the dog asleep" still names the dog when its phrase is gone.
    """
    noun = max(phrase.parts, key=lambda part: part.end)
    words = {word.casefold() for word in _WORD.findall(prompt.text[noun.start : noun.end])}
    spans = sorted((part.start, part.end) for part in prompt.constituents)
    outside, at = "", 0
    for start, end in spans:
        outside += prompt.text[at:start]
        at = max(at, end)
    outside += prompt.text[at:]
    return words.isdisjoint(word.casefold() for word in _WORD.findall(outside))
