"""The text-encoder station: the states of every layer of every text encoder for a suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from prompts.structure import slot_names
from t2i_audit.activations.text.encoded_rows import EncodedRows, encoded_rows
from t2i_audit.activations.text.hooks import EncoderCall, pooled_is_used, recording
from t2i_audit.activations.text.padding import cuttable, padding_cut
from t2i_audit.activations.text.positions import EncoderReading, PromptTokens
from t2i_audit.activations.text.tokenizing import TextTokens, tokenize
from t2i_audit.activations.text.windows import Cut, cut_off
from t2i_audit.errors import ModelError
from t2i_audit.pipelines.text_encoders import TextEncoder
from t2i_audit.run.features import Features, FeatureWriter

if TYPE_CHECKING:
    import torch

    from prompts.structure import Prompt
    from t2i_audit.models.loaded import LoadedModel

BATCH_SIZE = 64
TRIED = 2  # prompts by which it is decided whether an encoder's padding matters


@dataclass(frozen=True, eq=False)
class EncodedSuite:
    """The states of a pipeline's text encoders for a suite, and where each prompt's words are."""

    features: tuple[Features, ...]
    """One for each encoder, layer and position."""
    tokens: dict[str, tuple[PromptTokens, ...]]
    """Encoder -> positions of each prompt's words in its input, in the suite's order."""

    cut: Cut = field(default_factory=dict)
    """Which of the texts that an encoder does not get unchanged are cut off."""

    # Asked for once a prompt and once a place, and made of all prompts.
    @cached_property
    def readings(self) -> dict[str, tuple[EncoderReading, ...]]:
        """Encoder -> how much of each prompt it gets."""
        return {name: tuple(own.reading for own in each) for name, each in self.tokens.items()}

    @property
    def held(self) -> dict[str, np.ndarray]:
        """Encoder -> ``(n,)`` bool: whether it gets every constituent of the prompt."""
        return {
            name: np.array([own.located for own in each], dtype=bool)
            for name, each in self.tokens.items()
        }

    @property
    def truncated(self) -> np.ndarray:
        """``(n,)`` bool: whether the prompt is longer than every encoder's window."""
        flags = [[each.truncated for each in tokens] for tokens in self.tokens.values()]
        return np.logical_and.reduce(np.array(flags, dtype=bool), axis=0)


def encode_suite(
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    *,
    batch_size: int = BATCH_SIZE,
    folder: Path | None = None,
    on_batch: Callable[[int], None] | None = None,
    known: Cut | None = None,
) -> EncodedSuite:
    """Encode `prompts` by the pipeline's own ``encode_prompt`` and keep the states of its layers.

    Layers are ``embeddings`` (what enters the first block), ``block_1`` .. ``block_N``,
    ``final_norm``, and ``pooled`` where the pipeline uses the encoder's pooled output. Positions
    are ``eos``, ``mean`` (over the prompt's own tokens), each slot of the suite (mean over that
    constituent's tokens), and ``pooled`` for the layer of that name.

    A text that occurs twice is encoded once, texts of similar length share a batch, and padding is
    removed where no state that is read depends on it (see `t2i_audit.activations.text.padding`).

    Args:
        loaded: the model.
        prompts: the suite's `n` prompts; a prompt that is cut off keeps the slots before the cut.
        batch_size: prompts per forward pass.
        folder: the folder for the arrays, memory-mapped as float16; None keeps them in memory, as
            float32.
        on_batch: called with the number of prompts after each batch.
        known: `cut` of an earlier call with the same prompts, which saves the trial for it.

    Raises:
        ModelError: the encoders cannot be hooked, or their states cannot be assigned to prompts.
    """
    encoders = loaded.adapter.text_encoders
    slots = slot_names(prompts)
    writer = FeatureWriter("text_encoder", len(prompts), folder=folder)
    found: dict[str, dict[int, PromptTokens]] = {encoder.name: {} for encoder in encoders}
    cut: Cut = {encoder.name: {} for encoder in encoders}
    with loaded.adapter.encoding() as encode:
        work = _Work(loaded.name, tuple(prompts), encoders, encode, batch_size)
        texts = work.texts_by_length()
        exact = cuttable(encoders, lambda: encode(texts[:TRIED]))
        for start in range(0, len(texts), batch_size):
            batch = texts[start : start + batch_size]
            with padding_cut(exact), recording(encoders) as calls:
                returned = encode(batch)
            held = work.held(calls, batch)
            for name, own in work.locate(held, known).items():
                cut[name] |= own
            for each in held:
                each.keep_states(writer, slots)
                if work.uses_pooled(each, returned):
                    each.keep_pooled(writer)
                found[each.encoder.name] |= dict(zip(each.rows.tolist(), each.located, strict=True))
            if on_batch is not None:
                on_batch(sum(len(work.rows_of[text]) for text in batch))
    tokens = {name: tuple(own[row] for row in sorted(own)) for name, own in found.items() if own}
    if not tokens:
        raise ModelError(f"No text encoder of {loaded.name!r} runs in its encode_prompt.")
    return EncodedSuite(features=writer.close(), tokens=tokens, cut=cut)


