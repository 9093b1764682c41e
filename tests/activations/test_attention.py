"""Attention maps are those that a module's own processor attends by."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import (
    Attention,
    AttnProcessor2_0,
    HunyuanAttnProcessor2_0,
    LuminaAttnProcessor2_0,
    SlicedAttnProcessor,
)
from diffusers.models.embeddings import get_2d_rotary_pos_embed, get_2d_rotary_pos_embed_lumina

from t2i_audit.activations.denoiser.attention import CrossAttention

HEADS, WIDTH, TOKENS, SIDE = 2, 8, 5, 4


def attended(module: Any, arguments: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The map of the module's second row, as its output tells it and as `CrossAttention` does.

    Values are made one-hot, a channel a token, so each head puts out the very weights it attends
    with.
    """
    kept: list[torch.Tensor] = []
    values = module.to_v.register_forward_hook(
        lambda _, __, output: (
            torch.eye(TOKENS, WIDTH)
            .repeat(1, output.shape[-1] // WIDTH)
            .expand(len(output), -1, -1)
        )
    )
    out = module.to_out[0].register_forward_pre_hook(lambda _, args: kept.append(args[0]))
    attention = CrossAttention("attn2", module)
    hooks = list(attention.attach(lambda: True))
    with torch.no_grad():
        output = module(torch.randn(3, SIDE**2, HEADS * WIDTH), **arguments)
        taken = attention.take([1])
    for handle in (values, out, *hooks):
        handle.remove()
    # Lumina's leaves the output to the block, as (b, q, heads, d).
    states = kept[0] if kept else output.flatten(2)
    return states[[1]].unflatten(-1, (HEADS, WIDTH)).mean(dim=2)[..., :TOKENS], taken


def build(processor: Any, **changes: Any) -> Any:
    torch.manual_seed(0)
    settings = {"heads": HEADS, "dim_head": WIDTH, "query_dim": HEADS * WIDTH}
    return Attention(**settings, cross_attention_dim=16, processor=processor, **changes)


def arguments(**own: Any) -> dict[str, Any]:
    torch.manual_seed(1)
    return {"encoder_hidden_states": torch.randn(3, TOKENS, 16), **own}


MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
# Each turns the queries by their places in the image, and not the keys.
HUNYUAN = get_2d_rotary_pos_embed(WIDTH, ((0, 0), (SIDE, SIDE)), (SIDE, SIDE))
LUMINA = get_2d_rotary_pos_embed_lumina(WIDTH, SIDE, SIDE).flatten(0, 1)[None]


@pytest.mark.parametrize(
    ("module", "given"),
    [
        (build(AttnProcessor2_0()), arguments(attention_mask=(MASK - 1)[:, None] * 1e4)),
        (build(SlicedAttnProcessor(2)), arguments()),
        (
            build(HunyuanAttnProcessor2_0(), qk_norm="layer_norm"),
            arguments(image_rotary_emb=HUNYUAN),
        ),
        (
            build(LuminaAttnProcessor2_0(), kv_heads=1, qk_norm="layer_norm_across_heads"),
            arguments(query_rotary_emb=LUMINA, attention_mask=MASK.bool()),
        ),
    ],
    ids=["masked", "in slices", "rotated", "rotated with fewer heads of keys"],
)
def test_the_map_is_what_the_module_attends_with(module: Any, given: dict[str, Any]) -> None:
    expected, taken = attended(module, given)

    assert taken is not None
    torch.testing.assert_close(expected, taken)


def test_queries_turned_out_of_sight_give_no_map(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_hand(query: Any, key: Any, value: Any, **_: Any) -> torch.Tensor:
        return torch.softmax(query @ key.transpose(-1, -2), dim=-1) @ value

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", by_hand)
    _, taken = attended(build(HunyuanAttnProcessor2_0()), arguments(image_rotary_emb=HUNYUAN))

    assert taken is None


def test_a_module_that_fails_leaves_nothing_watching() -> None:
    module = build(AttnProcessor2_0())
    hooks = list(CrossAttention("attn2", module).attach(lambda: True))
    with pytest.raises(RuntimeError):
        module(torch.randn(1, 4, 3))
    for handle in hooks:
        handle.remove()

    assert not torch.overrides._get_current_function_mode_stack()
