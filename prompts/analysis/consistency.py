"""Consistency of single prompts: whether foils differ, and whether spans match their values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from prompts.english.noun_phrases import CLOSED
from prompts.structure import Constituent, Prompt, folded

SAME_AS_PROMPT = "foil equals its prompt up to case, spaces and punctuation"
SAME_AS_FOIL = "foil occurs twice"
CUT_WORD = "span begins or ends inside a word"
OTHER_VALUE = "span contains the word for another value"
NO_ID = "id is empty or has control characters"
HALF_CHANGED = "foil changes a word in one place but not in another"

_WORD = re.compile(r"\w+(?:['’-]\w+)*")  # noqa: RUF001
_KEPT = 100_000  # pairs of a value and other words for it that are kept


@dataclass
class ValueWords:
    """The values of a file, with the words that denote them.

    The words of a span may differ from its value (*to the left of* for ``left of``). They are wrong
    if they are another value of the file, which is known once all of it has been read.
    """

    values: set[str] = field(default_factory=set)
    wordings: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    """For a value and other words for it, the number of prompts, and one of their texts."""

    def add(self, prompt: Prompt) -> None:
        """Add the constituents of a prompt."""
        for part in prompt.constituents:
            value = part.value.casefold()
            words = prompt.text[part.start : part.end].casefold()
            self.values.add(value)
            pair = (value, words)
            if words != value and (pair in self.wordings or len(self.wordings) < _KEPT):
                count, example = self.wordings.get(pair, (0, prompt.text))
                self.wordings[pair] = (count + 1, example)

    def wrong(self) -> Iterator[tuple[int, str]]:
        """For words that are another value: the number of spans, and the text of one prompt."""
        for (_, words), found in self.wordings.items():
            if words in self.values:
                yield found


def faults_of(prompt: Prompt) -> Iterator[str]:
    """The faults of a prompt that is readable."""
    if not prompt.id.strip() or not prompt.id.isprintable():
        yield NO_ID
    own = folded(prompt.text)
    known: set[str] = set()
    for foil in prompt.foils:
        text = folded(foil.text)
        if text == own:
            yield SAME_AS_PROMPT
        elif text in known:
            yield SAME_AS_FOIL
        known.add(text)
    if any(_cuts_a_word(prompt.text, part) for part in prompt.constituents):
        yield CUT_WORD


def remarks_of(prompt: Prompt) -> Iterator[str]:
    """Possible faults of a prompt's foils."""
    words = _words(prompt.text)
    repeated = {word for word in words if words.count(word) > 1} - CLOSED.keys()
    if not repeated or not prompt.foils:
        return
    constituent_words = [
        set(_words(prompt.text[part.start : part.end]))
        for part in prompt.constituents
        if len(part.entities) == 1
    ]
    # A word of two constituents may be changed in just one of them.
    single = {word for word in repeated if sum(word in own for own in constituent_words) == 1}
    if any(_is_half_changed(words, _words(foil.text), single) for foil in prompt.foils):
        yield HALF_CHANGED


def _is_half_changed(words: list[str], foil: list[str], single: set[str]) -> bool:
    """Whether one of the words `single` is kept in some places and changed in others."""
    if len(words) == len(foil):
        pairs = list(zip(words, foil, strict=True))
        return any(len({own == new for own, new in pairs if own == word}) > 1 for word in single)
    return any(0 < foil.count(word) < words.count(word) for word in single)


def _words(text: str) -> list[str]:
    return [match.group() for match in _WORD.finditer(text.casefold())]


def _cuts_a_word(text: str, part: Constituent) -> bool:
    return any(
        0 < at < len(text) and _is_of_words(text[at - 1]) and _is_of_words(text[at])
        for at in (part.start, part.end)
    )


def _is_of_words(character: str) -> bool:
    """Whether it belongs to a script that separates words by spaces."""
    return character.islower() or character.isupper() or character.isdigit()
