"""A pipeline's text encoders: their layers and tokenizers, recognised by their structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.pipelines.components import ENCODER, TOKENIZER, tokenizer_name
from t2i_audit.pipelines.prompt_encoding import encode_methods

if TYPE_CHECKING:
    from torch import nn

NORM_NAMES = ("final_layer_norm", "norm", "final_layernorm", "ln_f", "ln_final")
# Stacks of a vision tower can be as deep as the language model's.
OTHER_TOWERS = ("vision", "visual", "image", "audio")


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """One text encoder of a pipeline, with the places to hook."""

    name: str
    """The component's name, e.g. ``text_encoder_2``."""
    model: nn.Module
    tokenizer: Any
    tables: tuple[nn.Module, ...]
    """Token embeddings; the one that runs is called with the token ids."""
    blocks: tuple[nn.Module, ...]
    norm: nn.Module | None
    """The norm after the last block; None for an encoder without."""


def text_encoders(pipeline: Any) -> tuple[TextEncoder, ...]:
    """Every text encoder that encodes the prompts of `pipeline`, sorted by name.

    Some combined pipelines carry an encoder twice and run one of the two.

    Raises:
        ModelError: there is none, or the layers or the tokenizer of one cannot be found.
    """
    from transformers import PreTrainedModel

    owners = [owner for owner, _ in encode_methods(pipeline)] or [pipeline]
    running = {id(each) for owner in owners for each in owner.components.values()}
    found = []
    for name in sorted(pipeline.components):
        model = pipeline.components[name]
        if ENCODER in name and isinstance(model, PreTrainedModel) and id(model) in running:
            tables = _token_embeddings(model)
            if tables:
                stack_name, blocks = _stack(name, model)
                norm = _final_norm(model, stack_name)
                tokenizer = _tokenizer(pipeline, name)
                found.append(TextEncoder(name, model, tokenizer, tables, tuple(blocks), norm))
    if not found:
        raise ModelError(f"{type(pipeline).__name__} has no text encoder that can be probed.")
    return tuple(found)


def _token_embeddings(model: Any) -> tuple[nn.Module, ...]:
    """Embedding tables with one row per token of the vocabulary.

    Not `get_input_embeddings`: for T5 it returns another module than the one that runs.
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
            f"The layers of {name} ({type(model).__name__}) cannot be found: it has "
            f"{len(candidates)} stacks of depth {depth}."
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

    for name in (tokenizer_name(encoder), TOKENIZER, "processor"):
        tokenizer = pipeline.components.get(name)
        # A processor contains its tokenizer; some tokenizers have an attribute of that name too.
        if isinstance(tokenizer, ProcessorMixin):
            return tokenizer.tokenizer
        if tokenizer is not None:
            return tokenizer
    raise ModelError(f"{type(pipeline).__name__} has no tokenizer for {encoder!r}.")
