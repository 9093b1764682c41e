"""Where a probe reads: a component, its layer, the sampling step, and a position in that layer.

This module alone turns places into the texts of the tables and reads them back. In the tables a
layer is ``block_3`` or ``mid_block@step_0``, and a position is

- the name of a summary position (``eos``, ``pooled``, ``mean``, ``grid``);
- the name of a slot, where the probe reads the states of that slot's words or region;
- either of them with ``@text_encoder``, inside a denoiser that carries the text tokens along: the
  tokens are those of that text encoder.

A slot whose name could be taken for something else is quoted as a JSON string: ``"eos"``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

SUMMARY_POSITIONS = frozenset({"eos", "pooled", "mean", "grid"})
"""Positions that belong to no word: the end token, the pooled output, the mean over the tokens, and
the image averaged to a coarse grid."""
STEP_MARK = "@step_"
TOKENS_MARK = "@"
QUOTE = '"'


@dataclass(frozen=True)
class Position:
    """A position in a layer: a summary position, or the words (or the region) of a slot."""

    name: str
    """One of `SUMMARY_POSITIONS`, or the slot."""
    is_slot: bool = False
    """Whether `name` is a slot; a slot may have the name of a summary position."""
    tokens_of: str | None = None
    """Inside a denoiser, the text encoder whose tokens are read; None for the image."""

    @classmethod
    def of_slot(cls, slot: str, *, tokens_of: str | None = None) -> Position:
        """The position of the words or the region of `slot`."""
        return cls(slot, True, tokens_of)

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read what `str` made of a position.

        Raises:
            ValueError: `text` is no position.
        """
        if text.startswith(QUOTE):
            name, end = json.JSONDecoder().raw_decode(text)
            rest, is_slot = text[end:], True
        else:
            name, mark, encoder = text.partition(TOKENS_MARK)
            rest, is_slot = mark + encoder, name not in SUMMARY_POSITIONS
        if rest and not (rest.startswith(TOKENS_MARK) and len(rest) > 1):
            raise ValueError(f"{text!r} is no position")
        return cls(name, is_slot, rest.removeprefix(TOKENS_MARK) or None)

    def __str__(self) -> str:
        """The text of the column ``position``."""
        name = _slot_text(self.name) if self.is_slot else self.name
        return name if self.tokens_of is None else f"{name}{TOKENS_MARK}{self.tokens_of}"


@dataclass(frozen=True)
class Place:
    """Where a probe reads.

    >>> import t2i_audit as t2i
    >>> place = t2i.Place.parse("unet", "mid_block@step_0", "object_1.colour")
    >>> place.layer, place.step, place.position.is_slot
    ('mid_block', 0, True)
    >>> str(place)
    'unet/mid_block@step_0/object_1.colour'
    """

    encoder: str
    """Component of the pipeline: a text encoder or the denoiser."""
    layer: str
    """``embeddings``, ``block_3``, ``final_norm``, ``pooled``, or a module's path."""
    step: int | None
    """Index of the sampling step from 0; None in a text encoder, which runs once."""
    position: Position

    @classmethod
    def parse(cls, encoder: str, layer: str, position: str) -> Place:
        """Read the columns ``encoder``, ``layer`` and ``position`` of a table.

        Raises:
            ValueError: `position` is no position.
        """
        name, mark, step = layer.rpartition(STEP_MARK)
        if mark and step.isdecimal():
            return cls(encoder, name, int(step), Position.parse(position))
        return cls(encoder, layer, None, Position.parse(position))

    def to_row(self) -> dict[str, str]:
        """The columns ``encoder``, ``layer`` and ``position`` of a table."""
        return {
            "encoder": self.encoder,
            "layer": layer_text(self.layer, self.step),
            "position": str(self.position),
        }

    def __str__(self) -> str:
        return "/".join(self.to_row().values())


def layer_text(layer: str, step: int | None) -> str:
    """The text of the column ``layer``: ``block_3``, or ``mid_block@step_0`` of a denoiser."""
    return layer if step is None else f"{layer}{STEP_MARK}{step}"


def _slot_text(slot: str) -> str:
    is_plain = slot not in SUMMARY_POSITIONS and TOKENS_MARK not in slot
    if is_plain and slot and not slot.startswith(QUOTE):
        return slot
    return json.dumps(slot, ensure_ascii=False)
