"""The rows of one call of an encoder that hold prompts, and the features that are kept of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from t2i_audit.activations.text.hooks import EncoderCall
from t2i_audit.activations.text.positions import PromptTokens, locate_all, token_averages
from t2i_audit.activations.text.tokenizing import TextTokens
from t2i_audit.errors import ModelError
from t2i_audit.pipelines.text_encoders import TextEncoder
from t2i_audit.results.place import Position
from t2i_audit.run.features import FeatureWriter

if TYPE_CHECKING:
    import torch

    from prompts.structure import Prompt

EOS, MEAN, POOLED = "eos", "mean", "pooled"


@dataclass(eq=False)
class EncodedRows:
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
        """Locate the prompts; `cut` says of a text whether the encoder's window ends before it."""
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
        """Text -> the token ids that the encoder got for it."""
        ids = self.call.ids.tolist()
        pairs = zip(self.lines, self.rows, strict=True)
        return {prompts[row].text: ids[line] for line, row in pairs}

    def keep_states(self, writer: FeatureWriter, slots: Sequence[str]) -> None:
        """Keep every layer at every position, and mark the prompts whose states are not finite."""
        if not self.call.states:
            return
        weights = token_averages(self.located, slots, self.call.ids.shape[1])
        present = (weights.sum(dim=2) > 0).numpy()
        # Most of a batch may be foils, which have no slots.
        kept = {
            (index, position): np.flatnonzero(present[:, index])
            for index, position in enumerate((EOS, MEAN, *map(_position_of, slots)))
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


def encoded_rows(
    encoder: TextEncoder,
    calls: Sequence[EncoderCall],
    batch: Sequence[str],
    rows_of: Mapping[str, Sequence[int]],
    model: str,
) -> list[EncodedRows]:
    """The rows of `calls` that hold texts of `batch`, which they encode one after the other.

    Raises:
        ModelError: they encode another number of texts.
    """
    held, done = [], 0
    for call in calls:
        own = batch[done : done + len(call.ids)]
        done += len(call.ids)
        # A text that several prompts share was encoded once.
        picked = [(line, row) for line, text in enumerate(own) for row in rows_of[text]]
        if picked:
            lines, rows = (np.array(each, dtype=int) for each in zip(*picked, strict=True))
            held.append(EncodedRows(encoder, call, lines, rows))
    if calls and done != len(batch):
        raise ModelError(
            f"{encoder.name} of {model!r} encoded {done} texts for {len(batch)} prompts; its "
            "states cannot be assigned to prompts."
        )
    return held


def _position_of(slot: str) -> str:
    return str(Position.of_slot(slot))


def _averaged(weights: torch.Tensor, states: torch.Tensor) -> np.ndarray:
    """The averages ``(b, p, d)`` of `states` ``(b, s, d)`` with `weights` ``(b, p, s)``."""
    # One product reads every position at once.
    values = (weights @ states.float()).cpu().numpy()
    if not np.isfinite(values).all():
        # Zero times infinity is NaN: states that are not read, as of padding, must not matter.
        unread = (weights.sum(dim=1) == 0).unsqueeze(-1)
        values = (weights @ states.float().masked_fill(unread, 0)).cpu().numpy()
    return values
