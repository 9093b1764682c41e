"""What a denoiser is given: its arguments as sequences, and the prompts' states in them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.denoiser.layout import StatesPlace, for_prompt
from t2i_audit.activations.denoiser.prompt_states import PromptStates
from t2i_audit.activations.denoiser.search import (
    EXACT,
    distance_at,
    find_spans,
)

if TYPE_CHECKING:
    import torch

PATCH_SIDES = (1, 2, 4)  # of the transformers' patches, in latent pixels
PADDING = 32  # tokens; transformers that take images of several sizes pad to a multiple of it


def arguments_of(module: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call of `module` by name, in the order in which they were given."""
    try:
        names = list(inspect.signature(module.forward).parameters)
    except (TypeError, ValueError):
        names = []
    positional = {
        names[index] if index < len(names) else str(index): value
        for index, value in enumerate(args)
    }
    return {**positional, **kwargs}


def sequences_in(values: Mapping[str, Any]) -> dict[str, Any]:
    """Everything in `values` that may hold sequences of vectors, by name.

    That is every floating tensor of two dimensions or more, and every list of matrices. Lists,
    tuples and dictionaries are opened, and what is in them is called ``name.index``.
    """
    return {name: each for key, value in values.items() for name, each in _opened(key, value)}


def outputs_of(value: Any) -> dict[str, Any]:
    """The sequences in a module's output, by their index."""
    if isinstance(value, list | tuple):
        return sequences_in({str(index): each for index, each in enumerate(value)})
    if isinstance(value, Mapping):  # a `ModelOutput`
        return sequences_in({str(index): each for index, each in enumerate(value.values())})
    return sequences_in({"0": value})


