"""What a block of the denoiser hands on, taken apart into vectors, and put together again.

A block hands on tensors that hold the image, some of them the text's tokens as well. Each is looked
at as sequences of vectors, of which parts are told apart: the four cells of the grid on which a
probe reads the image, and the tokens of each role in the prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.denoiser import GRID_SIDE
from t2i_audit.activations.denoiser.inputs import outputs_of
from t2i_audit.activations.denoiser.layout import ImagePlace, for_prompt
from t2i_audit.activations.denoiser.reader import RecordedCall
from t2i_audit.activations.text.positions import PromptTokens
from t2i_audit.errors import ModelError
from t2i_audit.interventions.roles import END, Role, word_roles

if TYPE_CHECKING:
    import torch

CELL = "cell"


@dataclass(frozen=True, order=True)
class Part:
    """Vectors of a block's outputs that share an eraser."""

    output: str
    """The tensor that holds them, by its name among the block's outputs."""
    encoder: str
    """Whose tokens they are; empty for the image."""
    role: Role
    """Of the image the group is ``cell``, and the index that of a cell of the grid, row by row."""


@dataclass(frozen=True, eq=False)
class HeldStates:
    """The vectors of `r` prompts in one tensor that a block hands on."""

    vectors: torch.Tensor
    """``(r, s, c)`` float32, a copy."""
    places: Mapping[Part, tuple[torch.Tensor, torch.Tensor]]
    """Rows and positions of the vectors of each part, two ``(m,)``."""

    def means(self, part: Part) -> torch.Tensor:
        """Each prompt's mean over the vectors of `part`, ``(r, c)``; NaN where it has none."""
        rows, positions = self.places[part]
        own = self.vectors[rows, positions]
        total = self.vectors.new_zeros(len(self.vectors), own.shape[1])
        total.index_add_(0, rows, own)
        count = rows.bincount(minlength=len(total)).to(total)[:, None]
        # Nothing divided by nothing is NaN.
        return total / count


def held_states(call: RecordedCall, path: str, output: Any) -> dict[str, HeldStates]:
    """What the block `path` hands on in its `output` of the prompts, by the name of the tensor.

    A down block of a UNet hands the image on several times: to the next block, and past all that
    lie between to the up blocks. Each is a tensor of its own, of its own size and channels.

    Raises:
        ModelError: the prompts are not in rows of their own.
    """
    every = outputs_of(output)
    image = call.places.image.get(path)
    names: dict[str, bool] = {}  # whether it is a feature map
    if image is not None:
        names = dict.fromkeys(_of_image(every, image), image.first is None)
    names |= {each.sequence: False for each in call.places.text.get(path, {}).values()}
    found = {}
    for name, is_map in names.items():
        vectors = _rows_of(call, path, every[name], name)[list(call.rows)]
        if is_map:
            size, first = (int(vectors.shape[2]), int(vectors.shape[3])), (0,)
            vectors = vectors.flatten(2).transpose(1, 2)
            places = dict(_cells(name, size, first, len(vectors)))
        else:
            places = {}
            if image is not None and image.output == name and image.first is not None:
                places |= dict(_cells(name, image.size, image.first, len(vectors)))
            for encoder, place in call.places.text.get(path, {}).items():
                if place.sequence == name:
                    places |= dict(_words(call, name, encoder, place.shift, vectors.shape[1]))
        device = vectors.device
        found[name] = HeldStates(
            vectors.float().clone(),
            {part: (rows.to(device), at.to(device)) for part, (rows, at) in places.items()},
        )
    return found


def with_states(
    call: RecordedCall, path: str, output: Any, vectors: Mapping[str, torch.Tensor]
) -> Any:
    """`output` with `vectors` in place of those that `held_states` gave; it stays as it is."""
    every = outputs_of(output)
    changed: dict[int, torch.Tensor] = {}
    for name, new in vectors.items():
        whole = every[name].clone()
        rows = _rows_of(call, path, whole, name)
        own = new if rows.ndim == 3 else new.transpose(1, 2).unflatten(2, rows.shape[2:])
        rows[list(call.rows)] = own.to(rows.dtype)
        changed[id(every[name])] = whole
    return _with(output, changed)


def _of_image(every: Mapping[str, Any], place: ImagePlace) -> list[str]:
    """The names of the tensors that hold the image; one of several names of the same tensor."""
    import torch

    main = every[place.output]
    if place.first is not None:
        return [place.output]
    maps = {
        id(each): name
        for name, each in reversed([*every.items()])
        if isinstance(each, torch.Tensor) and each.ndim == 4 and len(each) == len(main)
    }
    return sorted(maps.values())


def _rows_of(call: RecordedCall, path: str, held: Any, name: str) -> torch.Tensor:
    """A view of a tensor in which rows come first.

    Raises:
        ModelError: it has no such view.
    """
    image = call.places.image.get(path)
    places = [*call.places.text.get(path, {}).values()]
    tokens_first = any(each.tokens_first for each in places if each.sequence == name) or (
        image is not None and image.output == name and image.tokens_first
    )
    if isinstance(held, list | tuple) or held.ndim not in (3, 4):
        raise ModelError(
            f"What {path} of the denoiser holds cannot be changed, as it is not in a tensor with a "
            "row for each image."
        )
    tensor: torch.Tensor = held.transpose(0, 1) if tokens_first else held
    return tensor


def _cells(
    name: str, size: tuple[int, int], first: Sequence[int], rows: int
) -> Iterator[tuple[Part, tuple[torch.Tensor, torch.Tensor]]]:
    """The positions of each cell.

    One in the middle of an odd side, which the means of two cells share, is in the first of them.
    """
    import torch

    up, across = (torch.arange(length) * GRID_SIDE // length for length in size)
    cells = (up[:, None] * GRID_SIDE + across).flatten()
    starts = torch.tensor([for_prompt(first, row) for row in range(rows)])
    for cell in range(GRID_SIDE**2):
        positions = starts[:, None] + torch.nonzero(cells == cell).flatten()
        row = torch.arange(rows)[:, None].expand_as(positions)
        yield Part(name, "", Role(CELL, cell)), (row.flatten(), positions.flatten())


def _words(
    call: RecordedCall, name: str, encoder: str, shift: Sequence[int], length: int
) -> Iterator[tuple[Part, tuple[torch.Tensor, torch.Tensor]]]:
    """The positions of the prompts' tokens, by role."""
    import torch

    places: dict[Role, list[tuple[int, int]]] = {}
    for row, tokens in enumerate(call.tokens.get(encoder, ())):
        for position, role in _roles(tokens.moved(for_prompt(shift, row))):
            if 0 <= position < length:
                places.setdefault(role, []).append((row, position))
    for role, pairs in sorted(places.items()):
        rows, positions = torch.tensor(pairs).T
        yield Part(name, encoder, role), (rows, positions)


def _roles(tokens: PromptTokens) -> Iterator[tuple[int, Role]]:
    """The role of each token of a prompt, and of the end token."""
    yield from word_roles(tokens).items()
    if tokens.eos not in tokens.content:
        yield tokens.eos, Role(END)


def _with(output: Any, changed: Mapping[int, torch.Tensor]) -> Any:
    """`output` with other tensors in place of those whose ids are in `changed`."""
    if isinstance(output, Mapping):  # a `ModelOutput` is made of its fields
        return type(output)(**{name: _with(each, changed) for name, each in output.items()})
    if isinstance(output, list | tuple):
        return type(output)(_with(each, changed) for each in output)
    return changed.get(id(output), output)
