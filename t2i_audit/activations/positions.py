"""Which tokens of an encoder's input are a prompt's words, found by character spans.

The encoder's input is searched for the prompt's own tokens, so that a template, a begin token or
padding on either side does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError

if TYPE_CHECKING:
    import torch

    from prompts.structure import Prompt


@dataclass(frozen=True)
class PromptTokens:
    """Where a prompt lies in one encoder's input row."""

    eos: int
    """The end-of-text token after the prompt, or the row's last real token where none follows."""
    content: tuple[int, ...]
    """Every token of the prompt's text."""
    slots: dict[str, tuple[int, ...]]
    """Tokens of each constituent; one whose text was cut off, wholly or in part, is not here."""
    truncated: bool
    """Whether the encoder's window ends before the prompt does."""

    def moved(self, by: int) -> PromptTokens:
        """The same tokens in a sequence where each stands `by` places further on."""
        return PromptTokens(
            eos=self.eos + by,
            content=tuple(index + by for index in self.content),
            slots={slot: tuple(i + by for i in own) for slot, own in self.slots.items()},
            truncated=self.truncated,
        )


def locate(tokenizer: Any, prompt: Prompt, row: Sequence[int]) -> PromptTokens:
    """Find `prompt` in `row`, the token ids that an encoder was given for it.

    Pipelines may lower-case or strip the text, so those forms are looked for as well.

    Args:
        tokenizer: the encoder's fast tokenizer.
        prompt: with the character spans of its constituents.
        row: ``(s,)`` token ids.

    Raises:
        ModelError: the tokenizer gives no offsets, or the text is not in the row.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"{type(tokenizer).__name__} gives no character offsets; words cannot be found in it."
        )
    row = list(row)
    match = _best_match(tokenizer, prompt.text, row)
    if not match.tokens:
        raise ModelError(f"The text encoder was not given the text of the prompt {prompt.text!r}.")
    slots = {}
    for part in prompt.constituents:
        own = tuple(
            index
            for index, (start, end) in zip(match.tokens, match.offsets, strict=True)
            if start < part.end and end > part.start and end > start
        )
        # A constituent of several tokens that is cut in the middle is not what it was.
        if own and match.covered >= part.end:
            slots[part.slot] = own
    return PromptTokens(
        eos=_end(tokenizer, row, match.tokens[-1]),
        content=tuple(match.tokens),
        slots=slots,
        truncated=not match.whole,
    )


def token_averages(
    located: Sequence[PromptTokens], slots: Sequence[str], length: int
) -> torch.Tensor:
    """How ``eos``, ``mean`` and each of `slots` average the tokens, ``(b, 2 + p, s)``.

    All zero where a prompt lacks the position, or where it lies outside of the `length` tokens.
    """
    import torch

    weights = torch.zeros(len(located), 2 + len(slots), length)
    for row, tokens in enumerate(located):
        places = [(tokens.eos,), tokens.content, *(tokens.slots.get(slot, ()) for slot in slots)]
        for index, own in enumerate(places):
            if own and min(own) >= 0 and max(own) < length:
                weights[row, index, list(own)] = 1 / len(own)
    return weights


@dataclass(frozen=True)
class _Match:
    tokens: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    whole: bool

    @property
    def covered(self) -> int:
        return max((end for _, end in self.offsets), default=0)


def _best_match(tokenizer: Any, text: str, row: list[int]) -> _Match:
    best = _Match((), (), whole=False)
    for form, shift in _forms(text):
        match = _match(tokenizer, form, shift, row)
        if match.whole:
            return match
        if len(match.tokens) > len(best.tokens):
            best = match
    return best


def _forms(text: str) -> list[tuple[str, int]]:
    """Wordings of `text` that pipelines make, each with its offset to the original's characters."""
    stripped = text.strip()
    indent = text.index(stripped) if stripped else 0
    forms = [(text, 0), (" " + text, -1), (stripped, indent), (stripped.lower(), indent)]
    return list(dict.fromkeys(forms))


def _match(tokenizer: Any, text: str, shift: int, row: list[int]) -> _Match:
    """The longest beginning of `text`'s tokens that occurs in `row`."""
    encoded = tokenizer(
        text, add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False
    )
    ids = list(encoded["input_ids"])
    offsets = [(start + shift, end + shift) for start, end in encoded["offset_mapping"]]
    best, length = 0, 0
    for start in range(len(row)):
        run = 0
        while run < len(ids) and start + run < len(row) and row[start + run] == ids[run]:
            run += 1
        if run > length:
            best, length = start, run
    return _Match(
        tokens=tuple(range(best, best + length)),
        offsets=tuple(offsets[:length]),
        whole=length == len(ids) > 0,
    )


def _end(tokenizer: Any, row: list[int], last: int) -> int:
    """The first end-of-text token after `last`, else the last token that is no padding.

    Where both are the same token, it ends the text only if the tokenizer puts it there itself.
    """
    eos, padding = tokenizer.eos_token_id, tokenizer.pad_token_id
    if eos != padding or eos in tokenizer("a")["input_ids"]:
        for index in range(last + 1, len(row)):
            if row[index] == eos:
                return index
    return next((i for i in range(len(row) - 1, last, -1) if row[i] != padding), last)
