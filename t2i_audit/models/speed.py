"""What makes a denoiser faster: compiled blocks, another attention, another layout in memory.

Each changes numbers by rounding. At the steps that are recorded, compiled blocks run uncompiled and
attention is torch's own (`t2i_audit.activations.denoiser.observable`), so that they can be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prompts.errors import first_line
from t2i_audit.errors import ModelError
from t2i_audit.pipelines.components import denoiser_name
from t2i_audit.pipelines.denoiser import is_unet
from t2i_audit.pipelines.workarounds import quiet_libraries

if TYPE_CHECKING:
    from t2i_audit.settings import Placement

BACKEND = "_attention_backend"  # of an attention processor that diffusers dispatches
FETCHED = "_hub"  # ends the names of backends whose code is fetched from the hub


def speed_up(pipeline: Any, placement: Placement) -> None:
    """Make the denoiser of `pipeline` as fast as `placement` says.

    Raises:
        ModelError: an option has no effect on it, or its attention is not installed.
    """
    name = denoiser_name(pipeline)
    denoiser: Any = None if name is None else pipeline.components[name]
    prepare(denoiser, placement)
    if placement.compile:
        if not getattr(denoiser, "_repeated_blocks", None):
            raise ModelError(
                f"diffusers does not say which blocks of {_kind(denoiser)} can be compiled; leave "
                "--compile out"
            )
        denoiser.compile_repeated_blocks()


def prepare(denoiser: Any, placement: Placement) -> None:
    """All of `speed_up` but the compilation, which a network that runs a few steps does not repay.

    Raises:
        ModelError: as `speed_up`.
    """
    if placement.channels_last:
        import torch

        if not is_unet(denoiser):
            raise ModelError(
                f"{_kind(denoiser)} has no feature maps to lay out anew; leave --channels-last out"
            )
        denoiser.to(memory_format=torch.channels_last)
    if placement.attention is not None:
        _set_attention(denoiser, placement.attention)


def _set_attention(denoiser: Any, name: str) -> None:
    """Have diffusers compute the attention of `denoiser` by its backend `name`."""
    from diffusers.models.attention_dispatch import AttentionBackendName
    from diffusers.models.attention_dispatch import _AttentionBackendRegistry as registry

    known = [each.value for each in AttentionBackendName if not each.value.endswith(FETCHED)]
    if name not in known:
        fetched = name in [each.value for each in AttentionBackendName]
        why = "fetches code from the hub and runs it" if fetched else "is not known to diffusers"
        raise ModelError(f"--attention {name} {why}; give one of {', '.join(known)}.")
    active = registry.get_active_backend()[0]
    try:
        with quiet_libraries():
            denoiser.set_attention_backend(name)
    except (AttributeError, ImportError, RuntimeError, ValueError) as error:
        raise ModelError(f"--attention {name} cannot be used ({first_line(error)})") from error
    finally:
        # It is set for the whole process as well, where other checkpoints may come later.
        registry.set_active_backend(active)
    processors = (getattr(module, "processor", None) for module in denoiser.modules())
    if not any(getattr(each, BACKEND, None) is not None for each in processors):
        raise ModelError(
            f"the attention of {_kind(denoiser)} is not computed by a backend that can be chosen; "
            "leave --attention out"
        )


def _kind(denoiser: Any) -> str:
    return type(denoiser).__name__
