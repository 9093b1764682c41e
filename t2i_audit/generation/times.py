"""The time of a step for every row of a batch, where a pipeline gives it for some."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

DENOISERS = ("unet", "transformer")
ROWS, TIME = "hidden_states", "timestep"


@contextmanager
def times_for_all_rows(pipeline: Any) -> Iterator[None]:
    """Give the denoiser as many times as rows while the block runs, if they are all the same.

    PRX repeats a step's time for the two halves of a guided batch and not for each prompt in them,
    so with more than one its call would fail.
    """
    with ExitStack() as stack:
        for name in DENOISERS:
            denoiser = pipeline.components.get(name)
            if denoiser is not None:
                handle = denoiser.register_forward_pre_hook(_repeat, with_kwargs=True)
                stack.callback(handle.remove)
        yield


def _repeat(
    _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    import torch

    rows, time = kwargs.get(ROWS), kwargs.get(TIME)
    if not isinstance(rows, torch.Tensor) or not isinstance(time, torch.Tensor) or time.ndim != 1:
        return None
    # One time is spread by broadcasting, and differing ones are each some row's own.
    if len(time) in (1, len(rows)) or not bool((time == time[0]).all()):
        return None
    return args, {**kwargs, TIME: time[:1].expand(len(rows))}
