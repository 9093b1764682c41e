"""The image in what a block hands on, as the means of a coarse grid's cells, and moved by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.denoiser import GRID_SIDE
from t2i_audit.activations.denoiser.inputs import outputs_of
from t2i_audit.activations.denoiser.layout import ImagePlace, for_prompt
from t2i_audit.errors import ModelError

if TYPE_CHECKING:
    import torch

CELLS = GRID_SIDE**2


def image_states(output: Any, place: ImagePlace, rows: Sequence[int]) -> dict[str, torch.Tensor]:
    """The images in `rows` of a block's `output`, by the name of that output, ``(r, c, h, w)``.

    A down block of a UNet hands the image on several times: to the next block, and to the up
    blocks past all that lie between. Each is a map of its own, of its own size and channels.

    Raises:
        ModelError: the image is not in a tensor of its own.
    """
    every = outputs_of(output)
    held = every[place.output]
    if place.first is None:
        maps = {id(each): name for name, each in reversed(every.items()) if _is_map(each, held)}
        return {name: every[name][list(rows)].float() for name in sorted(maps.values())}
    if isinstance(held, list | tuple) or held.ndim != 3:
        raise ModelError(
            "What a block of the denoiser holds cannot be changed: the images of a batch lie in "
            "one sequence or in a list"
        )
    tokens = held.transpose(0, 1) if place.tokens_first else held
    index = _tokens_of(place, rows)
    state = tokens[index].float().transpose(1, 2).unflatten(2, place.size)
    return {place.output: state}


def cell_means(state: torch.Tensor) -> torch.Tensor:
    """The means of the cells of the grid that a probe reads, ``(r, 4, c)``, of ``(r, c, h, w)``."""
    from torch.nn import functional

    return functional.adaptive_avg_pool2d(state, GRID_SIDE).flatten(2).transpose(1, 2)


def with_cells_moved(
    output: Any, place: ImagePlace, rows: Sequence[int], moves: Mapping[str, torch.Tensor]
) -> Any:
    """`output` with the cells of its images moved; `output` itself stays as it is.

    Every position of a cell is moved by the same vector. Where cells overlap, as those of images of
    odd sides do, the means are moved as wanted by the smallest change that does so.

    Args:
        output: of a block.
        place: of the image in it.
        rows: the `r` rows to change.
        moves: by output how much the mean of each cell moves, ``(r, 4, c)``.
    """
    every = outputs_of(output)
    changed: dict[int, torch.Tensor] = {}
    for name, move in moves.items():
        held = every[name]
        whole = held.clone()
        if place.first is None:
            own = whole[list(rows)].float() + _spread(move, (held.shape[2], held.shape[3]))
            whole[list(rows)] = own.to(held.dtype)
        else:
            tokens = whole.transpose(0, 1) if place.tokens_first else whole
            index = _tokens_of(place, rows)
            own = tokens[index].float() + _spread(move, place.size).flatten(2).transpose(1, 2)
            tokens[index] = own.to(held.dtype)
        changed[id(held)] = whole
    return _with(output, changed)


def _spread(move: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """What to add to every position, ``(r, c, h, w)``, so that the cells' means `move`."""
    import torch
    from torch.nn import functional

    def back(length: int) -> torch.Tensor:
        # Each row of the pooling's matrix is a cell; its pseudo-inverse leads back.
        every = torch.eye(length, device=move.device)
        return torch.linalg.pinv(functional.adaptive_avg_pool1d(every, GRID_SIDE).T)

    cells = move.transpose(1, 2).unflatten(2, (GRID_SIDE, GRID_SIDE))
    return torch.einsum("hi,rcij,wj->rchw", back(size[0]), cells, back(size[1]))


def _tokens_of(place: ImagePlace, rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """The index of the image tokens of `rows` in a sequence ``(b, s, c)``."""
    import torch

    assert place.first is not None
    first = torch.tensor([for_prompt(place.first, index) for index in range(len(rows))])
    return torch.tensor(list(rows))[:, None], first[:, None] + torch.arange(place.count)


def _is_map(value: Any, other: torch.Tensor) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.ndim == 4 and len(value) == len(other)


def _with(output: Any, changed: Mapping[int, torch.Tensor]) -> Any:
    """`output` with other tensors in place of those whose ids are in `changed`."""
    if isinstance(output, Mapping):
        # A `ModelOutput` is made of its fields.
        return type(output)(**{name: _with(each, changed) for name, each in output.items()})
    if isinstance(output, list | tuple):
        return type(output)(_with(each, changed) for each in output)
    return changed.get(id(output), output)
