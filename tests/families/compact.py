"""Tiny checkpoints of the smaller families, and of offshoots of the larger ones."""

from __future__ import annotations

from typing import Any

from tests.families import text
from tests.families.parts import Family, deep_vae, flat_vae, flow, vae


def gemma_tokenizer() -> Any:
    """The tokenizer of Gemma 2, which begins every text, empty ones too, with a token of its own.

    Without it an empty prompt is nothing but padding, of which attention makes NaN.
    """
    from tokenizers.processors import TemplateProcessing

    _, tokenizer = text.gemma(depth=1)
    backend, begin = tokenizer.backend_tokenizer, tokenizer.bos_token
    backend.post_processor = TemplateProcessing(
        single=f"{begin} $A", special_tokens=[(begin, backend.token_to_id(begin))]
    )
    return tokenizer


def gemma_settings(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer), "head_dim": 4, "hidden_size": 8, "intermediate_size": 8,
        "num_attention_heads": 2, "num_key_value_heads": 2, "num_hidden_layers": 2,
        "pad_token_id": 0,
    }  # fmt: skip


def gemma() -> tuple[Any, Any]:
    """A Gemma model of the first generation, 8 wide, and its tokenizer."""
    from transformers import GemmaConfig, GemmaModel

    tokenizer = gemma_tokenizer()
    return GemmaModel(GemmaConfig(**gemma_settings(tokenizer))).eval(), tokenizer


def t5_gemma() -> tuple[Any, Any]:
    """The encoder of a T5Gemma model, 8 wide, and its tokenizer."""
    from transformers import T5GemmaConfig
    from transformers.models.t5gemma.modeling_t5gemma import T5GemmaEncoder

    tokenizer = gemma_tokenizer()
    tokenizer.model_max_length = 64
    half = gemma_settings(tokenizer)
    config = T5GemmaConfig(encoder=half, decoder=half)
    encoder = T5GemmaEncoder(config.encoder)
    encoder.config = config  # checkpoints come with that of the whole model
    return encoder.eval(), tokenizer


def opened(denoiser: Any) -> Any:
    """`denoiser` with the weights drawn that its class begins with at zero.

    Gates say, behind which no block would change the image.
    """
    import torch

    for parameter in denoiser.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return denoiser


