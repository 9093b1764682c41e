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


def perturbed(families: Mapping[str, Family]) -> dict[str, Family]:
    """The families with perturbed-attention guidance, made of the components of others."""
    return {
        name: replace(families[plain], pipeline=pipeline)
        for name, (pipeline, plain) in PERTURBED.items()
    }


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
