"""Finding a prompt's words in a text that the pipeline changed.

Caption cleaning removes brackets, addresses and accents, puts spaces around punctuation and
lower-cases. The text that the encoder gets is decoded from its tokens and compared with the prompt
word by word. A constituent counts as found if its words occur equally often in both texts; then
they are in the same order, because cleaning does not move words.
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
LEAST_KEPT = 0.5  # of the words; a text with fewer of them is considered another text


@dataclass(frozen=True, slots=True)
class Kept:
    """The tokens of the words that are left of a prompt; none if too few are left."""

    content: tuple[int, ...]
    """Tokens of the words that were kept, in order."""
    slots: dict[str, tuple[int, ...]]
    """Tokens of each constituent that was found without ambiguity."""


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
    text, spans = _decode(tokenizer, row)
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
    """The words of `text`, case-folded and normalised, with their characters in it."""
    return [
        _Word(unicodedata.normalize("NFKC", match[0]).casefold(), match.start(), match.end())
        for match in WORD.finditer(text)
    ]


def _places(phrase: Sequence[str], words: Sequence[str]) -> list[int]:
    """Indices of `words` at which `phrase` begins."""
    count = len(phrase)
    return [i for i in range(len(words) - count + 1) if list(words[i : i + count]) == list(phrase)]


def _tokens_of(words: Sequence[_Word], spans: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    return tuple(
        index
        for index, (start, end) in enumerate(spans)
        if end > start and any(start < word.end and end > word.start for word in words)
    )


def _decode(tokenizer: Any, row: Sequence[int]) -> tuple[str, list[tuple[int, int]]]:
    """The decoded text of the tokens in `row`, and the characters that each of them adds.

    Special tokens, such as end of text and unknown characters, count as a space.
    """
    special = set(tokenizer.all_special_ids)
    text = ""
    spans: list[tuple[int, int]] = []
    for is_special, group in groupby(row, key=lambda token: token in special):
        ids, base = list(group), len(text)
        if is_special:
            spans += [(base, base)] * len(ids)
        else:
            decoded, own = _decode_run(tokenizer, ids)
            spans += [(base + start, base + end) for start, end in own]
            text += decoded
        text += " "
    return text, spans


def _decode_run(tokenizer: Any, ids: Sequence[int]) -> tuple[str, list[tuple[int, int]]]:
    done = ""
    spans: list[tuple[int, int]] = []
    for count in range(1, len(ids) + 1):
        decoded = str(tokenizer.decode(ids[:count], clean_up_tokenization_spaces=False))
        # A character of several bytes is complete only with the last of its tokens.
        if decoded.startswith(done) and not decoded.endswith("\ufffd"):
            spans += [(len(done), len(decoded))] * (count - len(spans))
            done = decoded
    return done, spans + [(len(done), len(done))] * (len(ids) - len(spans))
