"""What some pipelines lack to be called with several prompts, or guided by one scale."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from t2i_audit.generation.options import guiders
from t2i_audit.pipelines.components import denoiser_name

if TYPE_CHECKING:
    from torch import nn

ENCODE = "encode_prompt"
ROWS, TIME = "hidden_states", "timestep"


@contextmanager
def calling(pipeline: Any, guidance_scale: float | None, count: int) -> Iterator[None]:
    """Have `pipeline` make `count` images at once, guided by `guidance_scale`, in the block."""
    with (
        _guided(pipeline, guidance_scale),
        _a_text_for_each(pipeline, count),
        _times_for_all_rows(pipeline),
    ):
        yield


@contextmanager
def _guided(pipeline: Any, guidance_scale: float | None) -> Iterator[None]:
    """Have the guiders of `pipeline` guide by `guidance_scale` while the block runs.

    They are left as they are where it is None or what the first of them has.
    """
    every = guiders(pipeline)
    own = [each.guidance_scale for each in every]
    if guidance_scale is None or guidance_scale in own[:1]:
        yield
        return
    try:
        for each in every:
            each.guidance_scale = guidance_scale
        yield
    finally:
        for each, scale in zip(every, own, strict=True):
            each.guidance_scale = scale


@contextmanager
def _a_text_for_each(pipeline: Any, count: int) -> Iterator[None]:
    """Have a text that the pipeline encodes once for `count` images encoded once for each.

    Some do so with an empty negative prompt, and cannot join the one with the many then.
    """
    encode = getattr(pipeline, ENCODE, None)
    if encode is None or count == 1:
        yield
        return

    @functools.wraps(encode)
    def encode_all(*args: Any, **kwargs: Any) -> Any:
        if isinstance(kwargs.get("prompt"), str):
            kwargs["prompt"] = [kwargs["prompt"]] * count
        return encode(*args, **kwargs)

    own = vars(pipeline).get(ENCODE)  # whoever put another in place of the class's gets it back
    setattr(pipeline, ENCODE, encode_all)
    try:
        yield
    finally:
        if own is None:
            delattr(pipeline, ENCODE)
        else:
            setattr(pipeline, ENCODE, own)


@contextmanager
def _times_for_all_rows(pipeline: Any) -> Iterator[None]:
    """Give the denoiser as many times as rows while the block runs, if they are all the same.

    PRX repeats a step's time for the two halves of a guided batch and not for each prompt in them,
    so with more than one its call would fail.
    """
    name = denoiser_name(pipeline)
    if name is None:
        yield
        return
    denoiser = pipeline.components[name]
    handle = denoiser.register_forward_pre_hook(_repeat_time, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def _repeat_time(
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
