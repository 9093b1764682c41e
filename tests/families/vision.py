"""Checkpoints whose text encoder is a language model that sees images as well."""

from __future__ import annotations

from typing import Any

from tests.families import text
from tests.families.parts import Family, flat_vae, flow


def qwen_3_vision(
    kind: str = "Qwen3VLForConditionalGeneration", *, width: int = 16, depth: int = 2
) -> tuple[Any, Any]:
    """A Qwen 3 VL model of the class `kind` and its tokenizer."""
    import transformers

    tokenizer = text.qwen_tokenizer()
    tokens = {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(token)
        for name, token in {
            "image": "<|image_pad|>", "video": "<|video_pad|>",
            "vision_start": "<|im_start|>", "vision_end": "<|im_end|>",
        }.items()
    }  # fmt: skip
    config = transformers.Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer), "hidden_size": width, "intermediate_size": 16,
            "num_hidden_layers": depth, "num_attention_heads": 2, "num_key_value_heads": 2,
            "head_dim": 8, "pad_token_id": tokenizer.pad_token_id,
            "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default"},
        },
        vision_config={
            "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2,
            "out_hidden_size": width, "deepstack_visual_indexes": [0],
        },
        **tokens,
    )  # fmt: skip
    return getattr(transformers, kind)(config).eval(), tokenizer


def qwen_3_processor(tokenizer: Any) -> Any:
    from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

    return Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(), tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(), chat_template=tokenizer.chat_template,
    )  # fmt: skip


def qwen_vae() -> Any:
    from diffusers import AutoencoderKLQwenImage

    return AutoencoderKLQwenImage(
        base_dim=24, z_dim=4, dim_mult=[1, 2, 4], num_res_blocks=1,
        temperal_downsample=[False, True], latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
    )  # fmt: skip


def open_gates(denoiser: Any) -> Any:
    """Draw what a class leaves at zero, behind which no block would change the image.

    And the experts' matrices, which a class leaves as memory was.
    """
    import torch

    for name, parameter in denoiser.named_parameters():
        if "experts" in name or not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return denoiser


def krea_2() -> dict[str, Any]:
    from diffusers import Krea2Transformer2DModel

    encoder, tokenizer = qwen_3_vision("Qwen3VLModel", depth=3)
    return {
        "transformer": open_gates(
            Krea2Transformer2DModel(
                in_channels=16, num_layers=2, attention_head_dim=16, num_attention_heads=2,
                num_key_value_heads=1, intermediate_size=32, timestep_embed_dim=16,
                text_hidden_dim=16, num_text_layers=3, text_num_attention_heads=2,
                text_num_key_value_heads=1, text_intermediate_size=16,
                num_layerwise_text_blocks=1, num_refiner_text_blocks=1, axes_dims_rope=(4, 6, 6),
            )
        ),
        "vae": qwen_vae(), "scheduler": flow(), "text_encoder": encoder, "tokenizer": tokenizer,
        "text_encoder_select_layers": (0, 1, 2),
    }  # fmt: skip


def qwen_image_21() -> dict[str, Any]:
    from diffusers import AutoencoderKLQwenImage21, QwenImage21Transformer2DModel

    encoder, tokenizer = qwen_3_vision()
    return {
        "transformer": open_gates(
            QwenImage21Transformer2DModel(
                in_channels=8, out_channels=8, num_layers=2, attention_head_dim=16,
                num_attention_heads=2, context_in_dim=16, axes_dims_rope=(4, 6, 6),
            )
        ),
        "vae": AutoencoderKLQwenImage21(
            base_dim=8, decoder_base_dim=8, z_dim=8, dim_mult=[1, 1, 1, 1, 1], num_res_blocks=1,
            latents_mean=[0.0] * 8, latents_std=[1.0] * 8,
        ),
        "scheduler": flow(), "text_encoder": encoder, "processor": qwen_3_processor(tokenizer),
    }  # fmt: skip


def byt5() -> tuple[Any, Any]:
    """A T5 encoder over bytes and its tokenizer."""
    from transformers import ByT5Tokenizer, T5Config, T5EncoderModel

    tokenizer = ByT5Tokenizer()
    config = T5Config(
        vocab_size=len(tokenizer), d_model=16, d_ff=16, d_kv=8, num_layers=1, num_heads=2
    )
    return T5EncoderModel(config).eval(), tokenizer


def hunyuan_image() -> dict[str, Any]:
    from diffusers import (
        AdaptiveProjectedMixGuidance,
        AutoencoderKLHunyuanImage,
        HunyuanImageTransformer2DModel,
    )

    # The pipeline takes the layer before the last but one.
    encoder, tokenizer = text.qwen_vision(depth=3)
    second, byte_tokenizer = byt5()
    return {
        "transformer": HunyuanImageTransformer2DModel(
            in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=8,
            num_layers=1, num_single_layers=1, num_refiner_layers=1, text_embed_dim=16,
            text_embed_2_dim=16, rope_axes_dim=(4, 4),
        ),
        "vae": AutoencoderKLHunyuanImage(
            in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(32, 32),
            layers_per_block=1, spatial_compression_ratio=2, sample_size=16, scaling_factor=0.5,
        ),
        "scheduler": flow(), "text_encoder": encoder, "tokenizer": tokenizer,
        "text_encoder_2": second, "tokenizer_2": byte_tokenizer,
        "guider": AdaptiveProjectedMixGuidance(adaptive_projected_guidance_start_step=0),
    }  # fmt: skip


