"""The text-encoder station: what every layer of every text encoder holds of a suite's prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from t2i_audit.activations.features import Features, FeatureWriter
from t2i_audit.activations.text.hooks import EncoderCall, pooled_is_used, recording
from t2i_audit.activations.text.padding import cuttable, padding_cut
from t2i_audit.activations.text.positions import (
    EncoderReading,
    PromptTokens,
    locate_all,
    token_averages,
)
from t2i_audit.activations.text.tokenizing import TextTokens, tokenize
from t2i_audit.activations.text.windows import Cut, cut_off
from t2i_audit.errors import ModelError
from t2i_audit.pipelines.text_encoders import TextEncoder

if TYPE_CHECKING:
    import torch

    from prompts.structure import Prompt
    from t2i_audit.models.loaded import LoadedModel

EOS, MEAN, POOLED = "eos", "mean", "pooled"
BATCH_SIZE = 64
TRIED = 2  # prompts that tell whether an encoder's padding matters


@dataclass(frozen=True, eq=False)
class EncodedSuite:
    """A suite as a pipeline's text encoders see it."""

    features: tuple[Features, ...]
    """One for each encoder, layer and position."""
    tokens: dict[str, tuple[PromptTokens, ...]]
    """Encoder -> where each prompt lies in its input, in the suite's order."""

    cut: Cut = field(default_factory=dict)
    """What was found out of the texts that an encoder does not get as they are."""

    @property
    def readings(self) -> dict[str, tuple[EncoderReading, ...]]:
        """Encoder -> what it gets of each prompt."""
        return {name: tuple(own.reading for own in each) for name, each in self.tokens.items()}

    @property
    def held(self) -> dict[str, np.ndarray]:
        """Encoder -> ``(n,)`` bool: prompts of which it gets every constituent."""
        return {
            name: np.array([own.located for own in each], dtype=bool)
            for name, each in self.tokens.items()
        }

    @property
    def truncated(self) -> np.ndarray:
        """``(n,)`` bool: prompts that are longer than any of the encoders reads."""
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
    """Run the pipeline's own prompt encoding over `prompts` and keep what its layers computed.

    Layers are ``embeddings`` (what enters the first block), ``block_1`` .. ``block_N``,
    ``final_norm``, and ``pooled`` where the pipeline uses the encoder's pooled output. Positions
    are ``eos``, ``mean`` (over the prompt's own tokens), each slot of the suite (mean over that
    constituent's tokens), and ``pooled`` for the layer of that name.

    A text that occurs twice is encoded once, texts of like length share a batch, and padding is
    cut off where nothing that is read depends on it (see `t2i_audit.activations.text.padding`).

    Args:
        loaded: the model.
        prompts: the suite's `n` prompts; a prompt that is cut off keeps the slots before the cut.
        batch_size: prompts a forward pass.
        folder: where to keep the arrays, memory-mapped as float16; in memory, as float32, if None.
        on_batch: told the number of prompts after each batch.
        known: what an earlier call found out of the texts that are not encoded as they are.

    Raises:
        ModelError: the pipeline's encoders cannot be hooked, or their states cannot be told apart.
    """
    encoders = loaded.adapter.text_encoders
    slots = tuple(dict.fromkeys(part.slot for p in prompts for part in p.constituents))
    writer = FeatureWriter("text_encoder", len(prompts), folder=folder)
    found: dict[str, dict[int, PromptTokens]] = {encoder.name: {} for encoder in encoders}
    uses_pooled: dict[str, bool] = {}
    rows_of: dict[str, list[int]] = {}
    for row, prompt in enumerate(prompts):
        rows_of.setdefault(prompt.text, []).append(row)
    words = {encoder.name: _tokenized(encoder, list(rows_of)) for encoder in encoders}
    texts = _by_length(list(rows_of), words)
    cut: Cut = {encoder.name: {} for encoder in encoders}
    with loaded.adapter.encoding() as encode:
        exact = cuttable(encoders, lambda: encode(texts[:TRIED]))
        for start in range(0, len(texts), batch_size):
            batch = texts[start : start + batch_size]
            with padding_cut(exact), recording(encoders) as calls:
                returned = encode(batch)
            held = [
                each
                for encoder in encoders
                for each in _calls_of(encoder, calls[encoder.name], batch, rows_of, loaded.name)
            ]
            for each in held:
                each.locate(prompts, words[each.encoder.name])
            doubtful = {
                prompts[row].text: None
                for each in held
                for row, own in zip(each.rows, each.located, strict=True)
                if own.reading != "whole"
            }
            if doubtful:
                given: dict[str, dict[str, list[int]]] = {each.name: {} for each in encoders}
                for each in held:
                    given[each.encoder.name] |= each.given(prompts)
                asked = known or cut_off(encoders, encode, doubtful, given, batch_size=batch_size)
                for name, own in asked.items():
                    cut[name] |= own
                for each in held:
                    each.locate(prompts, words[each.encoder.name], asked[each.encoder.name])
            for each in held:
                name = each.encoder.name
                each.keep_states(writer, slots)
                if each.call.pooled is not None:
                    if name not in uses_pooled:
                        uses_pooled[name] = pooled_is_used(each.call.pooled, returned)
                    if uses_pooled[name]:
                        each.keep_pooled(writer)
                found[name] |= dict(zip(each.rows.tolist(), each.located, strict=True))
            if on_batch is not None:
                on_batch(sum(len(rows_of[text]) for text in batch))
    tokens = {name: [own[row] for row in sorted(own)] for name, own in found.items()}
    seen = {name: tuple(located) for name, located in tokens.items() if located}
    if not seen:
        raise ModelError(f"No text encoder of {loaded.name!r} runs in its encode_prompt.")
    return EncodedSuite(features=writer.close(), tokens=seen, cut=cut)


