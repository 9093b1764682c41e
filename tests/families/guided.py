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


FAMILIES: dict[str, Family] = {
    "latent-consistency": Family("LatentConsistencyModelPipeline", latent_consistency),
}
