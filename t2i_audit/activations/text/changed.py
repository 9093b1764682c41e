"""A prompt in a text that the pipeline changed: which of its words an encoder gets all the same.

Caption cleaning takes out brackets, addresses and accents, spaces punctuation and lower-cases. What
the encoder gets is spelt out from its tokens and compared with the prompt word by word. A
constituent counts as found if its words occur as often in both texts; then they are in the same
place of the order, as cleaning moves nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prompts.structure import Prompt

WORD = re.compile(r"\w+")
LEAST_KEPT = 0.5  # of the words; a text with fewer of the prompt's is another


@dataclass(frozen=True, slots=True)
class Kept:
    """The tokens of what is left of a prompt; nothing where too little is left."""

    content: tuple[int, ...]
    """Tokens of the words that were kept, in order."""
    slots: dict[str, tuple[int, ...]]
    """Tokens of each constituent that was found for certain."""


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: int
    end: int


def words_kept(tokenizer: Any, prompt: Prompt, row: Sequence[int], *, cut: bool = False) -> Kept:
    """The words of `prompt` that are in `row`, the token ids ``(s,)`` that an encoder was given.

    Nothing counts as kept unless half of the prompt's words are there, or, of a text that was `cut`
    off, unless half of the words that are there are the prompt's.
    """
    text, spans = _spelt(tokenizer, row)
    own, given = _words(prompt.text), _words(text)
    names, given_names = [word.text for word in own], [word.text for word in given]
    matcher = SequenceMatcher(None, names, given_names, autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if block.size]
    kept = [given[block.b + index] for block in blocks for index in range(block.size)]
    if not kept or len(kept) < LEAST_KEPT * len(given if cut else own):
        return Kept((), {})
    slots = {}
    for part in prompt.constituents:
        inside = [
            i for i, word in enumerate(own) if word.start < part.end and word.end > part.start
        ]
        if not inside:
            continue
        phrase = names[inside[0] : inside[-1] + 1]
        places, given_places = _places(phrase, names), _places(phrase, given_names)
        if len(places) == len(given_places):
            start = given_places[places.index(inside[0])]
            tokens = _tokens_of(given[start : start + len(phrase)], spans)
            if tokens:
                slots[part.slot] = tokens
    return Kept(_tokens_of(kept, spans), slots)


def _words(text: str) -> list[_Word]:
    """The words of `text`, without case and forms of letters, and the characters they stand at."""
    return [
        _Word(unicodedata.normalize("NFKC", match[0]).casefold(), match.start(), match.end())
        for match in WORD.finditer(text)
    ]


def _places(phrase: Sequence[str], words: Sequence[str]) -> list[int]:
    """Where `phrase` begins among `words`."""
    count = len(phrase)
    return [i for i in range(len(words) - count + 1) if list(words[i : i + count]) == list(phrase)]


def _tokens_of(words: Sequence[_Word], spans: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    return tuple(
        index
        for index, (start, end) in enumerate(spans)
        if end > start and any(start < word.end and end > word.start for word in words)
    )


def _spelt(tokenizer: Any, row: Sequence[int]) -> tuple[str, list[tuple[int, int]]]:
    """The text that the tokens of `row` spell, and the characters that each of them adds.

    Tokens of the tokenizer's own, as the end of text and unknown letters, count as a space.
    """
    special = set(tokenizer.all_special_ids)
    text = ""
    spans: list[tuple[int, int]] = []
    for is_special, group in groupby(row, key=lambda token: token in special):
        ids, base = list(group), len(text)
        if is_special:
            spans += [(base, base)] * len(ids)
        else:
            spelt, own = _spelt_run(tokenizer, ids)
            spans += [(base + start, base + end) for start, end in own]
            text += spelt
        text += " "
    return text, spans


def _spelt_run(tokenizer: Any, ids: Sequence[int]) -> tuple[str, list[tuple[int, int]]]:
    done = ""
    spans: list[tuple[int, int]] = []
    for count in range(1, len(ids) + 1):
        spelt = str(tokenizer.decode(ids[:count], clean_up_tokenization_spaces=False))
        # A letter of several bytes is spelt with the last of its tokens.
        if spelt.startswith(done) and not spelt.endswith("\ufffd"):
            spans += [(len(done), len(spelt))] * (count - len(spans))
            done = spelt
    return done, spans + [(len(done), len(done))] * (len(ids) - len(spans))
