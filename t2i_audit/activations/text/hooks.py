"""Recording the hidden states of text encoders while they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from t2i_audit.pipelines.text_encoders import TextEncoder

if TYPE_CHECKING:
    import torch
    from torch import nn

POOLED_OUTPUTS = ("text_embeds", "pooler_output")
EMBEDDINGS = "embeddings"  # the layer before the first block


@dataclass(eq=False)
class EncoderCall:
    """The states that one forward pass of an encoder computed."""

    ids: torch.Tensor
    """Token ids, ``(b, s)``, on the CPU."""
    states: dict[str, torch.Tensor] = field(default_factory=dict)
    """Layer name -> ``(b, s, d)``, on the encoder's device; in order of depth."""
    pooled: torch.Tensor | None = None
    """``(b, d)``; None for an encoder without."""


@contextmanager
def recording(
    encoders: Sequence[TextEncoder], *, states: bool = True
) -> Iterator[dict[str, list[EncoderCall]]]:
    """Record every forward pass of `encoders` while the block runs: name -> calls in order.

    Args:
        encoders: from `text_encoders`.
        states: keep hidden states and pooled outputs; if False, only the token ids.
    """
    calls: dict[str, list[EncoderCall]] = {encoder.name: [] for encoder in encoders}
    with ExitStack() as stack:
        for encoder in encoders:
            for handle in _attach(encoder, calls[encoder.name], states):
                stack.callback(handle.remove)
        yield calls


def watch(
    encoder: TextEncoder,
    on_ids: Callable[[torch.Tensor], None],
    on_state: Callable[[str, torch.Tensor], None] | None,
) -> Iterator[Any]:
    """Hook the layers of `encoder`; yields the hooks' handles, to be removed.

    Args:
        encoder: from `text_encoders`.
        on_ids: called with the token ids ``(b, s)`` when a pass begins.
        on_state: called with each layer's name and its states ``(b, s, d)``, in order of depth.
    """
    embedded: list[torch.Tensor] = []
    tokens_first = False

    def see_ids(
        _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: torch.Tensor
    ) -> None:
        on_ids(_token_ids(args, kwargs))
        embedded[:] = [output]

    for table in encoder.tables:
        yield table.register_forward_hook(see_ids, with_kwargs=True)
    if on_state is None:
        return
    receive = on_state

    def see_input(_: nn.Module, args: tuple[Any, ...]) -> None:
        nonlocal tokens_first
        tokens_first = _has_tokens_first(args[0], embedded[-1])
        see(EMBEDDINGS, args[0])

    def see(layer: str, state: torch.Tensor) -> None:
        state = state.detach()
        receive(layer, state.transpose(0, 1) if tokens_first else state)

    def see_output(layer: str) -> Callable[..., None]:
        return lambda _, __, output: see(layer, _first_tensor(output))

    yield encoder.blocks[0].register_forward_pre_hook(see_input)
    for index, block in enumerate(encoder.blocks, start=1):
        yield block.register_forward_hook(see_output(f"block_{index}"))
    if encoder.norm is not None:
        yield encoder.norm.register_forward_hook(see_output("final_norm"))


def pooled_is_used(pooled: torch.Tensor, returned: Sequence[torch.Tensor]) -> bool:
    """Whether the pipeline hands an encoder's pooled output ``(b, d)`` on to its denoiser.

    It does if some tensor that `encode_prompt` returns, ``(b, D)``, begins or ends with it:
    pipelines of two encoders concatenate their pooled outputs.
    """
    import torch

    rows, width = pooled.shape
    for tensor in returned:
        if tensor.shape[0] == rows and tensor.numel() == rows * tensor.shape[-1] >= pooled.numel():
            flat = tensor.reshape(rows, -1).to(pooled)
            if torch.equal(flat[:, :width], pooled) or torch.equal(flat[:, -width:], pooled):
                return True
    return False


def _attach(encoder: TextEncoder, calls: list[EncoderCall], states: bool) -> Iterator[Any]:
    def keep_state(layer: str, state: torch.Tensor) -> None:
        calls[-1].states[layer] = state

    def keep_pooled(_: nn.Module, __: Any, output: Any) -> None:
        pooled = _pooled(output)
        if pooled is not None:
            calls[-1].pooled = pooled.detach()

    yield from watch(
        encoder, lambda ids: calls.append(EncoderCall(ids)), keep_state if states else None
    )
    if states:
        yield encoder.model.register_forward_hook(keep_pooled)


def _pooled(output: Any) -> torch.Tensor | None:
    """One vector per text ``(b, d)`` of an encoder's output, which may be a tuple without names."""
    import torch

    named = (getattr(output, name, None) for name in POOLED_OUTPUTS)
    bare = output if isinstance(output, tuple) else ()
    matrices = (each for each in bare if isinstance(each, torch.Tensor) and each.ndim == 2)
    return next((each for each in (*named, *matrices) if each is not None), None)


def _has_tokens_first(state: torch.Tensor, embedded: torch.Tensor) -> bool:
    """Whether a stack gets the embedded tokens ``(b, s, d)`` as ``(s, b, d)``, like ChatGLM's."""
    import torch

    rows, length = embedded.shape[:2]
    if state.shape[:2] != (length, rows):
        return False
    # With as many rows as tokens only the values can decide.
    return rows != length or torch.equal(state[:, 0].to(embedded), embedded[0])


def _first_tensor(output: Any) -> torch.Tensor:
    """The hidden state in a layer's output, bare or first of a tuple."""
    return output[0] if isinstance(output, tuple | list) else output


def _token_ids(args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor:
    """The ids ``(b, s)`` that an embedding table is called with, on the CPU."""
    ids = args[0] if args else kwargs["input"]
    return ids.detach().reshape(-1, ids.shape[-1]).cpu()
