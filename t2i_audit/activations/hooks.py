"""The hidden states of a pipeline's text encoders, kept while its own `encode_prompt` runs."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.models.quiet import quiet_libraries

if TYPE_CHECKING:
    import torch
    from torch import nn

NORM_NAMES = ("final_layer_norm", "norm", "final_layernorm", "ln_f", "ln_final")
POOLED_OUTPUTS = ("text_embeds", "pooler_output")
EMBEDDINGS = "embeddings"  # the layer before the first block
# Stacks of a vision tower can be as deep as the language model's.
OTHER_TOWERS = ("vision", "visual", "image", "audio")
# Pipelines made of two have the prompt encoded by the first, some under the older name.
PARTS = ("prior_pipe",)
ENCODE_METHODS = ("encode_prompt", "_encode_prompt")
# What `encode_prompt` is given apart from the values that `__call__` defaults to.
ENCODE_ARGUMENTS = {"num_images_per_prompt": 1, "do_classifier_free_guidance": False}
# What it is given with the texts.
SET_BY_CALL = ("prompt", "batch_size", "text_encoder_index")


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """One text encoder of a pipeline, with the places to hook."""

    name: str
    """The component's name, e.g. ``text_encoder_2``."""
    model: nn.Module
    tokenizer: Any
    tables: tuple[nn.Module, ...]
    """Token embeddings; whichever runs shows the token ids."""
    blocks: tuple[nn.Module, ...]
    norm: nn.Module | None
    """The norm after the last block, where there is one."""


@dataclass(eq=False)
class Call:
    """What one forward pass of an encoder computed."""

    ids: torch.Tensor
    """Token ids, ``(b, s)``, on the CPU."""
    states: dict[str, torch.Tensor] = field(default_factory=dict)
    """Layer name -> ``(b, s, d)``, on the encoder's device; in order of depth."""
    pooled: torch.Tensor | None = None
    """``(b, d)``; None for an encoder without."""


def text_encoders(pipeline: Any) -> tuple[TextEncoder, ...]:
    """Every text encoder of `pipeline` in the order of their names.

    Raises:
        ModelError: there is none, or the layers or the tokenizer of one cannot be told.
    """
    from transformers import PreTrainedModel

    found = []
    for name in sorted(pipeline.components):
        model = pipeline.components[name]
        if "text_encoder" in name and isinstance(model, PreTrainedModel):
            tables = _token_embeddings(model)
            if tables:
                stack_name, blocks = _stack(name, model)
                norm = _final_norm(model, stack_name)
                tokenizer = _tokenizer(pipeline, name)
                found.append(TextEncoder(name, model, tokenizer, tables, tuple(blocks), norm))
    if not found:
        raise ModelError(f"{type(pipeline).__name__} has no text encoder that can be probed.")
    return tuple(found)


def pipeline_parts(pipeline: Any) -> dict[str, Any]:
    """The pipelines that a combined one is made of and that encode its prompts, by attribute."""
    return {name: getattr(pipeline, name) for name in PARTS if hasattr(pipeline, name)}


@contextmanager
def recording(
    encoders: Sequence[TextEncoder], *, states: bool = True
) -> Iterator[dict[str, list[Call]]]:
    """Record every forward pass of `encoders` while the block runs: name -> calls in order.

    Args:
        encoders: from `text_encoders`.
        states: keep hidden states and pooled outputs, or the token ids alone.
    """
    calls: dict[str, list[Call]] = {encoder.name: [] for encoder in encoders}
    with ExitStack() as stack:
        for encoder in encoders:
            for handle in _attach(encoder, calls[encoder.name], states):
                stack.callback(handle.remove)
        yield calls


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
    import torch

    pipeline, encode = _encoding(pipeline)
    called = inspect.signature(type(pipeline).__call__).parameters
    known = inspect.signature(encode).parameters
    arguments: dict[str, Any] = {}
    for name, parameter in known.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in ENCODE_ARGUMENTS:
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

    with quiet_libraries(), _plain_words(pipeline), _tokenizing_in_one_thread():
        yield run


