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

TOKENIZED = 1024  # texts at once: a tokenizer keeps much more of a text than its ids


@dataclass(frozen=True, slots=True)
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


def locate(tokenizer: Any, prompt: Prompt, row: Sequence[int]) -> PromptTokens:
    """Find `prompt` in `row`, the token ids that an encoder was given for it; see `locate_all`."""
    return locate_all(tokenizer, [prompt], [row])[0]


def locate_all(
    tokenizer: Any,
    prompts: Sequence[Prompt],
    rows: Sequence[Sequence[int]],
    *,
    tokens: Sequence[TextTokens] | None = None,
) -> list[PromptTokens]:
    """Find each of `prompts` in its row, the token ids that an encoder was given for it.

    Pipelines may lower-case or strip the text, so those forms are looked for as well.

    Args:
        tokenizer: the encoder's.
        prompts: with the character spans of their constituents.
        rows: ``(s,)`` token ids for each prompt.
        tokens: of the prompts' texts from `tokenize`, where they are known.

    Raises:
        ModelError: a text is not in its row, or see `tokenize`.
    """
    given = [list(row) for row in rows]
    if tokens is None:
        tokens = tokenize(tokenizer, [prompt.text for prompt in prompts])
    best = [_match(own, 0, row) for own, row in zip(tokens, given, strict=True)]
    # Most pipelines hand the text on as it is, so its other forms are seldom needed.
    for index in [index for index, match in enumerate(best) if not match.whole]:
        forms = _forms(prompts[index].text)[1:]
        cut = tokenize(tokenizer, [form for form, _ in forms])
        for own, (_, shift) in zip(cut, forms, strict=True):
            match = _match(own, shift, given[index])
            if match.whole or len(match.tokens) > len(best[index].tokens):
                best[index] = match
            if match.whole:
                break
    # Looked up once: a tokenizer takes long over its attributes.
    padding, eos = tokenizer.pad_token_id, tokenizer.eos_token_id if _ends_text(tokenizer) else None
    return [
        _located(prompt, row, match, eos, padding)
        for prompt, row, match in zip(prompts, given, best, strict=True)
    ]


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


@dataclass(frozen=True, slots=True)
class _Match:
    tokens: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    whole: bool

    @property
    def covered(self) -> int:
        return max((end for _, end in self.offsets), default=0)


def _located(
    prompt: Prompt, row: list[int], match: _Match, eos: int | None, padding: int | None
) -> PromptTokens:
    if not match.tokens:
        raise ModelError(f"The text encoder was not given the text of the prompt {prompt.text!r}.")
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
        eos=_end(row, match.tokens[-1], eos, padding),
        content=match.tokens,
        slots=slots,
        truncated=not match.whole,
    )


def _forms(text: str) -> list[tuple[str, int]]:
    """Wordings of `text` that pipelines make, each with its offset to the original's characters."""
    stripped = text.strip()
    indent = text.index(stripped) if stripped else 0
    forms = [(text, 0), (" " + text, -1), (stripped, indent), (stripped.lower(), indent)]
    return list(dict.fromkeys(forms))


def _match(tokens: TextTokens, shift: int, row: list[int]) -> _Match:
    """The longest beginning of `tokens` that occurs in `row`, the first where there are several."""
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
    return _Match(
        tokens=tuple(range(best, best + length)),
        offsets=tuple((start + shift, end + shift) for start, end in tokens.offsets[:length]),
        whole=length == len(ids) > 0,
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
