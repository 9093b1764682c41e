"""What a denoiser is given: where the prompts' states are in it, and which rows hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.sequences import find, is_matrix, sequences_in, take, take_layers
from t2i_audit.activations.words import Words

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Found:
    """An encoder's states in what a denoiser is given."""

    length: int
    """Of the sequence they are in."""
    positions: torch.Tensor
    """``(r,)`` of the prompts' last tokens, on the CPU."""
    vectors: torch.Tensor
    """``(r, D)``, all channels at those positions."""


def words_in(
    values: Sequence[Any], words: dict[str, Words], rows: Sequence[int], batch: int
) -> tuple[list[int], dict[str, Found]]:
    """Where the recorded prompts' states are in a denoiser's arguments.

    Returns:
        The rows of the denoiser's batch that hold them, and for each encoder where; both empty if
        they are not there, as in an unconditional call or where the denoiser is given something
        else.
    """
    import torch

    inputs = [each for value in values for each in sequences_in(value) if not is_matrix(each)]
    sizes = sorted({len(each) for each in inputs if len(each) % batch == 0})
    starts = dict.fromkeys(start for size in sizes for start in range(0, size, batch))
    # Of four dimensions are pictures, and stacks with the layers first; sequences are tried before.
    for taking, start in product((take, take_layers), starts):
        own = [start + row for row in rows]
        found: dict[str, Found] = {}
        for held in (taking(each, own) for each in inputs):
            if held is None:
                continue
            for name, known in words.items():
                if name in found:
                    continue
                for states in known.last.values():
                    positions = find(states, held)
                    if positions is not None:
                        vectors = held[torch.arange(len(own)), positions]
                        found[name] = Found(held.shape[1], positions, vectors)
                        break
        if found:
            return own, found
    return [], {}


def packed_picture(
    sample: Any, rows: Sequence[int], texts: Sequence[Found]
) -> tuple[int, int] | None:
    """First token and number of tokens of the picture in a sample with a place left for the text.

    Such a sample ``(b, s, c)`` is as long as the text, and zero up to the picture.
    """
    if not texts or getattr(sample, "ndim", 0) != 3:
        return None
    length = sample.shape[1]
    filled = sample[list(rows)].ne(0).any(dim=-1)
    first = int(filled[0].int().argmax())
    ends = [int(held.positions.max()) for held in texts]
    alike = bool(filled[:, first:].all()) and not bool(filled[:, :first].any())
    if any(held.length != length for held in texts) or not alike or first <= max(ends):
        return None
    return first, length - first


def varied_offset(values: Sequence[Any], size: int, batch: int) -> int:
    """Where the conditional part of a batch of `size` starts, told from what varies over prompts.

    An unconditional part has the same text in every row. Where that does not tell, the last part.
    """
    import torch

    if batch > 1:
        for value in _tensors(values):
            if len(value) != size or value.ndim < 2 or not value.is_floating_point():
                continue
            parts = value.split(batch)
            same = [bool(torch.equal(part, part[:1].expand_as(part))) for part in parts]
            if same.count(False) == 1:
                return same.index(False) * batch
    return size - batch


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    import torch

    if isinstance(value, torch.Tensor):
        if value.ndim:
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
