"""Cross-attention maps from the queries and keys a module computes, its processor untouched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.positions import PromptTokens

if TYPE_CHECKING:
    import torch
    from torch import nn

LARGEST_FACTOR = 64  # of the picture's side over a block's


class CrossAttention:
    """One cross-attention module of a block; keeps the last queries, keys and mask while wanted."""

    def __init__(self, path: str, module: Any) -> None:
        self.path = path
        self._module = module
        self._query: torch.Tensor | None = None
        self._key: torch.Tensor | None = None
        self._mask: torch.Tensor | None = None

    def attach(self, wanted: Callable[[], bool]) -> Iterator[Any]:
        """Register the hooks; they do nothing unless ``wanted()``."""

        def keep_mask(_: nn.Module, __: Any, kwargs: dict[str, Any]) -> None:
            if wanted():
                self._mask = kwargs.get("attention_mask")

        def keep_query(_: nn.Module, __: Any, output: torch.Tensor) -> None:
            if wanted():
                self._query = output

        def keep_key(_: nn.Module, __: Any, output: torch.Tensor) -> None:
            if wanted():
                self._key = output

        yield self._module.register_forward_pre_hook(keep_mask, with_kwargs=True)
        yield self._module.to_q.register_forward_hook(keep_query)
        yield self._module.to_k.register_forward_hook(keep_key)

    def take(self, rows: Sequence[int]) -> torch.Tensor | None:
        """Attention of the last pass, mean over heads, ``(r, q, k)``; None if it did not run."""
        import torch

        query, key, mask = self._query, self._key, self._mask
        self._query = self._key = self._mask = None
        if query is None or key is None:
            return None
        query = self._split(query[rows], "norm_q")
        key = self._split(key[rows], "norm_k")
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        if mask is not None:
            # Masks are (b, 1, k) or (b, k), added to the scores.
            scores = scores + mask[rows].reshape(len(rows), 1, -1, mask.shape[-1]).float()
        return torch.softmax(scores, dim=-1).mean(dim=1)

    def _split(self, states: torch.Tensor, norm_name: str) -> torch.Tensor:
        """``(r, length, d)`` as float32 ``(r, heads, length, d / heads)``, normed."""
        heads = self._module.heads
        norm = getattr(self._module, norm_name, None)
        # Some modules norm each head, some all heads together; the norm's width tells.
        together = norm is not None and norm.weight.shape[-1] == states.shape[-1]
        if norm is not None and together:
            states = norm(states)
        states = states.unflatten(-1, (heads, -1)).transpose(1, 2)
        if norm is not None and not together:
            states = norm(states)
        return states.float()


def attention_maps(
    attentions: Sequence[CrossAttention],
    *,
    rows: Sequence[int],
    picture: tuple[int, ...] | None,
    averages: Mapping[int, torch.Tensor],
    size: tuple[int, int],
) -> torch.Tensor | None:
    """How each constituent's tokens are attended to over space, mean over the block's modules.

    Args:
        attentions: the block's modules, just run.
        rows: the batch rows wanted, ``r``.
        picture: height and width of the denoiser's input, or of the picture where that input comes
            packed; None if it is square.
        averages: number of keys -> what `key_averages` makes of the words among them.
        size: height and width of the block's output, to which the maps are brought.

    Returns:
        ``(r, p, height * width)``, each map summing to 1, NaN where a prompt lacks the slot; None
        where the block has no cross-attention, or none whose keys are known tokens.
    """
    from torch.nn import functional

    total: torch.Tensor | None = None
    for attention in attentions:
        weights = attention.take(rows)
        if weights is None or weights.shape[-1] not in averages:
            continue
        shape = grid_shape(weights.shape[1], picture)
        if shape is None:
            continue
        maps = (
            (weights @ averages[weights.shape[-1]].to(weights)).transpose(1, 2).unflatten(2, shape)
        )
        # A block's last layer may change the resolution; averaging keeps the mass where it was.
        maps = functional.adaptive_avg_pool2d(maps, size).flatten(2)
        total = maps if total is None else total + maps
    return None if total is None else total / total.sum(dim=-1, keepdim=True)


def grid_shape(length: int, picture: tuple[int, ...] | None) -> tuple[int, int] | None:
    """Height and width of `length` tokens that cover the `picture`, or a square, else None.

    Sides that a token's side does not divide are filled up by some denoisers and cut by others.
    """
    if picture is None:
        side = round(length**0.5)
        return (side, side) if side * side == length else None
    for factor in range(1, LARGEST_FACTOR + 1):
        for filled in (factor - 1, 0):
            height, width = ((side + filled) // factor for side in picture)
            if height * width == length:
                return height, width
    return None


def key_averages(tokens: Sequence[PromptTokens], slots: Sequence[str], length: int) -> torch.Tensor:
    """``(r, k, p)``: averages the keys over each slot's tokens; NaN where a prompt lacks it."""
    import torch

    averages = torch.zeros(len(tokens), length, len(slots))
    for row, located in enumerate(tokens):
        for index, slot in enumerate(slots):
            own = located.slots.get(slot)
            if own:
                averages[row, list(own), index] = 1 / len(own)
            else:
                averages[row, :, index] = torch.nan
    return averages
