"""Tokenizing texts, each token with the characters that it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from t2i_audit.errors import ModelError

TOKENIZED = 1024  # texts per call, because a tokenizer's output needs much more memory than ids


@dataclass(frozen=True, slots=True)
class TextTokens:
    """The tokens of a text, without begin and end tokens."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    """First and last (exclusive) character of each token."""


def tokenize(tokenizer: Any, texts: Sequence[str]) -> list[TextTokens]:
    """Tokenize each of `texts`.

    Raises:
        ModelError: the tokenizer gives no offsets, and decoding its tokens does not give the text.
    """
    if not getattr(tokenizer, "is_fast", False):
        return [_by_decoding(tokenizer, text) for text in texts]
    found: list[TextTokens] = []
    for start in range(0, len(texts), TOKENIZED):
        encoded = tokenizer(
            list(texts[start : start + TOKENIZED]),
            add_special_tokens=False,
            return_offsets_mapping=True,
            return_attention_mask=False,
            truncation=False,
            verbose=False,
        )
        found += map(TextTokens, encoded["input_ids"], encoded["offset_mapping"])
    return found


def _by_decoding(tokenizer: Any, text: str) -> TextTokens:
    """Offsets by decoding: a token ends where the decoded tokens up to it end in `text`.

    Spaces are ignored, because some vocabularies put them before a word and leave out the first.

    Raises:
        ModelError: decoding the tokens does not give the text.
    """
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    letters = [place for place, letter in enumerate(text) if not letter.isspace()]
    wanted = "".join(text[place] for place in letters)
    offsets: list[tuple[int, int]] = []
    end = 0
    for count in range(1, len(ids) + 1):
        decoded = "".join(tokenizer.decode(ids[:count], clean_up_tokenization_spaces=False).split())
        reached = letters[len(decoded) - 1] + 1 if decoded and wanted.startswith(decoded) else 0
        # A character of several bytes, or a space, is complete only with the tokens after it.
        if reached > end:
            offsets += [(end, reached)] * (count - len(offsets))
            end = reached
    offsets += [(end, end)] * (len(ids) - len(offsets))
    if end != (letters[-1] + 1 if letters else 0):
        raise ModelError(
            f"{type(tokenizer).__name__} gives no character offsets, and decoding its tokens does "
            f"not give {text!r}; words cannot be found in it."
        )
    return TextTokens(ids, offsets)
