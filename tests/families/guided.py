"""Tiny checkpoints of pipelines that guide otherwise, and of those whose guide is a prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.families import text
from tests.families.parts import Family, unet, vae

# Family -> its class, and the family whose components it has. A perturbed part follows the others
# in its batches.
PERTURBED = {
    "stable-diffusion-pag": ("StableDiffusionPAGPipeline", "stable-diffusion-1"),
    "stable-diffusion-xl-pag": ("StableDiffusionXLPAGPipeline", "stable-diffusion-xl"),
    "stable-diffusion-3-pag": ("StableDiffusion3PAGPipeline", "stable-diffusion-3"),
    "sana-pag": ("SanaPAGPipeline", "sana"),
    "pixart-sigma-pag": ("PixArtSigmaPAGPipeline", "pixart-sigma"),
    "hunyuan-dit-pag": ("HunyuanDiTPAGPipeline", "hunyuan-dit"),
    "kolors-pag": ("KolorsPAGPipeline", "kolors"),
}


def derived(families: Mapping[str, Family]) -> dict[str, Family]:
    """Those that share components with one of `families`."""
    found = {
        name: replace(families[plain], pipeline=pipeline)
        for name, (pipeline, plain) in PERTURBED.items()
    }
    two_staged = families["kandinsky-2.2"].components
    found["kandinsky-2.1"] = Family("KandinskyCombinedPipeline", lambda: kandinsky_21(two_staged()))
    return found


def kandinsky_21(successor: Mapping[str, Any]) -> dict[str, Any]:
    """With the prior of its `successor`; here the second stage is given the text as well."""
    encoder, tokenizer = text.multilingual_clip()
    denoiser = type(successor["unet"]).from_config(
        successor["unet"].config, addition_embed_type="text_image",
        encoder_hid_dim_type="text_image_proj",
    )  # fmt: skip
    return {**successor, "text_encoder": encoder, "tokenizer": tokenizer, "unet": denoiser}


def latent_consistency() -> dict[str, Any]:
    from diffusers import LCMScheduler

    encoder, tokenizer = text.clip()
    return {
        "vae": vae(), "text_encoder": encoder, "tokenizer": tokenizer,
        "unet": unet(32, time_cond_proj_dim=32), "scheduler": LCMScheduler(),
        "safety_checker": None, "feature_extractor": None,
    }  # fmt: skip


def paella() -> Any:
    from diffusers.pipelines.deprecated.wuerstchen import PaellaVQModel

    return PaellaVQModel(embed_dim=8, bottleneck_blocks=1, num_vq_embeddings=8)


def stable_cascade() -> dict[str, Any]:
    from diffusers import DDPMWuerstchenScheduler, StableCascadeUNet

    prior_encoder, tokenizer = text.clip(projected=True)
    encoder, _ = text.clip(projected=True)
    prior = StableCascadeUNet(
        timestep_ratio_embedding_dim=8, conditioning_dim=16, block_out_channels=(16, 16),
        num_attention_heads=(2, 2), down_num_layers_per_block=(1, 2),
        up_num_layers_per_block=(2, 1), switch_level=(False,), clip_text_in_channels=32,
        clip_text_pooled_in_channels=32, clip_image_in_channels=32,
    )  # fmt: skip
    residual, timed = "SDCascadeResBlock", "SDCascadeTimestepBlock"
    decoder = StableCascadeUNet(
        in_channels=4, out_channels=4, timestep_ratio_embedding_dim=8, patch_size=2,
        conditioning_dim=16, block_out_channels=(8, 16), num_attention_heads=(-1, 2),
        down_num_layers_per_block=(1, 1), up_num_layers_per_block=(1, 1),
        block_types_per_layer=((residual, timed), (residual, timed, "SDCascadeAttnBlock")),
        clip_text_pooled_in_channels=32, effnet_in_channels=16,
        timestep_conditioning_type=("sca",),
    )  # fmt: skip
    return {
        "tokenizer": tokenizer, "text_encoder": encoder, "decoder": decoder,
        "scheduler": DDPMWuerstchenScheduler(), "vqgan": paella(), "prior_prior": prior,
        "prior_text_encoder": prior_encoder, "prior_tokenizer": tokenizer,
        "prior_scheduler": DDPMWuerstchenScheduler(), "prior_feature_extractor": None,
        "prior_image_encoder": None,
    }  # fmt: skip


def wuerstchen() -> dict[str, Any]:
    """No family: its second stage takes one prompt at a time."""
    from diffusers import DDPMWuerstchenScheduler
    from diffusers.pipelines.deprecated.wuerstchen import WuerstchenDiffNeXt, WuerstchenPrior

    prior_encoder, tokenizer = text.clip()
    encoder, _ = text.clip()
    return {
        "tokenizer": tokenizer, "text_encoder": encoder,
        "decoder": WuerstchenDiffNeXt(
            c_r=8, c_cond=16, c_hidden=[8, 16], nhead=[-1, 2], blocks=[1, 1],
            level_config=["CT", "CTA"], inject_effnet=[False, True], clip_embd=32,
        ),
        "scheduler": DDPMWuerstchenScheduler(), "vqgan": paella(), "prior_tokenizer": tokenizer,
        "prior_text_encoder": prior_encoder,
        "prior_prior": WuerstchenPrior(c=16, c_cond=32, c_r=8, depth=2, nhead=2),
        "prior_scheduler": DDPMWuerstchenScheduler(),
    }  # fmt: skip


# In sides of 128 pixels the two stages' grids fit into one another.
FAMILIES: dict[str, Family] = {
    "latent-consistency": Family("LatentConsistencyModelPipeline", latent_consistency),
    "stable-cascade": Family("StableCascadeCombinedPipeline", stable_cascade, side=128),
}
