"""Removing padding before a text encoder runs, where no state that is read depends on it.

Pipelines pad every prompt to the encoder's window. A causal encoder's states up to the end token,
and those of an encoder that masks its padding, are the same without it. An experiment decides for
each encoder: a few prompts are encoded both ways, and every layer is compared. An encoder that
attends to its padding, as T5 does in SD3 and FLUX, keeps it, because there the padding is part of
the computation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.text.hooks import EncoderCall, recording
from t2i_audit.pipelines.text_encoders import TextEncoder

if TYPE_CHECKING:
    import torch
    from torch import nn

# Largest relative difference of a prompt's states that counts as rounding. Summing the same values
# in another order changes them by a few units in the last place per layer; attention to padding
# changes them by orders of magnitude more.
ROUNDING = {"float32": 2e-5, "float16": 1e-2, "bfloat16": 3e-2}


def cuttable(
    encoders: Sequence[TextEncoder], encode: Callable[[], object]
) -> tuple[TextEncoder, ...]:
    """Those of `encoders` whose states are the same without padding.

    Args:
        encoders: of one pipeline.
        encode: runs the pipeline's prompt encoding on a few short prompts, the same at each call.
    """
    with recording(encoders) as whole:
        encode()
    exact = []
    for encoder in encoders:
        # One at a time: pipelines join what their encoders return.
        with padding_cut([encoder]), recording([encoder]) as cut:
            encode()
        if _same(encoder, whole[encoder.name], cut[encoder.name]):
            exact.append(encoder)
    return tuple(exact)


@contextmanager
def padding_cut(encoders: Sequence[TextEncoder]) -> Iterator[None]:
    """While the block runs, `encoders` compute only as many tokens as each call's longest prompt.

    Their outputs are filled up with zeros to the length that the pipeline expects.
    """
    with ExitStack() as stack:
        for encoder in encoders:
            for handle in _attach(encoder):
                stack.callback(handle.remove)
        yield


def needed_length(ids: torch.Tensor, padding: frozenset[int]) -> int:
    """How many of the tokens ``(b, s)`` are needed: up to the first padding token, inclusive.

    All of them where a row does not end in a token of `padding`, or is padded on its left.
    """

    last = ids[:, -1:]
    if not set(last.flatten().tolist()) <= padding:
        return ids.shape[1]
    return min(int(_run_starts(ids).max()) + 1, ids.shape[1]) if len(ids) else ids.shape[1]


def _run_starts(ids: torch.Tensor) -> torch.Tensor:
    """``(b,)`` start of the run of equal tokens at the end of each row."""
    import torch

    places = torch.arange(1, ids.shape[1] + 1, device=ids.device)
    return ((ids != ids[:, -1:]) * places).amax(dim=1)


def _padding_ids(encoder: TextEncoder) -> frozenset[int]:
    names = ("pad_token_id", "eos_token_id")
    ids = {getattr(encoder.tokenizer, name, None) for name in names}
    return frozenset(each for each in ids if each is not None)


def _attach(encoder: TextEncoder) -> Iterator[Any]:
    padding = _padding_ids(encoder)
    lengths: list[tuple[int, int]] = []

    def shorten(
        _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        import torch

        given = [*args, *kwargs.values()]
        tensors = [each for each in given if isinstance(each, torch.Tensor)]
        ids = args[0] if args else kwargs.get("input_ids")
        lengths.clear()
        # With inputs of another shape, e.g. a mask of pairs, nothing is removed.
        if isinstance(ids, torch.Tensor) and all(each.shape == ids.shape for each in tensors):
            whole, length = ids.shape[1], needed_length(ids, padding)
            if length < whole:
                lengths.append((length, whole))
                args = tuple(_head(each, length) for each in args)
                kwargs = {name: _head(each, length) for name, each in kwargs.items()}
        return args, kwargs

    def fill(_: nn.Module, __: Any, output: Any) -> Any:
        return _filled(output, *lengths.pop()) if lengths else output

    yield encoder.model.register_forward_pre_hook(shorten, with_kwargs=True)
    yield encoder.model.register_forward_hook(fill)


def _head(value: Any, length: int) -> Any:
    import torch

    return value[:, :length] if isinstance(value, torch.Tensor) else value


def _filled(output: Any, length: int, whole: int) -> Any:
    """`output` with every sequence ``(b, length, d)`` filled up to ``(b, whole, d)``."""
    import torch
    from torch.nn import functional

    if isinstance(output, torch.Tensor):
        if output.ndim == 3 and output.shape[1] == length:
            return functional.pad(output, (0, 0, 0, whole - length))
        return output
    if isinstance(output, dict):  # a transformers `ModelOutput`
        for name, value in list(output.items()):
            output[name] = _filled(value, length, whole)
        return output
    if isinstance(output, tuple | list):
        return type(output)(_filled(each, length, whole) for each in output)
    return output


def _same(encoder: TextEncoder, whole: Sequence[EncoderCall], cut: Sequence[EncoderCall]) -> bool:
    import torch

    shortened = False
    if len(whole) != len(cut):
        return False
    for one, other in zip(whole, cut, strict=True):
        length = other.ids.shape[1]
        shortened = shortened or length < one.ids.shape[1]
        if not torch.equal(one.ids[:, :length], other.ids) or list(one.states) != list(
            other.states
        ):
            return False
        # Every token up to the first padding token, which may be the prompt's end token.
        first = _run_starts(one.ids)
        if encoder.tokenizer.eos_token_id not in one.ids[:, -1].tolist():
            first = first - 1
        read = torch.arange(length)[None] <= first[:, None]
        pairs = [(one.states[name][:, :length], other.states[name]) for name in one.states]
        if not all(_close(a, b, read.to(a.device)) for a, b in pairs):
            return False
        if one.pooled is not None and other.pooled is not None:
            pooled = one.pooled[:, None], other.pooled[:, None]
            if not _close(*pooled, torch.ones(len(one.ids), 1, device=one.pooled.device)):
                return False
    return shortened


def _close(one: torch.Tensor, other: torch.Tensor, read: torch.Tensor) -> bool:
    """Whether the states ``(b, s, d)`` of each row differ by rounding where ``read`` ``(b, s)``."""
    if one.shape != other.shape:
        return False
    tolerance = ROUNDING.get(str(one.dtype).removeprefix("torch."), ROUNDING["float32"])
    kept = read[..., None].to(one.device)
    a, b = one.float() * kept, other.float() * kept
    difference, size = (a - b).flatten(1).norm(dim=1), a.flatten(1).norm(dim=1)
    return bool((difference <= tolerance * size).all())
