"""What is read of a block's output: the image on a grid and by attention, and the text's tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prompts.structure import slot_names
from t2i_audit.activations.denoiser.attention import (
    CrossAttention,
    attention_maps,
    key_averages,
)
from t2i_audit.activations.denoiser.inputs import outputs_of, take
from t2i_audit.activations.denoiser.layout import CallPlaces, for_prompt
from t2i_audit.activations.denoiser.prompt_states import PromptStates
from t2i_audit.activations.text.positions import PromptTokens, token_averages
from t2i_audit.errors import ModelError
from t2i_audit.results.place import Position, layer_text
from t2i_audit.run.features import Key

if TYPE_CHECKING:
    import torch

    from prompts.structure import Prompt

GRID = "grid"
GRID_SIDE = 2  # cells a side: two objects fall into different cells, whatever their relation


@dataclass(frozen=True, eq=False)
class RecordedCall:
    """The call of a denoiser that is read."""

    step: int
    places: CallPlaces
    rows: Sequence[int]
    """Of the call's batch, those of the prompts."""
    image: tuple[int, int] | None
    """Height and width of the image argument, or of the images where it is packed."""
    tokens: Mapping[str, Sequence[PromptTokens]] = field(default_factory=dict)
    """By text encoder where each prompt is in its input."""


class BlockReader:
    """Reads the outputs of a denoiser's blocks, of one batch of prompts.

    Args:
        component: the pipeline's name of the denoiser.
        denoiser: its class, for messages.
        attentions: the cross-attention modules of each block.
        prompts: ``r``.
        states: of the prompts; filled before the first block is read.
    """

    def __init__(
        self,
        component: str,
        denoiser: str,
        attentions: Mapping[str, Sequence[CrossAttention]],
        prompts: Sequence[Prompt],
        states: Mapping[str, PromptStates],
    ) -> None:
        self._name = component
        self._denoiser = denoiser
        self._attentions = attentions
        self._states = states
        self._slots = slot_names(prompts)
        self._averages: dict[tuple[Any, ...], torch.Tensor] = {}
        self._call: RecordedCall
        self.features: dict[Key, torch.Tensor] = {}
        """Component, layer and position -> ``(r, d)``."""
        self.unseen: set[str] = set()
        """Blocks whose cross-attention ran and could not be seen."""

    def read(self, call: RecordedCall, path: str, output: Any) -> None:
        """Read the `output` of the block `path` in `call`."""
        import torch
        from torch.nn import functional

        self._call = call
        layer = layer_text(path, self._call.step)
        with torch.no_grad():
            state = self._spatial(path, output)
            if state is not None:
                grid = functional.adaptive_avg_pool2d(state, GRID_SIDE).flatten(1)
                self.features[self._name, layer, GRID] = grid
                self._pool_by_attention(path, layer, state)
            self._keep_text(path, layer, output)

    def _pool_by_attention(self, path: str, layer: str, state: torch.Tensor) -> None:
        import torch

        height, width = state.shape[-2:]
        maps = attention_maps(
            self._attentions[path],
            rows=self._call.rows,
            image=self._call.image,
            averages=self._key_averages(path),
            size=(height, width),
        )
        if any(attention.is_hidden for attention in self._attentions[path]):
            self.unseen.add(path)
        if maps is None:
            return
        # (r, p, hw) x (r, hw, c): rows of NaN where a prompt lacks the slot.
        pooled = torch.bmm(maps, state.flatten(2).transpose(1, 2))
        for index, slot in enumerate(self._slots):
            self.features[self._name, layer, str(Position.of_slot(slot))] = pooled[:, index]

    def _key_averages(self, path: str) -> dict[int, torch.Tensor]:
        """Length -> averages of a block's keys over the words, for each text it is given."""
        import torch

        given = self._call.places.keys.get(path) or self._call.places.states
        by_length: dict[int, list[torch.Tensor]] = {}
        for name, place in given.items():
            key = (name, place.length, place.shift)
            if key not in self._averages:
                moved = self._moved(name, place.shift)
                self._averages[key] = key_averages(moved, self._slots, place.length)
            by_length.setdefault(place.length, []).append(self._averages[key])
        # The same words as several encoders see them: one after the other, or side by side.
        return {
            length: each[0] if len(each) == 1 else torch.stack(each).nanmean(dim=0)
            for length, each in by_length.items()
        }

    def _keep_text(self, path: str, layer: str, output: Any) -> None:
        """The states of the text tokens themselves, where the block hands them on."""
        import torch

        done: list[list[int]] = []
        for encoder, place in self._call.places.text.get(path, {}).items():
            tokens = self._moved(encoder, place.shift)
            ends = [each.last for each in tokens]
            # Encoders whose states are side by side share their tokens.
            if ends in done:
                continue
            done.append(ends)
            states = self._tokens(path, output, place.sequence, place.length, place.tokens_first)
            weights = token_averages(tokens, self._slots, states.shape[1])
            held = torch.tensor([each.located for each in tokens])
            missing = (weights.sum(dim=2) == 0) | ~held[:, None]
            values = weights.to(states.device) @ states.float()
            values[missing.to(states.device)] = torch.nan
            slots = (Position.of_slot(slot, tokens_of=encoder) for slot in self._slots)
            summaries = (Position(name, tokens_of=encoder) for name in ("eos", "mean"))
            for index, position in enumerate((*summaries, *slots)):
                if index or self._has_ends(encoder):
                    self.features[self._name, layer, str(position)] = values[:, index]

    def _has_ends(self, encoder: str) -> bool:
        """Whether the end tokens are among the states that the denoiser is given.

        Of some templates what follows the prompt is cut off.
        """
        place = self._call.places.states[encoder]
        return max(each.eos for each in self._moved(encoder, place.shift)) < place.length

    def _moved(self, encoder: str, shift: Sequence[int]) -> list[PromptTokens]:
        """The prompts' tokens in a sequence in which they are shifted."""
        tokens = self._states[encoder].tokens
        return [each.moved(for_prompt(shift, index)) for index, each in enumerate(tokens)]

    def _spatial(self, path: str, output: Any) -> torch.Tensor | None:
        """A block's image as float32 ``(r, c, h, w)``, the prompts' rows only."""
        import torch

        place = self._call.places.image.get(path)
        if place is None:
            return None
        if place.first is None:
            return outputs_of(output)[place.output][self._call.rows].float()
        tokens = self._tokens(path, output, place.output, place.length, place.tokens_first)
        first = torch.tensor([for_prompt(place.first, index) for index in range(len(tokens))])
        span = first[:, None] + torch.arange(place.count)
        picked = tokens[torch.arange(len(tokens))[:, None], span]
        return picked.float().transpose(1, 2).unflatten(2, place.size)

    def _tokens(
        self, path: str, output: Any, sequence: str, length: int, tokens_first: bool
    ) -> torch.Tensor:
        """The prompts' rows of a sequence in a block's output, ``(r, s, d)``."""
        held = outputs_of(output).get(sequence)
        taken = None if held is None else take(held, self._call.rows, tokens_first=tokens_first)
        if taken is None or taken.shape[1] != length:
            there = "nothing" if taken is None else f"{taken.shape[1]} tokens"
            raise ModelError(
                f"Output {sequence} of {path} in {self._denoiser} held {length} tokens "
                f"when it was traced and now holds {there}, so it cannot be recorded; give "
                "--no-denoiser-station"
            )
        return taken
