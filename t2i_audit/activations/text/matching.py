"""Finding a text in an encoder's input row, in the forms that pipelines give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from t2i_audit.activations.text.tokenizing import TextTokens

ENDING = 1  # tokens that may follow a text that was cut off at the encoder's window


@dataclass(frozen=True, slots=True)
class Match:
    """The beginning of a text in an encoder's input row."""

    tokens: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    whole: bool

    @property
    def covered(self) -> int:
        return max((end for _, end in self.offsets), default=0)


def reaches_end(match: Match, row: list[int]) -> bool:
    """Whether the row ends with the text, so that there was no room for more of it."""
    return bool(match.tokens) and match.tokens[-1] + ENDING >= len(row) - 1


def textual_inversion_vectors(tokenizer: Any) -> dict[int, list[int]]:
    """The tokens of each textual inversion that has several vectors, by its first token.

    Diffusers replaces ``word`` in a prompt by ``word word_1 word_2``.
    """
    added = {
        str(token): index for token, index in getattr(tokenizer, "added_tokens_encoder", {}).items()
    }
    found = {}
    for token, index in added.items():
        own, count = [index], 1
        while f"{token}_{count}" in added:
            own.append(added[f"{token}_{count}"])
            count += 1
        if count > 1:
            found[index] = own
    return found


def with_vectors(tokens: TextTokens, several: dict[int, list[int]]) -> TextTokens:
    """`tokens` with all vectors of words that have several, each at the word's characters."""
    ids: list[int] = []
    offsets: list[tuple[int, int]] = []
    for token, offset in zip(tokens.ids, tokens.offsets, strict=True):
        own = several.get(token, [token])
        ids += own
        offsets += [offset] * len(own)
    return TextTokens(ids, offsets)


def forms_of(text: str) -> list[tuple[str, int]]:
    """Forms that pipelines give to `text`, each with its offset to the original's characters."""
    stripped = text.strip()
    indent = text.index(stripped) if stripped else 0
    forms = [(text, 0), (" " + text, -1), (stripped, indent), (stripped.lower(), indent)]
    return list(dict.fromkeys(forms))


def match_beginning(tokens: TextTokens, shift: int, row: list[int]) -> Match:
    """The longest beginning of `tokens` that occurs in `row`; its first occurrence."""
    ids = tokens.ids
    best, length = 0, 0
    starts = [place for place, token in enumerate(row) if ids and token == ids[0]]
    for start in starts:
        if row[start : start + len(ids)] == ids:
            best, length = start, len(ids)
            break
    else:
        for start in starts:
            run = 1
            while run < len(ids) and start + run < len(row) and row[start + run] == ids[run]:
                run += 1
            if run > length:
                best, length = start, run
    return Match(
        tokens=tuple(range(best, best + length)),
        offsets=tuple((start + shift, end + shift) for start, end in tokens.offsets[:length]),
        whole=length == len(ids) > 0,
    )
