"""Which tokens of an encoder's input are a prompt's words, found by character spans.

The encoder's input is searched for the prompt's own tokens, so that a template, a begin token or
padding on either side does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from t2i_audit.activations.text.changed import words_kept
from t2i_audit.activations.text.matching import (
    Match,
    forms_of,
    match_beginning,
    reaches_end,
    textual_inversion_vectors,
    with_vectors,
)
from t2i_audit.activations.text.tokenizing import TextTokens, tokenize
from t2i_audit.errors import ModelError

if TYPE_CHECKING:
    import torch

    from prompts.structure import Prompt

EncoderReading = Literal["whole", "cut_off", "changed", "not_found", "not_finite"]
"""What an encoder gets of a prompt: all of it, its beginning, the prompt as the pipeline changed
it, or something else. ``not_finite``: it gets the prompt, and its states are NaN or infinite."""


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """Where a prompt lies in one encoder's input row."""

    eos: int
    """The end-of-text token after the prompt, or the row's last real token where none follows."""
    content: tuple[int, ...]
    """Every token of the prompt's text; of a changed text those of the words that were kept. None
    where the prompt was not found."""
    slots: dict[str, tuple[int, ...]]
    """Tokens of each constituent; one that is not in the row, wholly or in part, is not here."""
    reading: EncoderReading
    located: bool
    """Whether the encoder gets every constituent, in a text that was not cut off."""

    @property
    def truncated(self) -> bool:
        """Whether the encoder's window ends before the prompt does."""
        return self.reading == "cut_off"

    @property
    def last(self) -> int:
        """The prompt's last token, or the end of the row's text where it was not found."""
        return self.content[-1] if self.content else self.eos

    def moved(self, by: int) -> PromptTokens:
        """The same tokens in a sequence where each stands `by` places further on."""
        return replace(
            self,
            eos=self.eos + by,
            content=tuple(index + by for index in self.content),
            slots={slot: tuple(i + by for i in own) for slot, own in self.slots.items()},
        )

    def unread(self) -> PromptTokens:
        """The same place in the row, at which nothing is to be read."""
        return replace(self, slots={}, located=False)


def locate(tokenizer: Any, prompt: Prompt, row: Sequence[int]) -> PromptTokens:
    """Find `prompt` in `row`, the token ids that an encoder was given for it; see `locate_all`.

    Raises:
        ModelError: the prompt is not in its row.
    """
    (found,) = locate_all(tokenizer, [prompt], [row])
    if found.reading == "not_found":
        raise not_given(prompt)
    return found


def not_given(prompt: Prompt) -> ModelError:
    """The error that an encoder's input is not `prompt`."""
    return ModelError(f"The text encoder was not given the text of the prompt {prompt.text!r}.")


def locate_all(
    tokenizer: Any,
    prompts: Sequence[Prompt],
    rows: Sequence[Sequence[int]],
    *,
    tokens: Sequence[TextTokens] | None = None,
    cut: Sequence[bool | None] | None = None,
) -> list[PromptTokens]:
    """Find each of `prompts` in its row, the token ids that an encoder was given for it.

    Pipelines may lower-case or strip the text, so those forms are looked for as well, and words of
    textual inversion that stand for several tokens. Of a text that was changed otherwise the words
    that were kept are looked for (see `t2i_audit.activations.text.changed`).

    Args:
        tokenizer: the encoder's.
        prompts: with the character spans of their constituents.
        rows: ``(s,)`` token ids for each prompt.
        tokens: of the prompts' texts from `tokenize`, where they are known.
        cut: for each prompt whether the encoder's window ends before its text does. Where that is
            not known (None), a text counts as cut off if its beginning reaches the end of the row.

    Raises:
        ModelError: see `tokenize`.
    """
    given = [list(row) for row in rows]
    known = [None] * len(given) if cut is None else cut
    if tokens is None:
        tokens = tokenize(tokenizer, [prompt.text for prompt in prompts])
    several = textual_inversion_vectors(tokenizer)
    best = [match_beginning(own, 0, row) for own, row in zip(tokens, given, strict=True)]
    # Most pipelines hand the text on as it is, so its other forms are seldom needed.
    for index in [index for index, match in enumerate(best) if not match.whole]:
        forms = forms_of(prompts[index].text)
        cuts = [tokens[index], *tokenize(tokenizer, [form for form, _ in forms[1:]])]
        candidates = list(zip(cuts, (shift for _, shift in forms), strict=True))
        if several:
            candidates += [(with_vectors(own, several), shift) for own, shift in candidates]
        for own, shift in candidates[1:]:
            match = match_beginning(own, shift, given[index])
            if match.whole or len(match.tokens) > len(best[index].tokens):
                best[index] = match
            if match.whole:
                break
    # Looked up once: a tokenizer takes long over its attributes.
    padding, eos = tokenizer.pad_token_id, tokenizer.eos_token_id if _ends_text(tokenizer) else None
    found = []
    for prompt, row, match, is_cut in zip(prompts, given, best, known, strict=True):
        if match.whole:
            found.append(_located(prompt, row, match, eos, padding))
        elif is_cut is not False and reaches_end(match, row):
            found.append(_cut_off(prompt, row, match, eos, padding))
        elif is_cut:
            # More text changes nothing, yet it is not the prompt's beginning that is there.
            kept = words_kept(tokenizer, prompt, row, cut=True)
            begun = _cut_off(prompt, row, match, eos, padding)
            absent = replace(begun, content=(), slots={}, reading="not_found")
            found.append(begun if kept.content else absent)
        else:
            found.append(_changed(tokenizer, prompt, row, eos, padding))
    return found