@dataclass(eq=False)
class _Held:
    """The rows of one call of an encoder that hold prompts of the suite."""

    encoder: TextEncoder
    call: EncoderCall
    lines: np.ndarray
    """``(r,)`` rows of the call; one that several prompts share occurs several times."""
    rows: np.ndarray
    """``(r,)`` rows of the suite."""
    located: list[PromptTokens] = field(default_factory=list)
    """``r``."""

    def locate(
        self,
        prompts: Sequence[Prompt],
        words: Mapping[str, TextTokens],
        cut: Mapping[str, bool] | None = None,
    ) -> None:
        """Find the prompts in their rows; `cut` tells of a text whether the window ends before."""
        ids = self.call.ids.tolist()
        own = [prompts[row] for row in self.rows]
        self.located = locate_all(
            self.encoder.tokenizer,
            own,
            [ids[line] for line in self.lines],
            tokens=[words[prompt.text] for prompt in own],
            cut=[(cut or {}).get(prompt.text) for prompt in own],
        )

    def given(self, prompts: Sequence[Prompt]) -> dict[str, list[int]]:
        """Text -> the token ids that the encoder was given for it."""
        ids = self.call.ids.tolist()
        pairs = zip(self.lines, self.rows, strict=True)
        return {prompts[row].text: ids[line] for line, row in pairs}

    def keep_states(self, writer: FeatureWriter, slots: Sequence[str]) -> None:
        """Keep every layer at every position, and note which prompts' states are not finite."""
        if not self.call.states:
            return
        weights = token_averages(self.located, slots, self.call.ids.shape[1])
        present = (weights.sum(dim=2) > 0).numpy()
        # Most of a batch may be foils, which have no slots.
        kept = {
            (index, position): np.flatnonzero(present[:, index])
            for index, position in enumerate((EOS, MEAN, *slots))
        }
        weights = weights.to(next(iter(self.call.states.values())).device)
        finite = np.ones(len(self.rows), dtype=bool)
        for layer, states in self.call.states.items():
            states = states if len(self.lines) == len(states) else states[self.lines.tolist()]
            values = _averaged(weights, states)
            for (index, position), own in kept.items():
                finite[own] &= np.isfinite(values[own, index]).all(axis=1)
                writer.put((self.encoder.name, layer, position), self.rows[own], values[own, index])
        self._set_finite(finite)

    def keep_pooled(self, writer: FeatureWriter) -> None:
        """Keep the pooled output of every prompt."""
        assert self.call.pooled is not None
        values = self.call.pooled.float().cpu().numpy()[self.lines]
        writer.put((self.encoder.name, POOLED, POOLED), self.rows, values)
        self._set_finite(np.isfinite(values).all(axis=1))

    def _set_finite(self, finite: np.ndarray) -> None:
        self.located = [
            own if sound or not own.located else replace(own, reading="not_finite", located=False)
            for own, sound in zip(self.located, finite, strict=True)
        ]


def _calls_of(
    encoder: TextEncoder,
    calls: Sequence[EncoderCall],
    batch: Sequence[str],
    rows_of: Mapping[str, Sequence[int]],
    model: str,
) -> list[_Held]:
    """What each of `calls` holds of the texts in `batch`, which they encode one after the other.

    Raises:
        ModelError: they are for another number of texts.
    """
    held, done = [], 0
    for call in calls:
        own = batch[done : done + len(call.ids)]
        done += len(call.ids)
        # A text that several prompts share was encoded once.
        picked = [(line, row) for line, text in enumerate(own) for row in rows_of[text]]
        if picked:
            lines, rows = (np.array(each, dtype=int) for each in zip(*picked, strict=True))
            held.append(_Held(encoder, call, lines, rows))
    if calls and done != len(batch):
        raise ModelError(
            f"{encoder.name} of {model!r} encoded {done} texts for {len(batch)} prompts; its "
            "states cannot be told apart."
        )
    return held


def _averaged(weights: torch.Tensor, states: torch.Tensor) -> np.ndarray:
    """The averages ``(b, p, d)`` of `states` ``(b, s, d)`` with `weights` ``(b, p, s)``."""
    # One product reads every position at once.
    values = (weights @ states.float()).cpu().numpy()
    if not np.isfinite(values).all():
        # Zero times infinity: what is not read, as padding, must not matter.
        unread = (weights.sum(dim=1) == 0).unsqueeze(-1)
        values = (weights @ states.float().masked_fill(unread, 0)).cpu().numpy()
    return values


def _tokenized(encoder: TextEncoder, texts: Sequence[str]) -> dict[str, TextTokens]:
    return dict(zip(texts, tokenize(encoder.tokenizer, texts), strict=True))


def _by_length(texts: Sequence[str], words: Mapping[str, Mapping[str, TextTokens]]) -> list[str]:
    """`texts` from the shortest to the longest in tokens, so that a batch's are much alike."""
    return sorted(texts, key=lambda text: sum(len(own[text].ids) for own in words.values()))