def _stand_in(pipeline: Any, parameter: inspect.Parameter) -> int:
    """What `encode_prompt` is given where it asks for something that the call would work out.

    Whole numbers are sizes of the picture, on which no text depends: of none.

    Raises:
        ModelError: it asks for something else.
    """
    if parameter.annotation in (int, "int"):
        return 0
    raise ModelError(
        f"encode_prompt of {type(pipeline).__name__} asks for {parameter.name!r}, which is not an "
        "argument of its call; how it encodes a prompt for a picture is not understood."
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


def first_tensor(output: Any) -> torch.Tensor:
    """The hidden state in a layer's output, bare or first of a tuple."""
    return output[0] if isinstance(output, tuple | list) else output


def token_ids(args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor:
    """The ids ``(b, s)`` that an embedding table is called with, on the CPU."""
    ids = args[0] if args else kwargs["input"]
    return ids.detach().reshape(-1, ids.shape[-1]).cpu()


def watch(
    encoder: TextEncoder,
    on_ids: Callable[[torch.Tensor], None],
    on_state: Callable[[str, torch.Tensor], None] | None,
) -> Iterator[Any]:
    """Hook the layers of `encoder`; yields the hooks' handles, to be removed.

    Args:
        encoder: from `text_encoders`.
        on_ids: told the token ids ``(b, s)`` when a pass begins.
        on_state: told each layer's name and its states ``(b, s, d)``, in order of depth.
    """
    embedded: list[torch.Tensor] = []
    tokens_first = False

    def see_ids(
        _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: torch.Tensor
    ) -> None:
        on_ids(token_ids(args, kwargs))
        embedded[:] = [output]

    for table in encoder.tables:
        yield table.register_forward_hook(see_ids, with_kwargs=True)
    if on_state is None:
        return
    tell = on_state

    def see_input(_: nn.Module, args: tuple[Any, ...]) -> None:
        nonlocal tokens_first
        tokens_first = _has_tokens_first(args[0], embedded[-1])
        see(EMBEDDINGS, args[0])

    def see(layer: str, state: torch.Tensor) -> None:
        state = state.detach()
        tell(layer, state.transpose(0, 1) if tokens_first else state)

    def see_output(layer: str) -> Callable[..., None]:
        return lambda _, __, output: see(layer, first_tensor(output))

    yield encoder.blocks[0].register_forward_pre_hook(see_input)
    for index, block in enumerate(encoder.blocks, start=1):
        yield block.register_forward_hook(see_output(f"block_{index}"))
    if encoder.norm is not None:
        yield encoder.norm.register_forward_hook(see_output("final_norm"))


def _attach(encoder: TextEncoder, calls: list[Call], states: bool) -> Iterator[Any]:
    def keep_state(layer: str, state: torch.Tensor) -> None:
        calls[-1].states[layer] = state

    def keep_pooled(_: nn.Module, __: Any, output: Any) -> None:
        for name in POOLED_OUTPUTS:
            pooled = getattr(output, name, None)
            if pooled is not None:
                calls[-1].pooled = pooled.detach()
                return

    yield from watch(encoder, lambda ids: calls.append(Call(ids)), keep_state if states else None)
    if states:
        yield encoder.model.register_forward_hook(keep_pooled)


def _has_tokens_first(state: torch.Tensor, embedded: torch.Tensor) -> bool:
    """Whether a stack is given ``(s, b, d)`` for the embedded tokens ``(b, s, d)``, as ChatGLM."""
    import torch

    rows, length = embedded.shape[:2]
    if state.shape[:2] != (length, rows):
        return False
    # As many rows as tokens: the values tell.
    return rows != length or torch.equal(state[:, 0].to(embedded), embedded[0])


def _token_embeddings(model: Any) -> tuple[nn.Module, ...]:
    """Embedding tables with one row a token of the vocabulary.

    Not `get_input_embeddings`: in T5 it names another module than the one that runs.
    """
    from torch import nn

    size = getattr(model.config.get_text_config(), "vocab_size", None)
    tables = {
        id(module): module
        for module in model.modules()
        if isinstance(module, nn.Embedding) and module.num_embeddings == size
    }
    return tuple(tables.values())


def _stack(name: str, model: Any) -> tuple[str, nn.ModuleList]:
    """The stack of layers: the outermost homogeneous list as long as the text model is deep."""
    from torch import nn

    config = model.config.get_text_config()
    depth = getattr(config, "num_hidden_layers", None) or getattr(config, "num_layers", None)
    lists = {path: m for path, m in model.named_modules() if isinstance(m, nn.ModuleList)}
    candidates = [
        (path, each)
        for path, each in lists.items()
        if len(each) == depth
        and len({type(layer) for layer in each}) == 1
        and not any(path.startswith(f"{outer}.") for outer in lists)
        and not any(tower in path for tower in OTHER_TOWERS)
    ]
    if len(candidates) != 1:
        raise ModelError(
            f"The layers of {name} ({type(model).__name__}) cannot be told: {len(candidates)} "
            f"stacks of depth {depth}."
        )
    return candidates[0]


def _final_norm(model: nn.Module, stack: str) -> nn.Module | None:
    """The norm that stands beside the stack; BERT-like encoders have none."""
    parent = model.get_submodule(stack.rpartition(".")[0])
    siblings = [parent]
    # CLIP keeps its norm one level above the encoder that holds the layers.
    if "." in stack:
        siblings.append(model.get_submodule(".".join(stack.split(".")[:-2])))
    for place in siblings:
        for name in NORM_NAMES:
            norm = getattr(place, name, None)
            if norm is not None:
                return norm
    return None


def _tokenizer(pipeline: Any, encoder: str) -> Any:
    from transformers import ProcessorMixin

    for name in (encoder.replace("text_encoder", "tokenizer"), "tokenizer", "processor"):
        tokenizer = pipeline.components.get(name)
        # Of a processor the tokenizer is a part; some tokenizers have a part of that name too.
        if isinstance(tokenizer, ProcessorMixin):
            return tokenizer.tokenizer
        if tokenizer is not None:
            return tokenizer
    raise ModelError(f"{type(pipeline).__name__} has no tokenizer for {encoder!r}.")


def _encoding(pipeline: Any) -> tuple[Any, Callable[..., Any]]:
    """The pipeline that encodes prompts, and its method; a combined pipeline's is one of its parts.

    Raises:
        ModelError: none does.
    """
    for each in (pipeline, *pipeline_parts(pipeline).values()):
        for name in ENCODE_METHODS:
            method = getattr(each, name, None)
            if method is not None:
                return each, method
    raise ModelError(f"{type(pipeline).__name__} has no encode_prompt to be probed through.")


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
