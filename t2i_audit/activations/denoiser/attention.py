"""Cross-attention maps from the queries and keys that a module attends with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.text.positions import PromptTokens

if TYPE_CHECKING:
    import torch
    from torch import nn

LARGEST_FACTOR = 64  # of the image's side over that of a block


class CrossAttention:
    """One cross-attention module of a block; keeps what it last attended with while wanted.

    Between a module's projections and its attention lie norms, rotations and repeated heads of its
    processor's own, so queries and keys are taken from torch's attention itself. Where a processor
    calls something else, as attention in slices does, they are made of the projections.
    """

    def __init__(self, path: str, module: Any) -> None:
        self.path = path
        self._module = module
        self._query: torch.Tensor | None = None
        self._key: torch.Tensor | None = None
        self._mask: torch.Tensor | None = None
        self._rotated = False
        self._attended: tuple[Any, ...] = ()
        self._ran = False
        self.is_hidden = False
        """Whether the last pass that was taken could not be seen."""

    def attach(self, wanted: Callable[[], bool]) -> Iterator[Any]:
        """Register the hooks; they do nothing unless ``wanted()``."""
        modes: list[Any] = []

        def begin(_: nn.Module, __: Any, kwargs: dict[str, Any]) -> None:
            if wanted():
                self._forget()
                self._ran = True
                self._mask = kwargs.get("attention_mask")
                self._rotated = any(
                    "rotary" in name and kwargs[name] is not None for name in kwargs
                )
                modes.append(_seeing_attention(self._keep_attended))
                modes[-1].__enter__()

        def end(*_: Any) -> None:
            if modes:
                modes.pop().__exit__(None, None, None)

        def keep_query(_: nn.Module, __: Any, output: torch.Tensor) -> None:
            if wanted():
                self._query = output

        def keep_key(_: nn.Module, __: Any, output: torch.Tensor) -> None:
            if wanted():
                self._key = output

        yield self._module.register_forward_pre_hook(begin, with_kwargs=True)
        yield self._module.register_forward_hook(end, always_call=True)
        yield self._module.to_q.register_forward_hook(keep_query)
        yield self._module.to_k.register_forward_hook(keep_key)

    def take(self, rows: Sequence[int]) -> torch.Tensor | None:
        """Attention of the last pass, mean over heads, ``(r, q, k)``.

        None if the module did not run, or turned its queries where they cannot be seen.
        """
        import torch

        scores = self._attended_scores(rows) if self._attended else self._projected_scores(rows)
        self.is_hidden = self._ran and scores is None
        self._forget()
        return None if scores is None else torch.softmax(scores, dim=-1).mean(dim=1)

    def _forget(self) -> None:
        self._query = self._key = self._mask = None
        self._rotated = self._ran = False
        self._attended = ()

    def _keep_attended(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        *_: Any,
        scale: float | None = None,
        **__: Any,
    ) -> None:
        # A second call is for what was added to the text, as images to go by.
        if not self._attended and query.ndim == 4:
            self._attended = query, key, attn_mask, scale
            self._query = self._key = None

    def _attended_scores(self, rows: Sequence[int]) -> torch.Tensor:
        """``(r, heads, q, k)`` before the softmax."""
        import torch

        query, key, mask, scale = self._attended
        every = (*query.shape[:-1], key.shape[-2])
        query, key = query[rows].float(), key[rows].float()
        key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
        scores = (
            query @ key.transpose(-1, -2) * (query.shape[-1] ** -0.5 if scale is None else scale)
        )
        if mask is None:
            return scores
        mask = mask.expand(every)[rows]
        if mask.dtype == torch.bool:
            return scores.masked_fill(~mask, -torch.inf)
        return scores + mask.float()

    def _projected_scores(self, rows: Sequence[int]) -> torch.Tensor | None:
        """The same, of what the module's projections made."""
        if self._query is None or self._key is None or self._rotated:
            return None
        query = self._split(self._query[rows], "norm_q")
        key = self._split(self._key[rows], "norm_k")
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        if self._mask is not None:
            # Masks are (b, 1, k) or (b, k), added to the scores.
            mask = self._mask[rows].reshape(len(rows), 1, -1, self._mask.shape[-1])
            scores = scores + mask.float()
        return scores

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


def _seeing_attention(see: Callable[..., None]) -> Any:
    """A context in which `see` gets the arguments of every call of torch's attention.

    Of this thread's alone: a judge may be at work in another.
    """
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode

    class Seeing(TorchFunctionMode):
        def __torch_function__(
            self,
            function: Callable[..., Any],
            types: Any,
            args: tuple[Any, ...] = (),
            kwargs: dict[str, Any] | None = None,
        ) -> Any:
            if function is functional.scaled_dot_product_attention:
                see(*args, **(kwargs or {}))
            return function(*args, **(kwargs or {}))

    return Seeing()


def attention_maps(
    attentions: Sequence[CrossAttention],
    *,
    rows: Sequence[int],
    image: tuple[int, ...] | None,
    averages: Mapping[int, torch.Tensor],
    size: tuple[int, int],
) -> torch.Tensor | None:
    """How each constituent's tokens are attended to over space, mean over the block's modules.

    Args:
        attentions: the block's modules, just run.
        rows: the batch rows wanted, ``r``.
        image: height and width of the denoiser's input, or of the image where that input comes
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
        shape = grid_shape(weights.shape[1], image)
        if shape is None:
            continue
        maps = (
            (weights @ averages[weights.shape[-1]].to(weights)).transpose(1, 2).unflatten(2, shape)
        )
        # A block's last layer may change the resolution; averaging keeps the mass where it was.
        maps = functional.adaptive_avg_pool2d(maps, size).flatten(2)
        total = maps if total is None else total + maps
    return None if total is None else total / total.sum(dim=-1, keepdim=True)


def grid_shape(length: int, image: tuple[int, ...] | None) -> tuple[int, int] | None:
    """Height and width of `length` tokens that cover the `image`, or a square, else None.

    Sides that a token's side does not divide are filled up by some denoisers and cut by others.
    """
    if image is None:
        side = round(length**0.5)
        return (side, side) if side * side == length else None
    for factor in range(1, LARGEST_FACTOR + 1):
        for filled in (factor - 1, 0):
            height, width = ((side + filled) // factor for side in image)
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