def _opened(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    import torch

    if isinstance(value, torch.Tensor):
        if value.ndim >= 2 and value.is_floating_point():
            yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _opened(f"{name}.{key}", item)
    elif isinstance(value, list | tuple):
        # Z-Image Omni is given a list for each prompt, in which reference images come first.
        if value and all(isinstance(item, list | tuple) and len(item) == 1 for item in value):
            yield from _opened(name, [item[0] for item in value])
        elif value and all(isinstance(item, torch.Tensor) and item.ndim == 2 for item in value):
            if value[0].is_floating_point():
                yield name, value
        else:
            for index, item in enumerate(value):
                yield from _opened(f"{name}.{index}", item)


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


def is_list(sequences: Any) -> bool:
    return isinstance(sequences, list | tuple)


def find_states(
    arguments: Mapping[str, Any], states: Mapping[str, PromptStates], rows: Sequence[int]
) -> tuple[dict[str, StatesPlace], list[str]]:
    """Where each encoder's states of the prompts are in `rows` of a denoiser's arguments.

    Pipelines concatenate the states of several layers or encoders along the channels, so the
    states may be any run of channels that starts at a multiple of their width, or the last one, or
    every nth channel.

    Returns:
        The places by encoder, and the encoders whose states were near at several places.
    """
    found: dict[str, StatesPlace] = {}
    several: list[str] = []
    sequences = {
        name: each for name, each in sequences_in(arguments).items() if not is_matrix(each)
    }
    # Four dimensions are images, or stacks with the layers first; plain sequences come before.
    for taking in (take, take_layers):
        for (argument, each), (encoder, known) in product(sequences.items(), states.items()):
            held = None if encoder in found else taking(each, rows)
            if held is None:
                continue
            place, near = _nearest_layer(argument, known, held)
            if place is not None:
                found[encoder] = place
            elif near:
                several.append(encoder)
        if found:
            break
    return found, [encoder for encoder in dict.fromkeys(several) if encoder not in found]


def _nearest_layer(
    argument: str, known: PromptStates, held: torch.Tensor
) -> tuple[StatesPlace | None, bool]:
    """Where the states of one layer are in `held`, and whether some are near at several places.

    A residual stream changes little from layer to layer, so the nearest of all layers is taken.
    """
    best: StatesPlace | None = None
    farthest, near = math.inf, False
    for layer, spans in known.spans.items():
        for channels in runs_of_channels(spans.vectors.shape[-1], held.shape[-1]):
            match = find_spans(spans, held[..., channels])
            near = near or (match is not None and match.is_near)
            if match is not None and match.is_unique and match.distance < farthest:
                farthest = match.distance
                best = StatesPlace(argument, held.shape[1], match.shifts, layer, channels)
                if farthest <= EXACT:
                    return best, False
    return best, near


def runs_of_channels(width: int, whole: int) -> list[slice]:
    """The runs of channels of a sequence that states of `width` channels may be."""
    if whole < width:
        return []
    turns = whole // width if whole % width == 0 else 1
    starts = dict.fromkeys([*range(0, whole - width + 1, width), whole - width])
    runs = [slice(start, start + width, 1) for start in starts]
    return runs + [slice(first, None, turns) for first in range(turns) if turns > 1]


def holds_states(
    arguments: Mapping[str, Any],
    places: Mapping[str, StatesPlace],
    states: Mapping[str, PromptStates],
    rows: Sequence[int],
) -> float:
    """How far the prompts' states are from `places` at most, over all encoders; see `search`."""
    sequences = sequences_in(arguments)
    worst = 0.0
    for encoder, place in places.items():
        spans = states[encoder].spans.get(place.layer) if encoder in states else None
        if spans is None:
            continue
        held = take_layers(sequences[place.argument], rows) if place.argument in sequences else None
        if held is None or held.shape[1] != place.length:
            return 1.0
        if not bool(spans.finite.any()):
            continue
        shifts = [for_prompt(place.shift, index) for index in range(len(rows))]
        # One token of each prompt: the whole span was compared when the place was found.
        distance = distance_at(spans, held[..., place.channels], shifts, last=True)
        worst = max(worst, distance)
    return worst


def image_sizes(
    sample: Any, asked: tuple[int, int] | None
) -> tuple[tuple[int, int] | None, dict[int, tuple[int, int]]]:
    """Height and width of a denoiser's image argument, and the grids of tokens it may be cut into.

    Packed images ``(b, n, c)`` have no height and width of their own. They get the proportions of
    the image that was `asked` for, or are taken as square.

    Returns:
        Height and width of the argument (those `asked` for where it is packed), and height and
        width of the grid by its number of tokens.
    """
    if isinstance(sample, list | tuple):
        own = sample[0]
        height, width = (own[-1] if isinstance(own, list | tuple) else own).shape[-2:]
    elif sample.ndim == 3:
        return asked, packed_sizes(sample.shape[1], asked)
    elif sample.ndim == 5 and sample.shape[1] == 1:
        height, width = sample.shape[2:4]  # one frame, channels last
    else:
        height, width = sample.shape[-2:]
    sizes: dict[int, tuple[int, int]] = {}
    for side in PATCH_SIDES:
        size = -(-height // side), -(-width // side)
        length = size[0] * size[1]
        sizes.setdefault(length, size)
        if isinstance(sample, list | tuple):
            sizes.setdefault(-(-length // PADDING) * PADDING, size)
    return (int(height), int(width)), sizes


def packed_sizes(length: int, asked: tuple[int, int] | None) -> dict[int, tuple[int, int]]:
    from t2i_audit.activations.denoiser.attention import grid_shape

    size = grid_shape(length, asked) or grid_shape(length, None)
    return {} if size is None else {length: size}


def image_behind_text(
    sample: Any, rows: Sequence[int], ends: Sequence[int], lengths: Sequence[int]
) -> tuple[int, int] | None:
    """First token and number of tokens of the image in a sample that leaves room for the text.

    Such a sample ``(b, s, c)`` is as long as the text's sequence, and zero up to the image.

    Args:
        sample: the denoiser's image argument.
        rows: those of the prompts.
        ends: positions of the prompts' last tokens in the text's sequences.
        lengths: of those sequences.
    """
    if not ends or getattr(sample, "ndim", 0) != 3:
        return None
    length = sample.shape[1]
    filled = sample[list(rows)].ne(0).any(dim=-1)
    first = int(filled[0].int().argmax())
    alike = bool(filled[:, first:].all()) and not bool(filled[:, :first].any())
    if any(each != length for each in lengths) or not alike or first <= max(ends):
        return None
    return first, length - first


def lengths_of(arguments: Mapping[str, Any], places: Mapping[str, StatesPlace]) -> dict[str, int]:
    """Tokens of the arguments that hold the encoders' states; 0 of one that is not given."""
    sequences = sequences_in(arguments)
    lengths: dict[str, int] = {}
    for place in places.values():
        held = take_layers(sequences[place.argument], [0]) if place.argument in sequences else None
        lengths[place.argument] = 0 if held is None else int(held.shape[1])
    return lengths
