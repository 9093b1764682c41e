"""Stable Diffusion checkpoints as their authors gave them out: one file, names of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection",
}  # fmt: skip
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def write_original(pipeline: Any, path: Path) -> Path:
    """Write a StableDiffusionPipeline into one file, as the first of them were."""
    from safetensors.torch import save_file

    unet, vae, clip = (each.state_dict() for each in _networks(pipeline))
    tensors = {
        f"model.diffusion_model.{_unet_name(name, pipeline.unet.config)}": tensor
        for name, tensor in unet.items()
    }
    for name, tensor in vae.items():
        name = f"first_stage_model.{_vae_name(name, len(pipeline.vae.config.up_block_types))}"
        # Its attention was made of convolutions.
        is_projection = ".attn_1." in name and tensor.ndim == 2
        tensors[name] = tensor[:, :, None, None] if is_projection else tensor
    for name, tensor in clip.items():
        name = name.removeprefix("text_model.")
        tensors[f"cond_stage_model.transformer.text_model.{name}"] = tensor
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


def _networks(pipeline: Any) -> tuple[Any, Any, Any]:
    return pipeline.unet, pipeline.vae, pipeline.text_encoder


def _unet_name(name: str, config: Any) -> str:
    """Blocks are counted through, each layer and each change of size as one."""
    from diffusers.loaders.single_file_utils import DIFFUSERS_TO_LDM_MAPPING

    whole: dict[str, str] = DIFFUSERS_TO_LDM_MAPPING["unet"]["layers"]
    if name in whole:
        return whole[name]
    side, *parts = name.split(".")
    if side == "mid_block":
        kind, layer, *rest = parts
        place = f"middle_block.{1 if kind == 'attentions' else 2 * int(layer)}"
    else:
        block, kind, layer, *rest = parts
        per_block = config.layers_per_block + 1
        kinds = config.down_block_types if side == "down_blocks" else config.up_block_types
        attends = "CrossAttn" in kinds[int(block)]
        if kind == "downsamplers":
            return f"input_blocks.{(int(block) + 1) * per_block}.0.op.{rest[-1]}"
        if kind == "upsamplers":
            last = (int(block) + 1) * per_block - 1
            return f"output_blocks.{last}.{1 + attends}.conv.{rest[-1]}"
        first = 1 if side == "down_blocks" else 0
        number = first + int(block) * per_block + int(layer)
        stem = "input_blocks" if side == "down_blocks" else "output_blocks"
        place = f"{stem}.{number}.{int(kind == 'attentions')}"
    if kind == "resnets":
        rest = [RESNET[rest[0]], *rest[1:]]
    return ".".join([place, *rest])


def _vae_name(name: str, blocks: int) -> str:
    """The decoder's blocks are counted from the finest."""
    from diffusers.loaders.single_file_utils import DIFFUSERS_TO_LDM_MAPPING

    whole: dict[str, str] = DIFFUSERS_TO_LDM_MAPPING["vae"]
    if name in whole:
        return whole[name]
    half, side, *parts = name.split(".")
    if side == "mid_block":
        kind, layer, *rest = parts
        place = "attn_1" if kind == "attentions" else f"block_{int(layer) + 1}"
        if kind == "attentions":
            end = rest.pop()
            rest = [ATTENTION[".".join(rest)], end]
        return ".".join([half, "mid", place, *rest]).replace("conv_shortcut", "nin_shortcut")
    block, kind, layer, *rest = parts
    up = side == "up_blocks"
    number = blocks - 1 - int(block) if up else int(block)
    stem = "up" if up else "down"
    if kind in ("upsamplers", "downsamplers"):
        return f"{half}.{stem}.{number}.{stem}sample.conv.{rest[-1]}"
    place = f"{half}.{stem}.{number}.block.{layer}"
    return ".".join([place, *rest]).replace("conv_shortcut", "nin_shortcut")
