"""The pipeline's own encoding of prompts, as its call runs it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.models.quiet import quiet_libraries
from t2i_audit.pipelines.components import fixed_arguments, pipeline_parts

if TYPE_CHECKING:
    import torch

ENCODE_METHODS = ("encode_prompt", "_encode_prompt")  # some have it under the older name
EMBEDDED = "prompt_embeds"  # what the call of a pipeline takes that need not encode
# What `encode_prompt` is given apart from the values that `__call__` defaults to.
ENCODE_ARGUMENTS = {
    "num_images_per_prompt": 1,
    "do_classifier_free_guidance": False,
    "guidance_scale": 1.0,  # of those who tell from it whether to guide
}
# What it is given with the texts.
SET_BY_CALL = ("prompt", "batch_size", "text_encoder_index")


def encode_prompts(pipeline: Any, texts: Sequence[str]) -> list[torch.Tensor]:
    """What the pipeline's own `encode_prompt` makes of `texts`; see `prompt_encoding`."""
    with prompt_encoding(pipeline) as encode:
        return encode(texts)


@contextmanager
def prompt_encoding(pipeline: Any) -> Iterator[Callable[[Sequence[str]], list[torch.Tensor]]]:
    """The pipeline's own `encode_prompt` as its `__call__` runs it: texts -> the tensors it makes.

    What all calls share is settled once, and the libraries are quiet while the block runs.

    No negative prompt is encoded. Where the defaults of `encode_prompt` and of `__call__` differ,
    those of `__call__` hold: they are what generation uses.

    Raises:
        ModelError: the pipeline has no `encode_prompt`, or one that asks for what is not known.
    """
    methods = encode_methods(pipeline)
    if not methods:
        raise ModelError(f"{type(pipeline).__name__} has no encode_prompt to be probed through.")
    runs = [_encoding(owner, encode) for owner, encode in methods]

    def run(texts: Sequence[str]) -> list[torch.Tensor]:
        return [tensor for each in runs for tensor in each(texts)]

    with ExitStack() as stack:
        stack.enter_context(quiet_libraries())
        for owner, _ in methods:
            stack.enter_context(_plain_words(owner))
        stack.enter_context(_tokenizing_in_one_thread())
        yield run


def encode_methods(pipeline: Any) -> list[tuple[Any, Callable[..., Any]]]:
    """The pipelines that encode the prompts of `pipeline`, each with its method.

    That is `pipeline` itself, or of a combined one the first part that can. What it makes is handed
    to those after it; one whose call does not take that encodes the prompts again.
    """
    found: list[tuple[Any, Callable[..., Any]]] = []
    own = any(hasattr(pipeline, name) for name in ENCODE_METHODS)
    for each in [pipeline] if own else pipeline_parts(pipeline).values():
        methods = [getattr(each, name) for name in ENCODE_METHODS if hasattr(each, name)]
        given = found and EMBEDDED in inspect.signature(type(each).__call__).parameters
        if methods and not given:
            found.append((each, methods[0]))
    return found


def _encoding(
    pipeline: Any, encode: Callable[..., Any]
) -> Callable[[Sequence[str]], list[torch.Tensor]]:
    """The method `encode` of `pipeline` with the arguments that its `__call__` gives it."""
    import torch

    called = inspect.signature(type(pipeline).__call__).parameters
    known = inspect.signature(encode).parameters
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
            arguments[name] = pipeline._execution_device
        elif name in called and called[name].default is not parameter.empty:
            arguments[name] = called[name].default
        elif parameter.default is parameter.empty and name not in SET_BY_CALL:
            arguments[name] = _stand_in(pipeline, parameter)

    def run(texts: Sequence[str]) -> list[torch.Tensor]:
        # Some pipelines write their template into the caller's list.
        own = {**arguments, "prompt": list(texts)}
        if "batch_size" in known:
            own["batch_size"] = len(texts)
        with torch.no_grad():
            if "text_encoder_index" in known:
                indexed = ({**own, "text_encoder_index": index} for index in (0, 1))
                returned: Any = [encode(**each) for each in indexed]
            else:
                returned = encode(**own)
        return list(_tensors(returned))

    return run


def _stand_in(pipeline: Any, parameter: inspect.Parameter) -> int:
    """What `encode_prompt` is given where it asks for something that the call would work out.

    Whole numbers are sizes of the image, on which no text depends: of none.

    Raises:
        ModelError: it asks for something else.
    """
    if parameter.annotation in (int, "int"):
        return 0
    raise ModelError(
        f"encode_prompt of {type(pipeline).__name__} asks for {parameter.name!r}, which is not an "
        "argument of its call; how it encodes a prompt for an image is not understood."
    )


@contextmanager
def _tokenizing_in_one_thread() -> Iterator[None]:
    """Without threads of the tokenizers' own, which fight with torch's for the cores.

    A batch's words take a millisecond or two. What the user has set stays.
    """
    name = "TOKENIZERS_PARALLELISM"
    if name in os.environ:
        yield
        return
    os.environ[name] = "false"
    try:
        yield
    finally:
        del os.environ[name]


@contextmanager
def _plain_words(pipeline: Any) -> Iterator[None]:
    """Without the search of every prompt for words of textual inversion, where there are none.

    Diffusers cuts each prompt into tokens by itself to look for words of several vectors, which
    are added tokens ``word``, ``word_1`` and so on (`TextualInversionLoaderMixin`). A tokenizer
    without a ``word_1`` leaves every prompt as it is.
    """
    name = "maybe_convert_prompt"
    tokenizers = [each for part, each in pipeline.components.items() if "tokenizer" in part]
    added = {token for each in tokenizers for token in getattr(each, "added_tokens_encoder", {})}
    if not hasattr(pipeline, name) or any(f"{token}_1" in added for token in added):
        yield
        return
    setattr(pipeline, name, lambda prompt, tokenizer: prompt)
    try:
        yield
    finally:
        delattr(pipeline, name)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