def lumina() -> dict[str, Any]:
    import torch
    from diffusers import LuminaNextDiT2DModel

    encoder, tokenizer = gemma()
    transformer = LuminaNextDiT2DModel(
        sample_size=8, patch_size=2, in_channels=4, hidden_size=24, num_layers=2,
        num_attention_heads=3, num_kv_heads=1, multiple_of=16, ffn_dim_multiplier=None,
        cross_attention_dim=8,
    )  # fmt: skip
    torch.nn.init.ones_(transformer.pad_token)  # the class leaves it as memory was
    return {
        "transformer": opened(transformer), "vae": vae(sizes=(4, 4, 4, 4)), "scheduler": flow(),
        "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


def sana_sprint() -> dict[str, Any]:
    from diffusers import SanaTransformer2DModel, SCMScheduler

    encoder, tokenizer = text.gemma()
    return {
        "transformer": SanaTransformer2DModel(
            patch_size=1, in_channels=4, out_channels=4, num_layers=2, num_attention_heads=2,
            attention_head_dim=4, num_cross_attention_heads=2, cross_attention_head_dim=4,
            cross_attention_dim=8, caption_channels=8, sample_size=32, guidance_embeds=True,
            qk_norm="rms_norm_across_heads",
        ),
        "vae": deep_vae(),
        "scheduler": SCMScheduler(), "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


def ovis() -> dict[str, Any]:
    from diffusers import OvisImageTransformer2DModel

    encoder, tokenizer = text.language_model("Qwen3Model")
    return {
        "transformer": OvisImageTransformer2DModel(
            patch_size=1, in_channels=16, out_channels=16, num_layers=2, num_single_layers=2,
            attention_head_dim=16, num_attention_heads=2, joint_attention_dim=16,
            axes_dims_rope=(4, 4, 8),
        ),
        "vae": flat_vae(), "scheduler": flow(), "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


def prx_transformer(channels: int, **changes: Any) -> Any:
    from diffusers.models.transformers.transformer_prx import PRXTransformer2DModel

    transformer = PRXTransformer2DModel(
        in_channels=channels, patch_size=2, context_in_dim=8, hidden_size=16, mlp_ratio=2.0,
        num_heads=2, depth=2, axes_dim=[4, 4], **changes,
    )  # fmt: skip
    return opened(transformer)


def prx() -> dict[str, Any]:
    encoder, tokenizer = t5_gemma()
    return {
        "transformer": prx_transformer(4), "vae": flat_vae(), "scheduler": flow(),
        "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


def prx_pixel() -> dict[str, Any]:
    encoder, tokenizer = text.language_model("Qwen3Model", width=8)
    return {
        "transformer": prx_transformer(3, bottleneck_size=8, resolution_embeds=True),
        "scheduler": flow(), "text_encoder": encoder, "tokenizer": tokenizer,
        "prompt_max_tokens": 64,  # as many as the image has
    }  # fmt: skip


def bria() -> dict[str, Any]:
    from diffusers import BriaTransformer2DModel

    encoder, tokenizer = text.t5()
    return {
        "transformer": BriaTransformer2DModel(
            patch_size=1, in_channels=16, num_layers=2, num_single_layers=2,
            attention_head_dim=16, num_attention_heads=2, joint_attention_dim=32,
            axes_dims_rope=[4, 4, 8],
        ),
        "vae": vae(), "scheduler": flow(), "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


def mistral() -> tuple[Any, Any]:
    """A Mistral 3 model without its head, 16 wide, and its tokenizer."""
    from transformers import Mistral3Config, Mistral3Model

    tokenizer = text.glm_tokenizer()
    config = Mistral3Config(
        text_config={
            "model_type": "ministral3", "vocab_size": len(tokenizer), "hidden_size": 16,
            "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 2048,
        },
        vision_config={
            "model_type": "pixtral", "hidden_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 4, "intermediate_size": 16, "image_size": 30,
            "patch_size": 6, "num_channels": 3,
        },
    )  # fmt: skip
    return Mistral3Model(config).eval(), tokenizer


def ernie() -> dict[str, Any]:
    from diffusers import AutoencoderKLFlux2, ErnieImageTransformer2DModel

    encoder, tokenizer = mistral()
    transformer = ErnieImageTransformer2DModel(
        hidden_size=16, num_attention_heads=2, num_layers=2, ffn_hidden_size=32, in_channels=16,
        out_channels=16, text_in_dim=16, rope_axes_dim=(4, 2, 2),
    )  # fmt: skip
    return {
        "transformer": opened(transformer),
        "vae": AutoencoderKLFlux2(
            sample_size=32, block_out_channels=(4, 4), layers_per_block=1, latent_channels=4,
            norm_num_groups=1, down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2, use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        "scheduler": flow(), "text_encoder": encoder, "tokenizer": tokenizer,
        "pe": None, "pe_tokenizer": None,
    }  # fmt: skip


def z_image_omni() -> dict[str, Any]:
    import torch
    from diffusers import ZImageTransformer2DModel
    from transformers import Siglip2ImageProcessor, Siglip2VisionConfig, Siglip2VisionModel

    encoder, tokenizer = text.language_model("Qwen3Model")
    transformer = ZImageTransformer2DModel(
        all_patch_size=(2,), all_f_patch_size=(1,), in_channels=16, dim=32, n_layers=2,
        n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=16, siglip_feat_dim=16,
        axes_dims=[8, 4, 4], axes_lens=[1024, 32, 32],
    )  # fmt: skip
    for token in (
        transformer.x_pad_token,
        transformer.cap_pad_token,
        transformer.siglip_pad_token,
    ):
        torch.nn.init.ones_(token)
    eye = Siglip2VisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    return {
        "transformer": transformer, "vae": flat_vae(16), "scheduler": flow(),
        "text_encoder": encoder, "tokenizer": tokenizer, "siglip": Siglip2VisionModel(eye).eval(),
        "siglip_processor": Siglip2ImageProcessor(),
    }  # fmt: skip


class HarmlessChecker:
    """Stands in for the guardrail that Cosmos asks for, a package and models of its own."""

    def to(self, *_: Any) -> HarmlessChecker:
        return self

    def check_text_safety(self, prompt: str) -> bool:
        return True

    def check_video_safety(self, frames: Any) -> Any:
        return frames


def wan_vae(channels: int, **changes: Any) -> Any:
    from diffusers import AutoencoderKLWan

    return AutoencoderKLWan(
        base_dim=4, z_dim=channels, dim_mult=[1, 1, 1, 1], num_res_blocks=1,
        temperal_downsample=[False, True, True], latents_mean=[0.0] * channels,
        latents_std=[1.0] * channels, **changes,
    )  # fmt: skip


def cosmos_2() -> dict[str, Any]:
    from diffusers import CosmosTransformer3DModel, FlowMatchEulerDiscreteScheduler
    from diffusers.pipelines.cosmos import pipeline_cosmos2_text2image

    # Not saved with the checkpoint: the pipeline makes one for itself.
    pipeline_cosmos2_text2image.CosmosSafetyChecker = HarmlessChecker
    encoder, tokenizer = text.t5()
    return {
        "transformer": CosmosTransformer3DModel(
            in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=12,
            num_layers=2, mlp_ratio=2, text_embed_dim=32, adaln_lora_dim=4, max_size=(4, 32, 32),
            concat_padding_mask=True, extra_pos_embed_type=None,
        ),
        "vae": wan_vae(4), "scheduler": FlowMatchEulerDiscreteScheduler(use_karras_sigmas=True),
        "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


def smol_lm() -> tuple[Any, Any]:
    """A SmolLM 3 model 16 wide and its tokenizer."""
    from transformers import SmolLM3Config, SmolLM3ForCausalLM

    tokenizer = text.qwen_tokenizer()
    config = SmolLM3Config(
        vocab_size=128_001,  # up to the token that stands for an empty prompt in the pipeline
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
    )  # fmt: skip
    return SmolLM3ForCausalLM(config).eval(), tokenizer


def bria_fibo() -> dict[str, Any]:
    from diffusers import BriaFiboTransformer2DModel

    encoder, tokenizer = smol_lm()
    return {
        "transformer": BriaFiboTransformer2DModel(
            patch_size=1, in_channels=4, num_layers=2, num_single_layers=2,
            attention_head_dim=16, num_attention_heads=2, joint_attention_dim=32,
            text_encoder_dim=16, axes_dims_rope=[4, 4, 8],
        ),
        "vae": wan_vae(4, patch_size=2, in_channels=12, out_channels=12, scale_factor_spatial=16),
        "scheduler": flow(), "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


def glm_image() -> dict[str, Any]:
    """Of GLM-Image what encodes: its text encoder reads words in quotation marks alone.

    The prompt is read by a language model that draws it in tokens, which the pipeline then paints.
    """
    from diffusers import GlmImageTransformer2DModel
    from transformers import ByT5Tokenizer, T5Config, T5EncoderModel

    tokenizer = ByT5Tokenizer()
    config = T5Config(
        vocab_size=len(tokenizer), d_model=32, d_ff=37, d_kv=8, num_layers=2, num_heads=4
    )
    return {
        "transformer": GlmImageTransformer2DModel(
            patch_size=2, in_channels=4, out_channels=4, num_layers=2, attention_head_dim=4,
            num_attention_heads=4, text_embed_dim=32, time_embed_dim=8, condition_dim=4,
            prior_vq_quantizer_codebook_size=16,
        ),
        "vae": vae(), "scheduler": flow(), "text_encoder": T5EncoderModel(config).eval(),
        "tokenizer": tokenizer, "processor": None, "vision_language_encoder": None,
    }  # fmt: skip


FAMILIES: dict[str, Family] = {
    "lumina": Family("LuminaPipeline", lumina, side=32),
    "sana-sprint": Family("SanaSprintPipeline", sana_sprint, side=32),
    "ovis": Family("OvisImagePipeline", ovis),
    "prx": Family("PRXPipeline", prx),
    "prx-pixel": Family("PRXPixelPipeline", prx_pixel),
    "bria": Family("BriaPipeline", bria),
    "z-image-omni": Family("ZImageOmniPipeline", z_image_omni),
    "cosmos-2": Family("Cosmos2TextToImagePipeline", cosmos_2, side=32),
    "bria-fibo": Family("BriaFiboPipeline", bria_fibo, side=32),
    "ernie-image": Family("ErnieImagePipeline", ernie),
}
