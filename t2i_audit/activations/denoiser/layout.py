"""Where a denoiser holds the image and each prompt's tokens: decided once, then only looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Conditional = Literal["all", "first", "middle", "last", "own call"]
"""Which part of a guided batch holds the prompts: of a call that has no other part ``all``; ``own
call`` where the unconditional part is computed in a call of its own."""
LocatedBy = Literal["declared", "search"]
CallKey = tuple[Any, ...]


@dataclass(frozen=True)
class StatesPlace:
    """Where one text encoder's token states are among the arguments of the denoiser."""

    argument: str
    length: int
    """Tokens of the sequence they are in."""
    shift: tuple[int, ...]
    """Position in that sequence minus position in the encoder's input: one number for each prompt,
    or a single one that holds for all."""
    layer: str
    """The encoder's layer that the states come from."""
    channels: slice
    """The channels of the sequence that hold the states."""


@dataclass(frozen=True)
class TokensPlace:
    """Where one encoder's tokens are in an argument or an output of a block."""

    sequence: str
    """Name of the argument, or index of the output."""
    length: int
    shift: tuple[int, ...]
    """As in `StatesPlace`."""
    tokens_first: bool = False
    """Whether the sequence is laid out as ``(tokens, batch, channels)``."""


@dataclass(frozen=True)
class ImagePlace:
    """Where the image is in an output of a block."""

    output: str
    size: tuple[int, int]
    """Height and width, in tokens or in cells of the feature map."""
    first: tuple[int, ...] | None = None
    """Position of the first image token, as `StatesPlace.shift`; None for a feature map."""
    length: int = 0
    """Tokens of the sequence it is in; 0 for a feature map."""
    tokens_first: bool = False

    @property
    def count(self) -> int:
        return self.size[0] * self.size[1]


@dataclass(frozen=True)
class CallPlaces:
    """Where everything is in one call of the denoiser."""

    part: int
    """Index of the part of the call's batch that holds the prompts."""
    parts: int
    """Parts of the call's batch, each as long as the batch of prompts."""
    states: Mapping[str, StatesPlace] = field(default_factory=dict)
    """By encoder."""
    image: Mapping[str, ImagePlace] = field(default_factory=dict)
    """By block."""
    text: Mapping[str, Mapping[str, TokensPlace]] = field(default_factory=dict)
    """By block and encoder, among the block's outputs."""
    keys: Mapping[str, Mapping[str, TokensPlace]] = field(default_factory=dict)
    """By block and encoder, among the block's arguments: what its cross-attention attends to."""

    @property
    def are_same_for_all(self) -> bool:
        """Whether everything is at the same place for every prompt."""
        numbers = [each.shift for each in self.states.values()]
        for blocks in (self.text, self.keys):
            numbers += [each.shift for block in blocks.values() for each in block.values()]
        numbers += [each.first for each in self.image.values() if each.first is not None]
        return all(len(set(each)) == 1 for each in numbers)

    @property
    def key(self) -> CallKey:
        """What calls have in common in which places that are the same for all prompts hold."""
        lengths = {place.argument: place.length for place in self.states.values()}
        return call_key(self.parts, lengths)

    def for_all(self) -> CallPlaces:
        """These places, the same for every prompt, for any number of prompts."""
        return replace(
            self,
            states={name: replace(p, shift=p.shift[:1]) for name, p in self.states.items()},
            image={
                block: replace(p, first=None if p.first is None else p.first[:1])
                for block, p in self.image.items()
            },
            text=_for_all(self.text),
            keys=_for_all(self.keys),
        )


def call_key(parts: int, lengths: Mapping[str, int]) -> CallKey:
    """See `CallPlaces.key`.

    Args:
        parts: of the call's batch.
        lengths: tokens of each argument that holds states of text encoders.
    """
    return parts, *sorted(lengths.items())


def _for_all(
    blocks: Mapping[str, Mapping[str, TokensPlace]],
) -> dict[str, dict[str, TokensPlace]]:
    return {
        block: {name: replace(each, shift=each.shift[:1]) for name, each in own.items()}
        for block, own in blocks.items()
    }


@dataclass(frozen=True)
class DenoiserLayout:
    """What is recorded of a denoiser, and where it lies."""

    component: str
    blocks: tuple[str, ...]
    conditional: Conditional | None
    """None where the conditional part is not located: then nothing can be recorded."""
    located_by: LocatedBy
    places: CallPlaces
    fixed: bool
    """Whether the places hold in every call with sequences of these lengths. Otherwise they depend
    on each prompt's own length and are searched for in every recorded call."""
    call: int = 0
    """Index of the call within a step that holds the prompts."""
    not_located: tuple[str, ...] = ()
    """What could not be located, in sentences."""

    def to_json(self) -> dict[str, Any]:
        """The layout as it stands in a run's manifest: the same for every call and batch."""
        places = self.places
        return {
            "component": self.component,
            "blocks": list(self.blocks),
            "conditional": self.conditional,
            "located_by": self.located_by,
            "searched_in": "one call" if self.fixed else "every recorded call",
            "text_arguments": {
                name: {"argument": each.argument, "shift": self._same(each.shift)}
                for name, each in sorted(places.states.items())
            },
            "image": {
                block: self._image(places.image[block]) if block in places.image else None
                for block in self.blocks
            },
            "text": {
                block: {
                    name: {"output": each.sequence, "shift": self._same(each.shift)}
                    for name, each in sorted(places.text[block].items())
                }
                for block in self.blocks
                if places.text.get(block)
            },
            "located": "no" if self.not_located else "yes",
            "not_located": list(self.not_located),
        }

    def _same(self, shift: Sequence[int]) -> int | None:
        """The one number for all prompts; None where each prompt has its own."""
        return shift[0] if self.fixed and len(set(shift)) == 1 else None

    def _image(self, place: ImagePlace) -> dict[str, Any]:
        first = None if place.first is None else self._same(place.first)
        # An image that ends its sequence is counted from there: texts may have any length.
        if first and place.first is not None and first + place.count == place.length:
            first = -place.count
        return {"output": place.output, "first": first, "size": list(place.size)}


def for_prompt(numbers: Sequence[int], index: int) -> int:
    """The number of prompt `index` of a `StatesPlace.shift` or `ImagePlace.first`."""
    return numbers[index] if len(numbers) > 1 else numbers[0]
