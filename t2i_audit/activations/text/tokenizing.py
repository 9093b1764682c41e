"""Texts as tokenizers cut them, each token with the characters that it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from t2i_audit.errors import ModelError

TOKENIZED = 1024  # texts at once: a tokenizer keeps much more of a text than its ids


@dataclass(frozen=True, slots=True)
class TextTokens:
    """A text by itself as a tokenizer cuts it, without the tokens that it puts around."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    """The characters that each token stands for, from and to."""


def tokenize(tokenizer: Any, texts: Sequence[str]) -> list[TextTokens]:
    """Every one of `texts` as `tokenizer` cuts it.

    Raises:
        ModelError: which characters a token stands for can neither be asked nor spelt out.
    """
    if not getattr(tokenizer, "is_fast", False):
        return [_spelt(tokenizer, text) for text in texts]
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


def _spelt(tokenizer: Any, text: str) -> TextTokens:
    """Of a tokenizer that knows no offsets: each token ends where all up to it have spelt `text`.

    Spaces do not count, as some vocabularies put them before a word and leave out the first.

    Raises:
        ModelError: the tokens do not spell the text.
    """
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    letters = [place for place, letter in enumerate(text) if not letter.isspace()]
    wanted = "".join(text[place] for place in letters)
    offsets: list[tuple[int, int]] = []
    end = 0
    for count in range(1, len(ids) + 1):
        spelt = "".join(tokenizer.decode(ids[:count], clean_up_tokenization_spaces=False).split())
        reached = letters[len(spelt) - 1] + 1 if spelt and wanted.startswith(spelt) else 0
        # A letter of several bytes, or a word's space, is spelt with the tokens after it.
        if reached > end:
            offsets += [(end, reached)] * (count - len(offsets))
            end = reached
    offsets += [(end, end)] * (len(ids) - len(offsets))
    if end != (letters[-1] + 1 if letters else 0):
        raise ModelError(
            f"{type(tokenizer).__name__} gives no character offsets, and its tokens do not spell "
            f"{text!r}; words cannot be found in it."
        )
    return TextTokens(ids, offsets)
