"""The pipeline's own encoding of prompts, called with the arguments that its ``__call__`` uses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.pipelines.components import call_parameters, fixed_arguments, pipeline_parts
from t2i_audit.pipelines.workarounds import (
    quiet_libraries,
    tokenizing_in_one_thread,
    without_textual_inversion_search,
)

if TYPE_CHECKING:
    import torch

ENCODE_METHODS = ("encode_prompt", "_encode_prompt")  # some classes have only the older name
EMBEDDED = "prompt_embeds"  # the argument by which a call takes prompts that are encoded already
# Arguments of `encode_prompt` that override the defaults of `__call__`.
ENCODE_ARGUMENTS = {
    "num_images_per_prompt": 1,
    "do_classifier_free_guidance": False,
    "guidance_scale": 1.0,  # where it decides whether a negative prompt is encoded
}
# Arguments that depend on the texts.
SET_BY_CALL = ("prompt", "batch_size", "text_encoder_index")
ENCODER_INDICES = (0, 1)  # of pipelines that encode with one text encoder per call


@dataclass(frozen=True, eq=False)
class EncodeCall:
    """How the method that encodes prompts is called, in one pipeline or part of a pipeline."""

    pipeline: Any = field(repr=False)
    method: str
    """E.g. ``encode_prompt``."""
    arguments: Mapping[str, Any]
    """Those that are the same in every call."""
    takes_device: bool
    takes_batch_size: bool
    takes_encoder_index: bool
    """Whether it encodes with one text encoder per call, chosen by a number."""

    def device(self) -> torch.device | None:
        """Where the method computes; None where it is not asked for. Diffusers takes its time."""
        return self.pipeline._execution_device if self.takes_device else None

    def __call__(self, texts: Sequence[str], device: torch.device | None) -> list[torch.Tensor]:
        """The tensors that the method returns for `texts`, in order; `device` is from `device`."""
        import torch

        encode = getattr(self.pipeline, self.method)
        # A list of its own, because some pipelines write their template into the caller's.
        arguments = {**self.arguments, "prompt": list(texts)}
        if self.takes_device:
            arguments["device"] = device
        if self.takes_batch_size:
            arguments["batch_size"] = len(texts)
        with torch.no_grad():
            if self.takes_encoder_index:
                calls = ({**arguments, "text_encoder_index": index} for index in ENCODER_INDICES)
                returned: Any = [encode(**each) for each in calls]
            else:
                returned = encode(**arguments)
        return list(_tensors(returned))


def encode_calls(pipeline: Any) -> tuple[EncodeCall, ...]:
    """How the prompts of `pipeline` are encoded, as its ``__call__`` does it without guidance.

    Where the defaults of ``encode_prompt`` and of ``__call__`` differ, those of ``__call__`` hold,
    because generation uses them.

    Raises:
        ModelError: the pipeline has no ``encode_prompt``, or one with an unknown argument.
    """
    methods = encode_methods(pipeline)
    if not methods:
        raise ModelError(f"{type(pipeline).__name__} has no encode_prompt to be probed through.")
    return tuple(_encode_call(owner, method) for owner, method in methods)


def encode_methods(pipeline: Any) -> list[tuple[Any, str]]:
    """The pipelines that encode the prompts of `pipeline`, each with the name of its method.

    That is `pipeline` itself, or the first part of a combined pipeline that has such a method. The
    later parts are given what it returns; a part whose call takes no embedded prompts encodes them
    again.
    """
    found: list[tuple[Any, str]] = []
    own = any(hasattr(pipeline, name) for name in ENCODE_METHODS)
    for each in [pipeline] if own else pipeline_parts(pipeline).values():
        names = [name for name in ENCODE_METHODS if hasattr(each, name)]
        is_given_embeddings = found and EMBEDDED in call_parameters(each)
        if names and not is_given_embeddings:
            found.append((each, names[0]))
    return found


@contextmanager
def prompt_encoding(
    calls: Sequence[EncodeCall],
) -> Iterator[Callable[[Sequence[str]], list[torch.Tensor]]]:
    """Yield a function that encodes texts by `calls` and returns the tensors that they make.

    The libraries are quiet while the block runs.
    """

    devices = [call.device() for call in calls]

    def run(texts: Sequence[str]) -> list[torch.Tensor]:
        pairs = zip(calls, devices, strict=True)
        return [tensor for call, device in pairs for tensor in call(texts, device)]

    with ExitStack() as stack:
        stack.enter_context(quiet_libraries())
        for call in calls:
            stack.enter_context(without_textual_inversion_search(call.pipeline))
        stack.enter_context(tokenizing_in_one_thread())
        yield run


def encode_prompts(pipeline: Any, texts: Sequence[str]) -> list[torch.Tensor]:
    """The tensors that the pipeline's ``encode_prompt`` makes of `texts`; see `encode_calls`."""
    with prompt_encoding(encode_calls(pipeline)) as encode:
        return encode(texts)


def _encode_call(pipeline: Any, method: str) -> EncodeCall:
    called = call_parameters(pipeline)
    known = inspect.signature(getattr(pipeline, method)).parameters
    fixed = fixed_arguments(pipeline)
    arguments: dict[str, Any] = {}
    for name, parameter in known.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in fixed:
            arguments[name] = fixed[name]
        elif name in ENCODE_ARGUMENTS:
            arguments[name] = ENCODE_ARGUMENTS[name]
        elif name == "device":
            continue
        elif name in called and called[name].default is not parameter.empty:
            arguments[name] = called[name].default
        elif parameter.default is parameter.empty and name not in SET_BY_CALL:
            arguments[name] = _stand_in(pipeline, parameter)
    return EncodeCall(
        pipeline=pipeline,
        method=method,
        arguments=arguments,
        takes_device="device" in known,
        takes_batch_size="batch_size" in known,
        takes_encoder_index="text_encoder_index" in known,
    )


def _stand_in(pipeline: Any, parameter: inspect.Parameter) -> int:
    """The value of a required argument of ``encode_prompt`` that the call would work out itself.

    Whole numbers are sizes of the image, on which no text depends, so 0 stands for them.

    Raises:
        ModelError: the argument is something else.
    """
    if parameter.annotation in (int, "int"):
        return 0
    raise ModelError(
        f"encode_prompt of {type(pipeline).__name__} asks for {parameter.name!r}, which is not an "
        "argument of its call, so t2i-audit does not know how it encodes a prompt for an image; "
        "give another checkpoint."
    )


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
