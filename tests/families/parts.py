"""What the tiny checkpoints of several families are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Family:
    """How a family's checkpoint is built, and what its images need."""

    pipeline: str
    """The class in diffusers; a family whose class is not there is skipped."""
    components: Callable[[], dict[str, Any]]
    side: int = 16
    """Of the images asked for, in pixels."""
    attributes: dict[str, Any] = field(default_factory=dict)
    """Set on the loaded pipeline, where its images' size is written in its code."""
    defaults: dict[str, Any] = field(default_factory=dict)
    """Of its sampling, written into the checkpoint; by default those of the pipeline's call."""


def vae(channels: int = 4, *, sizes: tuple[int, ...] = (4, 4), **changes: Any) -> Any:
    from diffusers import AutoencoderKL

    down, up = "DownEncoderBlock2D", "UpDecoderBlock2D"
    return AutoencoderKL(
        block_out_channels=sizes, latent_channels=channels, norm_num_groups=2, sample_size=32,
        down_block_types=(down,) * len(sizes), up_block_types=(up,) * len(sizes), **changes,
    )  # fmt: skip


def flat_vae(channels: int = 4, *, sizes: tuple[int, ...] = (4, 4), **changes: Any) -> Any:
    return vae(
        channels, sizes=sizes, use_quant_conv=False, use_post_quant_conv=False,
        shift_factor=0.06, scaling_factor=1.5, **changes,
    )  # fmt: skip


def deep_vae() -> Any:
    """The autoencoder of Sana."""
    from diffusers import AutoencoderDC

    blocks = ("ResBlock", "EfficientViTBlock")
    return AutoencoderDC(
        in_channels=3, latent_channels=4, attention_head_dim=2, encoder_block_types=blocks,
        decoder_block_types=blocks, encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8), encoder_qkv_multiscales=((), (5,)),
        decoder_qkv_multiscales=((), (5,)), encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=(1, 1), downsample_block_type="conv",
        upsample_block_type="interpolate", decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
    )  # fmt: skip


def unet(width: int, **changes: Any) -> Any:
    from diffusers import UNet2DConditionModel

    settings: dict[str, Any] = {
        "sample_size": 8,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": width,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
    }
    return UNet2DConditionModel(**(settings | changes))


def flow() -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler()
