"""A denoiser run so that hooks see it: uncompiled, with an attention that torch computes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

BACKEND = "_attention_backend"  # of an attention processor; None follows the process's backend


@contextmanager
def observable(denoiser: nn.Module, *, compiled: bool, attention: bool) -> Iterator[None]:
    """Run `denoiser` observably while the block runs, and leave it as it was.

    Compiled code does not run the hooks that were registered after it was compiled, and attention
    kernels other than torch's own cannot be looked into.

    Args:
        denoiser: the module, not what ``torch.compile`` made of it.
        compiled: whether it or a part of it is compiled.
        attention: whether its attention is to be seen.
    """
    with ExitStack() as stack:
        if compiled:
            import torch

            stack.enter_context(torch.compiler.set_stance("force_eager"))
        if attention:
            stack.enter_context(_native_attention(denoiser))
        yield


def is_compiled(component: Any) -> bool:
    """Whether ``torch.compile`` made `component`, or it or a part of it was compiled in place."""
    return hasattr(component, "_orig_mod") or any(
        getattr(module, "_compiled_call_impl", None) is not None for module in component.modules()
    )


@contextmanager
def _native_attention(denoiser: nn.Module) -> Iterator[None]:
    try:
        from diffusers.models.attention_dispatch import AttentionBackendName, attention_backend
        from diffusers.models.attention_dispatch import _AttentionBackendRegistry as registry
    except ImportError:  # an older diffusers, whose attention is always torch's
        yield
        return
    changed: list[tuple[Any, Any]] = []
    with ExitStack() as stack:
        if not _is_native(registry.get_active_backend()[0]):
            stack.enter_context(attention_backend(AttentionBackendName.NATIVE))
        try:
            for processor in _processors(denoiser):
                backend = getattr(processor, BACKEND, None)
                if backend is not None and not _is_native(backend):
                    changed.append((processor, backend))
                    setattr(processor, BACKEND, AttentionBackendName.NATIVE)
            yield
        finally:
            for processor, backend in changed:
                setattr(processor, BACKEND, backend)


def _is_native(backend: Any) -> bool:
    # Variants such as ``_native_flash`` are kernels that torch's own function is restricted to.
    return "native" in str(getattr(backend, "value", backend))


def _processors(denoiser: nn.Module) -> Sequence[Any]:
    every = (getattr(module, "processor", None) for module in denoiser.modules())
    return list({id(each): each for each in every if each is not None}.values())