@dataclass(eq=False)
class _Work:
    """What is the same for every batch of a suite that is encoded."""

    model: str
    prompts: tuple[Prompt, ...]
    encoders: tuple[TextEncoder, ...]
    encode: Callable[[Sequence[str]], Sequence[torch.Tensor]]
    batch_size: int
    rows_of: dict[str, list[int]] = field(init=False)
    """Text -> rows of the prompts that have it."""
    words: dict[str, dict[str, TextTokens]] = field(init=False)
    """Encoder -> text -> the text as its tokenizer splits it."""
    _uses_pooled: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows_of = {}
        for row, prompt in enumerate(self.prompts):
            self.rows_of.setdefault(prompt.text, []).append(row)
        texts = list(self.rows_of)
        self.words = {
            each.name: dict(zip(texts, tokenize(each.tokenizer, texts), strict=True))
            for each in self.encoders
        }

    def texts_by_length(self) -> list[str]:
        """Texts from the shortest to the longest in tokens, so that those of a batch are alike."""
        return sorted(
            self.rows_of, key=lambda text: sum(len(own[text].ids) for own in self.words.values())
        )

    def held(
        self, calls: Mapping[str, Sequence[EncoderCall]], batch: Sequence[str]
    ) -> list[EncodedRows]:
        """The rows of `calls`, by encoder, that hold texts of `batch`."""
        return [
            each
            for encoder in self.encoders
            for each in encoded_rows(encoder, calls[encoder.name], batch, self.rows_of, self.model)
        ]

    def uses_pooled(self, held: EncodedRows, returned: Sequence[torch.Tensor]) -> bool:
        """Whether the pipeline uses the encoder's pooled output, decided by the first batch."""
        name, pooled = held.encoder.name, held.call.pooled
        if pooled is not None and name not in self._uses_pooled:
            self._uses_pooled[name] = pooled_is_used(pooled, returned)
        return pooled is not None and self._uses_pooled[name]

    def locate(self, held: Sequence[EncodedRows], known: Cut | None) -> Cut:
        """Locate the prompts in the rows `held`.

        Returns:
            Which of the texts that are not found as a whole are cut off: `known`, or by a trial.
        """
        for each in held:
            each.locate(self.prompts, self.words[each.encoder.name])
        incomplete = {
            self.prompts[row].text: None
            for each in held
            for row, own in zip(each.rows, each.located, strict=True)
            if own.reading != "whole"
        }
        if not incomplete:
            return {}
        given: dict[str, dict[str, list[int]]] = {each.name: {} for each in self.encoders}
        for each in held:
            given[each.encoder.name] |= each.given(self.prompts)
        cut = known or cut_off(
            self.encoders, self.encode, incomplete, given, batch_size=self.batch_size
        )
        for each in held:
            name = each.encoder.name
            each.locate(self.prompts, self.words[name], cut[name])
        return cut
