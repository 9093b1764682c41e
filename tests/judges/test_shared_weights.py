"""A judge that has the weights of the audited model's text encoder is told by their contents."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import CLIPTextConfig, CLIPTextModel

from t2i_audit.judges.clip import ClipJudge
from t2i_audit.judges.oracle import OracleJudge
from t2i_audit.judges.shared_weights import encoders_shared_with
from t2i_audit.pipelines.text_encoders import text_encoders
from tests.tiny import tiny_open_clip, tiny_pipeline

WIDTH, LAYERS = 32, 2


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> ClipJudge:
    folder = tmp_path_factory.mktemp("judges") / "tiny"
    return ClipJudge.from_spec(
        f"clip:local-dir:{tiny_open_clip(folder, layers=LAYERS, width=WIDTH)}", device="cpu"
    )


@pytest.fixture
def pipeline(tmp_path: Path) -> object:
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(tiny_pipeline(tmp_path / "pipeline"))


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_an_encoder_converted_from_the_judge_is_recognised(
    judge: ClipJudge, pipeline: object, dtype: torch.dtype
) -> None:
    pipeline.text_encoder = converted(judge).to(dtype)  # type: ignore[attr-defined]

    assert encoders_shared_with(judge, text_encoders(pipeline)) == ("text_encoder",)


def test_another_encoder_shares_nothing(judge: ClipJudge, pipeline: object) -> None:
    assert encoders_shared_with(judge, text_encoders(pipeline)) == ()


def test_an_encoder_with_the_table_alone_shares_too_little(
    judge: ClipJudge, pipeline: object
) -> None:
    model = converted(judge)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if ".layers." in name:
                tensor.add_(0.05)
    pipeline.text_encoder = model  # type: ignore[attr-defined]

    assert encoders_shared_with(judge, text_encoders(pipeline)) == ()


def test_a_judge_without_a_network_shares_nothing(pipeline: object) -> None:
    assert encoders_shared_with(OracleJudge(), text_encoders(pipeline)) == ()