def token_averages(
    located: Sequence[PromptTokens], slots: Sequence[str], length: int
) -> torch.Tensor:
    """How ``eos``, ``mean`` and each of `slots` average the tokens, ``(b, 2 + p, s)``.

    All zero where a prompt lacks the position, or where it lies outside of the `length` tokens.
    """
    import numpy as np
    import torch

    kinds = 2 + len(slots)
    cells: list[int] = []
    shares: list[float] = []
    for row, tokens in enumerate(located):
        places = [(tokens.eos,), tokens.content, *(tokens.slots.get(slot, ()) for slot in slots)]
        for index, own in enumerate(places, start=row * kinds):
            if own and min(own) >= 0 and max(own) < length:
                cells += [index * length + token for token in own]
                shares += [1 / len(own)] * len(own)
    # Filled by numpy, as torch takes long over lists.
    weights = np.zeros((len(located), kinds, length), dtype=np.float32)
    weights.reshape(-1)[cells] = shares
    return torch.from_numpy(weights)


def _located(
    prompt: Prompt, row: list[int], match: Match, eos: int | None, padding: int | None
) -> PromptTokens:
    slots = {}
    covered = match.covered
    for part in prompt.constituents:
        own = tuple(
            index
            for index, (start, end) in zip(match.tokens, match.offsets, strict=True)
            if start < part.end and end > part.start and end > start
        )
        # A constituent of several tokens that is cut in the middle is not what it was.
        if own and covered >= part.end:
            slots[part.slot] = own
    return PromptTokens(
        eos=_end(row, match.tokens[-1] if match.tokens else -1, eos, padding),
        content=match.tokens,
        slots=slots,
        reading="whole",
        located=True,
    )


def _cut_off(
    prompt: Prompt, row: list[int], match: Match, eos: int | None, padding: int | None
) -> PromptTokens:
    found = _located(prompt, row, match, eos, padding)
    return replace(found, reading="cut_off", located=False)


def _changed(
    tokenizer: Any, prompt: Prompt, row: list[int], eos: int | None, padding: int | None
) -> PromptTokens:
    kept = words_kept(tokenizer, prompt, row)
    last = kept.content[-1] if kept.content else -1
    return PromptTokens(
        eos=_end(row, last, eos, padding),
        content=kept.content,
        slots=kept.slots,
        reading="changed" if kept.content else "not_found",
        located=bool(kept.content) and all(p.slot in kept.slots for p in prompt.constituents),
    )


def _ends_text(tokenizer: Any) -> bool:
    """Whether an end-of-text token in a row ends its text, and is not padding.

    Where both are the same token, it ends the text only if the tokenizer puts it there itself.
    """
    eos = tokenizer.eos_token_id
    return bool(eos != tokenizer.pad_token_id or eos in tokenizer("a")["input_ids"])


def _end(row: list[int], last: int, eos: int | None, padding: int | None) -> int:
    """The first end-of-text token after `last`, else the last token that is no padding."""
    if eos is not None and eos in row[last + 1 :]:
        return row.index(eos, last + 1)
    return next((i for i in range(len(row) - 1, last, -1) if row[i] != padding), last)
