"""The text-encoder station: what every layer of every text encoder holds of a suite's prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from t2i_audit.activations.cutting import cuttable, padding_cut
from t2i_audit.activations.encoding import prompt_encoding
from t2i_audit.activations.hooks import Call, pooled_is_used, recording
from t2i_audit.activations.positions import (
    PromptTokens,
    TextTokens,
    locate_all,
    token_averages,
    tokenize,
)
from t2i_audit.activations.store import Features, FeatureWriter
from t2i_audit.activations.text_encoders import TextEncoder, text_encoders
from t2i_audit.errors import ModelError

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.models.load import LoadedModel

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

    @property
    def truncated(self) -> np.ndarray:
        """``(n,)`` bool: prompts that do not fit the window of at least one encoder."""
        flags = [[each.truncated for each in tokens] for tokens in self.tokens.values()]
        return np.logical_or.reduce(np.array(flags, dtype=bool), axis=0)


def encode_suite(
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    *,
    batch_size: int = BATCH_SIZE,
    folder: Path | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> EncodedSuite:
    """Run the pipeline's own prompt encoding over `prompts` and keep what its layers computed.

    Layers are ``embeddings`` (what enters the first block), ``block_1`` .. ``block_N``,
    ``final_norm``, and ``pooled`` where the pipeline uses the encoder's pooled output. Positions
    are ``eos``, ``mean`` (over the prompt's own tokens), each slot of the suite (mean over that
    constituent's tokens), and ``pooled`` for the layer of that name.

    A text that occurs twice is encoded once, texts of like length share a batch, and padding is
    cut off where nothing that is read depends on it (see `t2i_audit.activations.cutting`).

    Args:
        loaded: the model.
        prompts: the suite's `n` prompts; a prompt that is cut off keeps the slots before the cut.
        batch_size: prompts a forward pass.
        folder: where to keep the arrays, memory-mapped as float16; in memory, as float32, if None.
        on_batch: told the number of prompts after each batch.

    Raises:
        ModelError: the pipeline's encoders cannot be hooked, or did not get the prompts' text.
    """
    pipeline = loaded.pipeline
    encoders = text_encoders(pipeline)
    slots = tuple(dict.fromkeys(part.slot for p in prompts for part in p.constituents))
    writer = FeatureWriter("text_encoder", len(prompts), folder=folder)
    found: dict[str, dict[int, PromptTokens]] = {encoder.name: {} for encoder in encoders}
    uses_pooled: dict[str, bool] = {}
    rows_of: dict[str, list[int]] = {}
    for row, prompt in enumerate(prompts):
        rows_of.setdefault(prompt.text, []).append(row)
    words = {encoder.name: _tokenized(encoder, list(rows_of)) for encoder in encoders}
    texts = _by_length(list(rows_of), words)
    with prompt_encoding(pipeline) as encode:
        exact = cuttable(encoders, lambda: encode(texts[:TRIED]))
        for start in range(0, len(texts), batch_size):
            batch = texts[start : start + batch_size]
            with padding_cut(exact), recording(encoders) as calls:
                returned = encode(batch)
            for encoder in encoders:
                done = 0
                for call in calls[encoder.name]:
                    own = batch[done : done + len(call.ids)]
                    done += len(call.ids)
                    if not own:
                        continue
                    # A text that several prompts share was encoded once.
                    picked = [(line, row) for line, text in enumerate(own) for row in rows_of[text]]
                    lines, rows = (np.array(each, dtype=int) for each in zip(*picked, strict=True))
                    ids = call.ids.tolist()
                    with _named(encoder, loaded):
                        located = locate_all(
                            encoder.tokenizer,
                            [prompts[row] for row in rows],
                            [ids[line] for line in lines],
                            tokens=[words[encoder.name][own[line]] for line in lines],
                        )
                    found[encoder.name] |= dict(zip(rows.tolist(), located, strict=True))
                    _keep_states(writer, encoder, call, lines, rows, located, slots)
                    if call.pooled is not None:
                        if encoder.name not in uses_pooled:
                            uses_pooled[encoder.name] = pooled_is_used(call.pooled, returned)
                        if uses_pooled[encoder.name]:
                            values = call.pooled.float().cpu().numpy()[lines]
                            writer.put((encoder.name, POOLED, POOLED), rows, values)
                if calls[encoder.name] and done != len(batch):
                    raise ModelError(
                        f"{encoder.name} of {loaded.name!r} encoded {done} texts for {len(batch)} "
                        "prompts; its states cannot be told apart."
                    )
            if on_batch is not None:
                on_batch(sum(len(rows_of[text]) for text in batch))
    tokens = {name: [own[row] for row in sorted(own)] for name, own in found.items()}
    seen = {name: tuple(located) for name, located in tokens.items() if located}
    if not seen:
        raise ModelError(f"No text encoder of {loaded.name!r} runs in its encode_prompt.")
    return EncodedSuite(features=writer.close(), tokens=seen)


@contextmanager
def _named(encoder: TextEncoder, loaded: LoadedModel) -> Iterator[None]:
    """Name the encoder in errors that prompts are not found in it."""
    try:
        yield
    except ModelError as error:
        raise ModelError(
            f"{encoder.name} of {loaded.name!r} does not encode the prompts as they are, so their "
            f"words cannot be found in it: {error}"
        ) from error


def _tokenized(encoder: TextEncoder, texts: Sequence[str]) -> dict[str, TextTokens]:
    return dict(zip(texts, tokenize(encoder.tokenizer, texts), strict=True))


def _by_length(texts: Sequence[str], words: Mapping[str, Mapping[str, TextTokens]]) -> list[str]:
    """`texts` from the shortest to the longest in tokens, so that a batch's are much alike."""
    return sorted(texts, key=lambda text: sum(len(own[text].ids) for own in words.values()))


def _keep_states(
    writer: FeatureWriter,
    encoder: TextEncoder,
    call: Call,
    lines: np.ndarray,
    rows: np.ndarray,
    located: Sequence[PromptTokens],
    slots: Sequence[str],
) -> None:
    weights = token_averages(located, slots, call.ids.shape[1])
    present = (weights.sum(dim=2) > 0).numpy()
    # Most of a batch may be foils, which have no slots.
    kept = {
        (index, position): np.flatnonzero(present[:, index])
        for index, position in enumerate((EOS, MEAN, *slots))
    }
    weights = weights.to(next(iter(call.states.values())).device)
    for layer, states in call.states.items():
        states = states if len(lines) == len(states) else states[lines.tolist()]
        # One product reads every position at once: (b, p, s) x (b, s, d).
        values = (weights @ states.float()).cpu().numpy()
        for (index, position), own in kept.items():
            writer.put((encoder.name, layer, position), rows[own], values[own, index])
