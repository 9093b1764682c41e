"""Sequences of vectors in what a module is given or makes, and the search for a vector in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

PROBED = 8  # channels compared before the whole vector is
# A state may pass through a narrower number format on its way to the denoiser.
RELATIVE, ABSOLUTE = 1e-2, 1e-3


def find(vectors: torch.Tensor, sequences: torch.Tensor) -> torch.Tensor | None:
    """The position of each row's vector in its sequence, ``(r,)``; None if one is not there.

    Vectors that are not finite are nowhere.

    Args:
        vectors: ``(r, d)``.
        sequences: ``(r, s, D)`` with ``D >= d``; pipelines concatenate states of several layers or
            encoders, so the vector may be any `d` channels that start at a multiple of `d`, or the
            last; or they take turns channel by channel.
    """
    import torch

    width, whole = vectors.shape[-1], sequences.shape[-1]
    if whole < width or not sequences.shape[1]:
        return None
    vectors = vectors.to(sequences)
    near = ABSOLUTE * float(vectors.abs().max())
    if not math.isfinite(near):  # what a picture that came to nothing leaves
        return None
    turns = whole // width if whole % width == 0 else 1
    starts = dict.fromkeys([*range(0, whole - width + 1, width), whole - width])
    spans = [slice(start, start + width) for start in starts]
    spans += [slice(first, None, turns) for first in range(turns) if turns > 1]
    for span in spans:
        part = sequences[..., span]
        alike = torch.isclose(part[..., :PROBED], vectors[:, None, :PROBED], RELATIVE, near).all(
            dim=-1
        )
        if not bool(alike.any(dim=1).all()):
            continue
        positions = alike.int().argmax(dim=1)
        found = part[torch.arange(len(part), device=part.device), positions]
        if torch.isclose(found, vectors, RELATIVE, near).all():
            return positions.cpu()
    return None


def sequences_in(value: Any) -> list[Any]:
    """Everything in `value` that may hold sequences, in order.

    That is every floating tensor of two dimensions or more, and every list of matrices; nested
    lists, tuples and dictionaries are opened.
    """
    import torch

    if isinstance(value, torch.Tensor):
        return [value] if value.ndim >= 2 and value.is_floating_point() else []
    if isinstance(value, dict):
        return [each for item in value.values() for each in sequences_in(item)]
    if isinstance(value, list | tuple):
        # Z-Image's omni checkpoints are given a list for each prompt, its pictures to go by first.
        if value and all(isinstance(item, list | tuple) and len(item) == 1 for item in value):
            return sequences_in([item[0] for item in value])
        if value and all(isinstance(item, torch.Tensor) and item.ndim == 2 for item in value):
            return [value] if value[0].is_floating_point() else []
        return [each for item in value for each in sequences_in(item)]
    return []


def take(sequences: Any, rows: Sequence[int], *, tokens_first: bool = False) -> torch.Tensor | None:
    """`rows` of one of `sequences_in`, padded to ``(r, s, d)``; None if it has not those rows.

    A matrix holds the sequences of all rows one after the other, so each row gets all of it.
    """
    from torch.nn.utils.rnn import pad_sequence

    if tokens_first:
        if isinstance(sequences, list | tuple) or sequences.ndim != 3:
            return None
        sequences = sequences.transpose(0, 1)

    if isinstance(sequences, list | tuple):
        if len(sequences) <= max(rows) or len({item.shape[-1] for item in sequences}) > 1:
            return None
        return pad_sequence([sequences[row] for row in rows], batch_first=True)
    if sequences.ndim == 2:
        return sequences.expand(len(rows), *sequences.shape)
    if sequences.ndim > 3 or len(sequences) <= max(rows):
        return None
    return sequences[list(rows)]


def take_layers(
    sequences: Any, rows: Sequence[int], *, tokens_first: bool = False
) -> torch.Tensor | None:
    """As `take`, of ``(b, s, l, d)`` too: states of several layers ``(r, s, l * d)``."""
    if not isinstance(sequences, list | tuple) and sequences.ndim == 4:
        return sequences[list(rows)].flatten(2) if len(sequences) > max(rows) else None
    return take(sequences, rows, tokens_first=tokens_first)


def is_matrix(sequences: Any) -> bool:
    return not isinstance(sequences, list | tuple) and sequences.ndim == 2
