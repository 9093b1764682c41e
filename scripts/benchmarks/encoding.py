"""Encoding a suite with its foils, against `encode_prompt` one prompt at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scripts.benchmarks.line import Line, timed

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.models.loaded import LoadedModel

CLIP_L = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
WINDOW = 77


def encoding(rounds: int, limit: int) -> list[Line]:
    """All layers of all prompts and foils, of a built-in and of an encoder of CLIP-L's size."""
    from scripts.benchmarks.audit import load

    loaded, prompts = load(limit)
    small = with_foils(prompts)
    # One prompt at a time takes an encoder of this size a tenth of a second on a core.
    large = small[: max(8, limit // 2)]
    return [
        _line("built-in", loaded, small, rounds, ">= 10"),
        _line("random encoder of CLIP-L's size", clip_l(loaded), large, rounds, ">= 4"),
    ]


def with_foils(prompts: Sequence[Prompt]) -> list[Prompt]:
    """`prompts`, each followed by its foils, which have no constituents of their own."""
    return [
        each
        for prompt in prompts
        for each in (
            prompt,
            *(
                replace(prompt, id=f"{prompt.id}/{n}", text=foil.text, constituents=(), foils=())
                for n, foil in enumerate(prompt.foils)
            ),
        )
    ]


def clip_l(loaded: LoadedModel) -> LoadedModel:
    """`loaded` with a text encoder of random weights and of CLIP-L's size, 77 positions."""
    import copy

    import torch
    from transformers import CLIPTextConfig, CLIPTextModel

    pipeline = copy.copy(loaded.pipeline)
    tokenizer = copy.deepcopy(pipeline.tokenizer)
    tokenizer.model_max_length = WINDOW
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer), intermediate_size=4 * CLIP_L["hidden_size"],
        max_position_embeddings=WINDOW, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, **CLIP_L,
    )  # fmt: skip
    pipeline.text_encoder = CLIPTextModel(config).eval()
    pipeline.tokenizer = tokenizer
    return replace(loaded, pipeline=pipeline)


def _line(
    name: str, loaded: LoadedModel, prompts: Sequence[Prompt], rounds: int, goal: str
) -> Line:
    import torch

    from t2i_audit.activations.text.encode import encode_suite

    pipeline = loaded.pipeline

    def ours() -> object:
        return encode_suite(loaded, prompts)

    def plain() -> None:
        states: list[Any] = []

        def keep(_: Any, __: Any, output: Any) -> None:
            states.append(output[0] if isinstance(output, tuple) else output)

        handles = [
            layer.register_forward_hook(keep)
            for layer in getattr(
                pipeline.text_encoder, "text_model", pipeline.text_encoder
            ).encoder.layers
        ]
        with torch.no_grad():
            for prompt in prompts:
                pipeline.encode_prompt(prompt.text, loaded.device, 1, False)
        for handle in handles:
            handle.remove()

    ours()
    seconds, ratios = [], []
    for _ in range(rounds):
        seconds.append(timed(ours))
        ratios.append(timed(plain) / seconds[-1])
    texts = len({prompt.text for prompt in prompts})
    what = f"encode {len(prompts)} prompts and foils ({texts} texts), {name}: one by one over ours"
    return Line(what, tuple(seconds), tuple(ratios), goal)
