"""One tiny checkpoint a family. Images are 16 or 32 pixels wide and need two steps."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from t2i_audit.pipelines.workarounds import moved_modules
from tests.families import compact, guided, text, vision
from tests.families.parts import Family, deep_vae, flat_vae, flow, unet, vae


def stable_diffusion(**changes: Any) -> dict[str, Any]:
    from diffusers import DPMSolverMultistepScheduler

    encoder, tokenizer = text.clip()
    return {
        "vae": vae(), "text_encoder": encoder, "tokenizer": tokenizer, "unet": unet(32, **changes),
        "scheduler": DPMSolverMultistepScheduler(steps_offset=1), "safety_checker": None,
        "feature_extractor": None,
    }  # fmt: skip


def stable_diffusion_2() -> dict[str, Any]:
    return stable_diffusion(use_linear_projection=True, attention_head_dim=(2, 4))


def stable_diffusion_xl() -> dict[str, Any]:
    from diffusers import EulerDiscreteScheduler

    encoder, tokenizer = text.clip()
    second, _ = text.clip(projected=True)
    return {
        "vae": vae(), "text_encoder": encoder, "text_encoder_2": second, "tokenizer": tokenizer,
        "tokenizer_2": tokenizer, "scheduler": EulerDiscreteScheduler(),
        "unet": unet(
            64, attention_head_dim=(2, 4), use_linear_projection=True,
            addition_embed_type="text_time", addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 32,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        ),
    }  # fmt: skip


def stable_diffusion_3(*, with_t5: bool = True) -> dict[str, Any]:
    from diffusers import SD3Transformer2DModel

    first, tokenizer = text.clip(projected=True)
    second, _ = text.clip(projected=True)
    third, t5_tokenizer = text.t5(width=64) if with_t5 else (None, None)
    return {
        "transformer": SD3Transformer2DModel(
            sample_size=8, patch_size=1, in_channels=4, out_channels=4, num_layers=2,
            attention_head_dim=8, num_attention_heads=4, caption_projection_dim=32,
            joint_attention_dim=64, pooled_projection_dim=64, pos_embed_max_size=32,
        ),
        "scheduler": flow(), "vae": flat_vae(), "text_encoder": first, "tokenizer": tokenizer,
        "text_encoder_2": second, "tokenizer_2": tokenizer, "text_encoder_3": third,
        "tokenizer_3": t5_tokenizer,
    }  # fmt: skip


def flux() -> dict[str, Any]:
    from diffusers import FluxTransformer2DModel

    encoder, tokenizer = text.clip()
    second, t5_tokenizer = text.t5()
    return {
        "scheduler": flow(), "vae": flat_vae(1), "text_encoder": encoder, "tokenizer": tokenizer,
        "text_encoder_2": second, "tokenizer_2": t5_tokenizer,
        "transformer": FluxTransformer2DModel(
            patch_size=1, in_channels=4, num_layers=2, num_single_layers=2, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=32, pooled_projection_dim=32,
            axes_dims_rope=(4, 4, 8),
        ),
    }  # fmt: skip


def flux_2_parts(width: int, **changes: Any) -> dict[str, Any]:
    from diffusers import AutoencoderKLFlux2, Flux2Transformer2DModel

    return {
        "scheduler": flow(),
        "vae": AutoencoderKLFlux2(
            sample_size=32, block_out_channels=(4,), layers_per_block=1, latent_channels=1,
            norm_num_groups=1, down_block_types=("DownEncoderBlock2D",),
            up_block_types=("UpDecoderBlock2D",), use_quant_conv=False, use_post_quant_conv=False,
        ),
        "transformer": Flux2Transformer2DModel(
            patch_size=1, in_channels=4, num_layers=2, num_single_layers=2, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=width, timestep_guidance_channels=256,
            axes_dims_rope=(4, 4, 4, 4), **changes,
        ),
    }  # fmt: skip


def flux_2() -> dict[str, Any]:
    encoder, processor = text.mistral()
    return {"text_encoder": encoder, "tokenizer": processor, **flux_2_parts(48)}


def flux_2_klein() -> dict[str, Any]:
    # As deep as the layers that the pipeline asks for by number.
    encoder, tokenizer = text.language_model("Qwen3ForCausalLM", depth=27)
    parts = flux_2_parts(48, guidance_embeds=False)
    return {"text_encoder": encoder, "tokenizer": tokenizer, **parts}


def pixart() -> dict[str, Any]:
    from diffusers import DDIMScheduler, PixArtTransformer2DModel

    encoder, tokenizer = text.t5()
    return {
        "transformer": PixArtTransformer2DModel(
            sample_size=8, num_layers=2, patch_size=2, attention_head_dim=8,
            num_attention_heads=3, caption_channels=32, in_channels=4, out_channels=8,
            cross_attention_dim=24, norm_type="ada_norm_single",
        ),
        "vae": vae(), "scheduler": DDIMScheduler(), "text_encoder": encoder,
        "tokenizer": tokenizer,
    }  # fmt: skip


def sana() -> dict[str, Any]:
    from diffusers import SanaTransformer2DModel

    encoder, tokenizer = text.gemma()
    return {
        "transformer": SanaTransformer2DModel(
            patch_size=1, in_channels=4, out_channels=4, num_layers=2, num_attention_heads=2,
            attention_head_dim=4, num_cross_attention_heads=2, cross_attention_head_dim=4,
            cross_attention_dim=8, caption_channels=8, sample_size=8,
        ),
        "vae": deep_vae(),
        "scheduler": flow(), "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


def lumina_2() -> dict[str, Any]:
    from diffusers import Lumina2Transformer2DModel

    encoder, tokenizer = text.gemma()
    return {
        "transformer": Lumina2Transformer2DModel(
            sample_size=4, patch_size=2, in_channels=4, hidden_size=8, num_layers=2,
            num_attention_heads=1, num_kv_heads=1, multiple_of=16, axes_dim_rope=(4, 2, 2),
            cap_feat_dim=8, scaling_factor=1.0,
        ),
        "vae": flat_vae(sizes=(4,) * 4), "scheduler": flow(), "text_encoder": encoder,
        "tokenizer": tokenizer,
    }  # fmt: skip


def qwen_image() -> dict[str, Any]:
    from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel

    encoder, tokenizer = text.qwen_vision()
    return {
        "transformer": QwenImageTransformer2DModel(
            patch_size=2, in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16,
            num_attention_heads=3, joint_attention_dim=16, axes_dims_rope=(8, 4, 4),
        ),
        "vae": AutoencoderKLQwenImage(
            base_dim=24, z_dim=4, dim_mult=[1, 2, 4], num_res_blocks=1,
            temperal_downsample=[False, True], latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
        ),
        "scheduler": flow(), "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


def z_image() -> dict[str, Any]:
    import torch
    from diffusers import ZImageTransformer2DModel

    encoder, tokenizer = text.language_model("Qwen3Model")
    transformer = ZImageTransformer2DModel(
        all_patch_size=(2,), all_f_patch_size=(1,), in_channels=16, dim=32, n_layers=2,
        n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=16, axes_dims=[8, 4, 4],
        axes_lens=[1024, 32, 32],
    )  # fmt: skip
    # The class leaves these uninitialised.
    for token in (transformer.x_pad_token, transformer.cap_pad_token):
        torch.nn.init.ones_(token)
    return {
        "transformer": transformer, "vae": flat_vae(16), "scheduler": flow(),
        "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


def hunyuan() -> dict[str, Any]:
    from diffusers import DDPMScheduler, HunyuanDiT2DModel

    encoder, tokenizer = text.bert()
    second, t5_tokenizer = text.t5()
    return {
        "transformer": HunyuanDiT2DModel(
            sample_size=8, num_layers=2, patch_size=2, attention_head_dim=8,
            num_attention_heads=3, in_channels=4, cross_attention_dim=32,
            cross_attention_dim_t5=32, pooled_projection_dim=16, hidden_size=24,
            activation_fn="gelu-approximate",
        ),
        "vae": vae(), "scheduler": DDPMScheduler(), "text_encoder": encoder,
        "tokenizer": tokenizer, "text_encoder_2": second, "tokenizer_2": t5_tokenizer,
        "safety_checker": None, "feature_extractor": None,
    }  # fmt: skip


def aura_flow() -> dict[str, Any]:
    from diffusers import AuraFlowTransformer2DModel

    encoder, tokenizer = text.t5("UMT5EncoderModel")
    return {
        "transformer": AuraFlowTransformer2DModel(
            sample_size=8, patch_size=2, in_channels=4, out_channels=4, num_mmdit_layers=1,
            num_single_dit_layers=2, attention_head_dim=8, num_attention_heads=4,
            caption_projection_dim=32, joint_attention_dim=32, pos_embed_max_size=256,
        ),
        "vae": vae(), "scheduler": flow(), "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


def cogview_3() -> dict[str, Any]:
    from diffusers import CogVideoXDDIMScheduler, CogView3PlusTransformer2DModel

    encoder, tokenizer = text.t5()
    return {
        "transformer": CogView3PlusTransformer2DModel(
            patch_size=2, in_channels=4, out_channels=4, num_layers=2, attention_head_dim=4,
            num_attention_heads=2, text_embed_dim=32, time_embed_dim=8, condition_dim=2,
            pos_embed_max_size=8, sample_size=8,
        ),
        "vae": vae(), "scheduler": CogVideoXDDIMScheduler(), "text_encoder": encoder,
        "tokenizer": tokenizer,
    }  # fmt: skip


def cogview_4() -> dict[str, Any]:
    from diffusers import CogView4Transformer2DModel, FlowMatchEulerDiscreteScheduler

    encoder, tokenizer = text.language_model("GlmModel")
    return {
        "transformer": CogView4Transformer2DModel(
            patch_size=2, in_channels=4, out_channels=4, num_layers=2, attention_head_dim=4,
            num_attention_heads=4, text_embed_dim=16, time_embed_dim=8, condition_dim=4,
        ),
        "vae": vae(),
        "scheduler": FlowMatchEulerDiscreteScheduler(
            base_shift=0.25, max_shift=0.75, base_image_seq_len=256, use_dynamic_shifting=True,
            time_shift_type="linear",
        ),
        "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


def chroma() -> dict[str, Any]:
    from diffusers import ChromaTransformer2DModel

    encoder, tokenizer = text.t5()
    return {
        "transformer": ChromaTransformer2DModel(
            patch_size=1, in_channels=4, num_layers=2, num_single_layers=2, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=32, axes_dims_rope=(4, 4, 8),
            approximator_hidden_dim=32, approximator_layers=1, approximator_num_channels=16,
        ),
        "vae": flat_vae(1), "scheduler": flow(), "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


def movq() -> Any:
    from diffusers import VQModel

    return VQModel(
        block_out_channels=(32, 64), latent_channels=4, norm_num_groups=8, norm_type="spatial",
        down_block_types=("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
        up_block_types=("AttnUpDecoderBlock2D", "UpDecoderBlock2D"), layers_per_block=1,
        num_vq_embeddings=12, vq_embed_dim=4,
    )  # fmt: skip


def kandinsky_22() -> dict[str, Any]:
    import torch
    from diffusers import DDIMScheduler, PriorTransformer, UnCLIPScheduler
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        CLIPVisionModelWithProjection,
    )

    encoder, tokenizer = text.clip(projected=True)
    prior = PriorTransformer(
        num_attention_heads=2, attention_head_dim=12, embedding_dim=32, num_layers=1,
        num_embeddings=tokenizer.model_max_length,
    )  # fmt: skip
    torch.nn.init.ones_(prior.clip_std)
    eye = CLIPVisionConfig(
        hidden_size=32, image_size=32, projection_dim=32, intermediate_size=37,
        num_attention_heads=4, num_hidden_layers=1, patch_size=14,
    )  # fmt: skip
    return {
        "unet": unet(
            32, in_channels=4, out_channels=8, addition_embed_type="image",
            encoder_hid_dim=32, encoder_hid_dim_type="image_proj", class_embed_type=None,
            down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
            mid_block_type="UNetMidBlock2DSimpleCrossAttn",
            up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
            block_out_channels=(32, 64), resnet_time_scale_shift="scale_shift",
        ),
        "scheduler": DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        "movq": movq(), "prior_prior": prior,
        "prior_image_encoder": CLIPVisionModelWithProjection(eye),
        "prior_text_encoder": encoder, "prior_tokenizer": tokenizer,
        "prior_scheduler": UnCLIPScheduler(
            variance_type="fixed_small_log", prediction_type="sample", clip_sample_range=10.0
        ),
        "prior_image_processor": CLIPImageProcessor(),
    }  # fmt: skip


def kandinsky_3() -> dict[str, Any]:
    from diffusers import DDPMScheduler, Kandinsky3UNet

    encoder, tokenizer = text.t5()
    return {
        "unet": Kandinsky3UNet(
            in_channels=4, time_embedding_dim=4, groups=2, attention_head_dim=4,
            layers_per_block=3, block_out_channels=(32, 64), cross_attention_dim=4,
            encoder_hid_dim=32,
        ),
        "scheduler": DDPMScheduler(
            steps_offset=1, beta_schedule="squaredcos_cap_v2", clip_sample=True
        ),
        "movq": movq(), "text_encoder": encoder, "tokenizer": tokenizer,
    }  # fmt: skip


def kandinsky_5() -> dict[str, Any]:
    import torch
    from diffusers import Kandinsky5Transformer3DModel

    encoder, tokenizer = text.qwen_vision()
    second, clip_tokenizer = text.clip()
    transformer = Kandinsky5Transformer3DModel(
        in_visual_dim=16, in_text_dim=16, in_text_dim2=32, time_dim=16, out_visual_dim=16,
        patch_size=(1, 2, 2), model_dim=16, ff_dim=32, num_text_blocks=1,
        num_visual_blocks=2, axes_dims=(1, 1, 2), visual_cond=False,
        attention_type="regular",
    )  # fmt: skip
    # The class leaves its gates at zero, with which no block would change the image.
    for parameter in transformer.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return {
        "transformer": transformer,
        "vae": flat_vae(16), "scheduler": flow(), "text_encoder": encoder,
        "tokenizer": tokenizer, "text_encoder_2": second, "tokenizer_2": clip_tokenizer,
    }  # fmt: skip


def deepfloyd() -> dict[str, Any]:
    from diffusers import DDPMScheduler

    encoder, tokenizer = text.t5()
    return {
        "unet": unet(
            32, sample_size=16, in_channels=3, out_channels=6, encoder_hid_dim=32,
            addition_embed_type="text", addition_embed_type_num_heads=2,
            down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
            mid_block_type="UNetMidBlock2DSimpleCrossAttn",
            up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
            block_out_channels=(32, 64), cross_attention_norm="group_norm",
            resnet_time_scale_shift="scale_shift", act_fn="gelu",
        ),
        "scheduler": DDPMScheduler(
            beta_schedule="squaredcos_cap_v2", thresholding=True, variance_type="learned_range"
        ),
        "text_encoder": encoder, "tokenizer": tokenizer, "safety_checker": None,
        "feature_extractor": None, "watermarker": None,
    }  # fmt: skip


def hidream() -> dict[str, Any]:
    from diffusers import HiDreamImageTransformer2DModel

    first, tokenizer = text.clip(projected=True, length=128)
    second, _ = text.clip(projected=True, length=128)
    third, t5_tokenizer = text.t5()
    fourth, llama_tokenizer = text.language_model("LlamaForCausalLM")
    return {
        "transformer": HiDreamImageTransformer2DModel(
            patch_size=2, in_channels=4, out_channels=4, num_layers=1, num_single_layers=1,
            attention_head_dim=8, num_attention_heads=4, caption_channels=[32, 16],
            text_emb_dim=64, num_routed_experts=4, num_activated_experts=2,
            axes_dims_rope=(4, 2, 2), max_resolution=(32, 32), llama_layers=(0, 1),
        ),
        "vae": flat_vae(), "scheduler": flow(), "text_encoder": first, "tokenizer": tokenizer,
        "text_encoder_2": second, "tokenizer_2": tokenizer, "text_encoder_3": third,
        "tokenizer_3": t5_tokenizer, "text_encoder_4": fourth, "tokenizer_4": llama_tokenizer,
    }  # fmt: skip


def kolors() -> dict[str, Any]:
    from diffusers import EulerDiscreteScheduler

    encoder, tokenizer = text.chatglm(Path(tempfile.mkdtemp()))
    return {
        "vae": vae(), "text_encoder": encoder, "tokenizer": tokenizer,
        "unet": unet(
            32, addition_embed_type="text_time", addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=32 + 6 * 8, encoder_hid_dim=32,
            encoder_hid_dim_type="text_proj",
        ),
        "scheduler": EulerDiscreteScheduler(),
    }  # fmt: skip


FAMILIES: dict[str, Family] = {
    "stable-diffusion-1": Family("StableDiffusionPipeline", stable_diffusion),
    "stable-diffusion-2": Family("StableDiffusionPipeline", stable_diffusion_2),
    "stable-diffusion-xl": Family("StableDiffusionXLPipeline", stable_diffusion_xl),
    "stable-diffusion-3": Family("StableDiffusion3Pipeline", stable_diffusion_3),
    "stable-diffusion-3-without-t5": Family(
        "StableDiffusion3Pipeline", lambda: stable_diffusion_3(with_t5=False)
    ),
    "flux-1": Family("FluxPipeline", flux),
    "flux-2": Family("Flux2Pipeline", flux_2),
    "flux-2-klein": Family("Flux2KleinPipeline", flux_2_klein),
    "pixart-alpha": Family("PixArtAlphaPipeline", pixart),
    "pixart-sigma": Family("PixArtSigmaPipeline", pixart),
    "sana": Family("SanaPipeline", sana, side=32),
    "lumina-2": Family("Lumina2Pipeline", lumina_2, side=64),
    "qwen-image": Family("QwenImagePipeline", qwen_image),
    "z-image": Family("ZImagePipeline", z_image),
    "hunyuan-dit": Family("HunyuanDiTPipeline", hunyuan),
    "aura-flow": Family("AuraFlowPipeline", aura_flow),
    "cogview-3": Family("CogView3PlusPipeline", cogview_3),
    "cogview-4": Family("CogView4Pipeline", cogview_4),
    "chroma": Family("ChromaPipeline", chroma),
    "kandinsky-2.2": Family("KandinskyV22CombinedPipeline", kandinsky_22),
    "kandinsky-3": Family("Kandinsky3Pipeline", kandinsky_3),
    "kandinsky-5": Family(
        "Kandinsky5T2IPipeline", kandinsky_5, attributes={"resolutions": [(16, 16)]}
    ),
    "deepfloyd-if": Family("IFPipeline", deepfloyd),
    "kolors": Family("KolorsPipeline", kolors),
    "hidream": Family("HiDreamImagePipeline", hidream, attributes={"default_sample_size": 8}),
}
FAMILIES |= compact.FAMILIES | vision.FAMILIES
FAMILIES |= guided.FAMILIES | guided.derived(FAMILIES)
# Denoisers whose blocks change the text as well.
JOINT = {
    "stable-diffusion-3", "stable-diffusion-3-without-t5", "flux-1", "flux-2", "flux-2-klein",
    "lumina-2", "qwen-image", "z-image", "aura-flow", "cogview-3", "cogview-4", "chroma",
    "hidream", "ovis", "bria", "ernie-image", "z-image-omni", "bria-fibo",
    "stable-diffusion-3-pag", *vision.JOINT,
}  # fmt: skip


def build(name: str) -> Any:
    """The pipeline of the family `name`, its weights drawn afresh from one seed."""
    import diffusers
    import torch

    family = FAMILIES[name]
    torch.manual_seed(0)
    components = family.components()
    # As on the hub: else diffusers names the package of Stable Cascade's decoder otherwise.
    with moved_modules(["wuerstchen"]):
        return getattr(diffusers, family.pipeline)(**components)