def longcat_image() -> dict[str, Any]:
    from diffusers import LongCatImageTransformer2DModel
    from transformers import Qwen2_5_VLProcessor, Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    encoder, tokenizer = text.qwen_vision()
    return {
        "transformer": LongCatImageTransformer2DModel(
            in_channels=64, num_layers=1, num_single_layers=1, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=16, pooled_projection_dim=16,
            axes_dims_rope=[4, 6, 6],
        ),
        "vae": flat_vae(16), "scheduler": flow(), "text_encoder": encoder, "tokenizer": tokenizer,
        "text_processor": Qwen2_5_VLProcessor(
            image_processor=Qwen2VLImageProcessor(), tokenizer=tokenizer,
            video_processor=Qwen2VLVideoProcessor(), chat_template=tokenizer.chat_template,
        ),
    }  # fmt: skip


def nucleus_moe() -> dict[str, Any]:
    from diffusers import NucleusMoEImageTransformer2DModel

    # As deep as the layer that the pipeline asks for by number.
    encoder, tokenizer = qwen_3_vision(depth=9)
    return {
        "transformer": open_gates(
            NucleusMoEImageTransformer2DModel(
                in_channels=16, out_channels=4, num_layers=5, attention_head_dim=16,
                num_attention_heads=2, num_key_value_heads=1, joint_attention_dim=16,
                axes_dims_rope=(4, 6, 6), mlp_ratio=12.0, num_experts=2, moe_intermediate_dim=16,
                capacity_factors=2.0,
            )
        ),
        "vae": qwen_vae(), "scheduler": flow(), "text_encoder": encoder,
        "processor": qwen_3_processor(tokenizer),
    }  # fmt: skip


def flux_2_vae() -> Any:
    from diffusers import AutoencoderKLFlux2

    return AutoencoderKLFlux2(
        sample_size=32, block_out_channels=(4, 4), layers_per_block=1, latent_channels=1,
        norm_num_groups=1, down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, use_quant_conv=False, use_post_quant_conv=False,
    )  # fmt: skip


def bria_fibo_2() -> dict[str, Any]:
    from diffusers import BriaFibo2Transformer2DModel

    # As deep as the layers that the pipeline asks for by number.
    encoder, tokenizer = qwen_3_vision(depth=36)
    return {
        "transformer": open_gates(
            BriaFibo2Transformer2DModel(
                in_channels=1, dim=32, n_layers=6, n_refiner_layers=1, n_heads=2,
                cap_feat_dim=48, injection_layer_ids=(1, 2, 3, 4, 5), perceiver_num_layers=1,
                min_num_gist_tokens=4, max_num_gist_tokens=8, gist_step=2, gist_min_text_len=16,
                gist_max_text_len=64, axes_dims=(4, 6, 6), axes_lens=(64, 32, 32),
            )
        ),
        "vae": flux_2_vae(), "scheduler": flow(), "text_encoder": encoder,
        "processor": qwen_3_processor(tokenizer),
    }  # fmt: skip


def ideogram_4() -> dict[str, Any]:
    from diffusers import Ideogram4Transformer2DModel
    from diffusers.pipelines.ideogram4 import pipeline_ideogram4

    # The layers are written in the pipeline's module, of a model that is 36 deep; it runs all of
    # them on 2048 tokens.
    pipeline_ideogram4.QWEN3_VL_ACTIVATION_LAYERS = (0, 1, 2)
    encoder, tokenizer = qwen_3_vision("Qwen3VLModel", depth=3)

    def denoiser() -> Any:
        return open_gates(
            Ideogram4Transformer2DModel(
                in_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=2,
                intermediate_size=32, adaln_dim=16, llm_features_dim=48, mrope_section=(4, 2, 2),
            )
        )  # fmt: skip

    return {
        "transformer": denoiser(), "unconditional_transformer": denoiser(), "vae": flux_2_vae(),
        "scheduler": flow(), "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


FAMILIES: dict[str, Family] = {
    "krea-2": Family("Krea2Pipeline", krea_2),
    "qwen-image-2.1": Family("QwenImage21Pipeline", qwen_image_21, side=64),
    "hunyuan-image": Family("HunyuanImagePipeline", hunyuan_image),
    "longcat-image": Family("LongCatImagePipeline", longcat_image),
    "ideogram-4": Family(
        "Ideogram4Pipeline", ideogram_4, defaults={"steps": 2, "guidance_scale": 3.0}
    ),
    "nucleus-moe": Family("NucleusMoEImagePipeline", nucleus_moe),
    "bria-fibo-2": Family("BriaFibo2Pipeline", bria_fibo_2),
}
# Those whose denoiser's blocks change the text as well.
JOINT = {"krea-2", "qwen-image-2.1", "hunyuan-image", "longcat-image", "ideogram-4"}
