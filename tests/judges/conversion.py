"""The text tower of an open_clip model under the names of transformers."""

from __future__ import annotations

from transformers import CLIPTextConfig, CLIPTextModel

from t2i_audit.judges.clip import ClipJudge

WIDTH, LAYERS = 32, 2  # of the tower; the width is what tests.tiny's denoiser attends to


def converted(judge: ClipJudge) -> CLIPTextModel:
    """The judge's text tower under the names of transformers, as Stable Diffusion has it."""
    weights = judge.model.state_dict()
    model = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408,
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=2,
            max_position_embeddings=77,
        )
    )
    own = model.state_dict()
    prefix = "text_model." if any(name.startswith("text_model.") for name in own) else ""
    renamed = {
        f"{prefix}embeddings.token_embedding.weight": weights["token_embedding.weight"],
        f"{prefix}embeddings.position_embedding.weight": weights["positional_embedding"],
        f"{prefix}final_layer_norm.weight": weights["ln_final.weight"],
        f"{prefix}final_layer_norm.bias": weights["ln_final.bias"],
    }
    for layer in range(LAYERS):
        theirs, ours = f"transformer.resblocks.{layer}.", f"{prefix}encoder.layers.{layer}."
        for end in ("weight", "bias"):
            parts = weights[f"{theirs}attn.in_proj_{end}"].chunk(3)
            for name, part in zip("qkv", parts, strict=True):
                renamed[f"{ours}self_attn.{name}_proj.{end}"] = part
            for old, new in (
                ("attn.out_proj", "self_attn.out_proj"),
                ("ln_1", "layer_norm1"),
                ("ln_2", "layer_norm2"),
                ("mlp.c_fc", "mlp.fc1"),
                ("mlp.c_proj", "mlp.fc2"),
            ):
                renamed[f"{ours}{new}.{end}"] = weights[f"{theirs}{old}.{end}"]
    missing, unexpected = model.load_state_dict(renamed, strict=False)
    assert not unexpected and not [name for name in missing if "position_ids" not in name]
    return model.eval()
