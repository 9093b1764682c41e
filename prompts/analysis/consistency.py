"""Whether foils are other prompts, and whether spans are of what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from prompts.english.noun_phrases import CLOSED
from prompts.structure import Constituent, Prompt, folded

SAME_AS_PROMPT = "foil is its prompt up to case, spaces and punctuation"
SAME_AS_FOIL = "foil occurs twice"
CUT_WORD = "span begins or ends within a word"
OTHER_VALUE = "span says another value than its constituent"
NO_ID = "id is empty or has control characters"
HALF_CHANGED = "foil changes a word in one place and keeps it in another"

_WORD = re.compile(r"\w+(?:['’-]\w+)*")  # noqa: RUF001
_KEPT = 100_000  # pairs of a value and other words for it that are remembered


@dataclass
class Spans:
    """Values of a file, with the words that stand for them.

    Words need not be their value (*to the left of* for ``left of``); only where they are another
    value of the file is something wrong, and that shows when all of it was read.
    """

    values: set[str] = field(default_factory=set)
    said: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    """For a value and other words for it, how many prompts say them, and one of these."""

    def add(self, prompt: Prompt) -> None:
        """Take in a prompt's constituents."""
        for part in prompt.constituents:
            value = part.value.casefold()
            words = prompt.text[part.start : part.end].casefold()
            self.values.add(value)
            pair = (value, words)
            if words != value and (pair in self.said or len(self.said) < _KEPT):
                count, example = self.said.get(pair, (0, prompt.text))
                self.said[pair] = (count + 1, example)

    def wrong(self) -> Iterator[tuple[int, str]]:
        """How many spans say another value in the same words, and a prompt that has one."""
        for (_, words), said in self.said.items():
            if words in self.values:
                yield said


def faults_of(prompt: Prompt) -> Iterator[str]:
    """What is wrong with a prompt, though it can be read."""
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
    """What may be wrong with a prompt's foils."""
    words = _words(prompt.text)
    several = {word for word in words if words.count(word) > 1} - CLOSED.keys()
    if not several or not prompt.foils:
        return
    said = [
        set(_words(prompt.text[part.start : part.end]))
        for part in prompt.constituents
        if len(part.entities) == 1
    ]
    # What two constituents say may well be changed in one of them.
    single = {word for word in several if sum(word in own for own in said) == 1}
    if any(_is_half_changed(words, _words(foil.text), single) for foil in prompt.foils):
        yield HALF_CHANGED


def _is_half_changed(words: list[str], foil: list[str], single: set[str]) -> bool:
    """Whether one of the words `single` is kept in some of its places and not in others."""
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
    """Whether it belongs to a script that writes blanks between its words."""
    return character.islower() or character.isupper() or character.isdigit()
