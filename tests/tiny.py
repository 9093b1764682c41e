"""Tiny pipelines of random weights: the real classes, built from configurations in a second."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from prompts.structure import Prompt
from prompts.world import sample_prompt, vocabulary
from t2i_audit.pipelines.workarounds import quiet_libraries

CONTEXT = 16
SIDE = 8  # of the latents
STEPS, GUIDANCE = 4, 3.0


def tiny_pipeline(path: Path, *, guidance: float = GUIDANCE) -> Path:
    """Save a StableDiffusionPipeline of random weights under `path`; images are 16 x 16."""
    tokenizer = clip_tokenizer()
    with quiet_libraries():
        _stable_diffusion(tokenizer).save_pretrained(path)
    defaults = {"steps": STEPS, "guidance_scale": guidance}
    (path / "t2i_audit.json").write_text(json.dumps({"audit_defaults": defaults}))
    return path


def tiny_prompts(count: int, *, seed: int = 0) -> tuple[Prompt, ...]:
    """Distinct prompts of the rendered world, of one and of two objects."""
    rng = random.Random(seed)
    prompts: dict[str, Prompt] = {}
    while len(prompts) < count:
        kind = rng.choice(("one_object", "relation"))
        prompt = sample_prompt(rng, "relation" if kind == "relation" else "one_object")
        prompts.setdefault(prompt.id, prompt)
    return tuple(prompts.values())


def clip_tokenizer(length: int = 4 * CONTEXT) -> Any:
    """A CLIP tokenizer to which the world's words are several tokens or one: some merges only."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    tokens = letters + [letter + "</w>" for letter in letters]
    merges: list[tuple[str, str]] = []
    # Words with a "u" stay cut into two tokens, so that constituents of several tokens occur.
    for word in vocabulary():
        pieces = [*word[:-1], word[-1] + "</w>"]
        while len(pieces) > (2 if "u" in word else 1):
            right = pieces.pop()
            pair = (pieces[-1], right)
            pieces[-1] += right
            if pair not in merges:
                merges.append(pair)
                tokens.append(pieces[-1])
    tokens = [*dict.fromkeys(tokens), "<|startoftext|>", "<|endoftext|>"]
    vocab = {token: index for index, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=length)


def clip_config(tokenizer: Any, **changes: Any) -> Any:
    """A CLIP text configuration of 2 layers x 32."""
    from transformers import CLIPTextConfig

    settings: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "projection_dim": 24,
        "max_position_embeddings": tokenizer.model_max_length,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    return CLIPTextConfig(**(settings | changes))


def tiny_open_clip(folder: Path, *, layers: int = 1, width: int = 16) -> Path:
    """Save an open_clip model of random weights in `folder`, as open_clip saves its own."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    config: dict[str, Any] = {
        "embed_dim": 16,
        "vision_cfg": {
            "image_size": 16, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8,
        },
        "text_cfg": {
            "context_length": 77, "vocab_size": 49408, "width": width, "heads": 2, "layers": layers,
        },
    }  # fmt: skip
    torch.manual_seed(0)
    model = open_clip.CLIP(**config)
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "size": [16, 16]}
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": preprocess})
    )
    save_file(
        {name: tensor.contiguous() for name, tensor in model.state_dict().items()},
        folder / "open_clip_model.safetensors",
    )
    return folder


def tiny_xl_text() -> Any:
    """The text half of an SDXL pipeline: CLIPTextModel and CLIPTextModelWithProjection."""
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    tokenizer = clip_tokenizer()
    config = clip_config(tokenizer)
    return StableDiffusionXLPipeline(
        vae=None,
        unet=None,
        text_encoder=CLIPTextModel(config).eval(),
        text_encoder_2=CLIPTextModelWithProjection(config).eval(),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        scheduler=EulerDiscreteScheduler(),
    )


def tiny_flux_text() -> Any:
    """The text half of a Flux pipeline: CLIPTextModel (pooled output only) and T5EncoderModel."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline
    from transformers import CLIPTextModel, T5Config, T5EncoderModel

    torch.manual_seed(0)
    tokenizer, t5 = clip_tokenizer(), t5_tokenizer()
    config = T5Config(
        vocab_size=len(t5), d_model=32, d_ff=37, d_kv=8, num_layers=2, num_heads=4,
        pad_token_id=t5.pad_token_id, eos_token_id=t5.eos_token_id,
    )  # fmt: skip
    return FluxPipeline(
        vae=None,
        transformer=None,
        text_encoder=CLIPTextModel(clip_config(tokenizer)).eval(),
        text_encoder_2=T5EncoderModel(config).eval(),
        tokenizer=tokenizer,
        tokenizer_2=t5,
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def t5_tokenizer() -> Any:
    """A T5 tokenizer of the world's words, their letters, and end of text after the prompt."""
    from transformers import T5Tokenizer

    words = [("▁" + word, -2.0) for word in vocabulary()]
    letters = [(letter, -10.0) for letter in "▁abcdefghijklmnopqrstuvwxyz"]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *words, *letters]
    pieces = list(dict(pieces).items())
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=CONTEXT)


def _stable_diffusion(tokenizer: Any) -> Any:
    import torch
    from diffusers import (
        AutoencoderKL,
        DPMSolverMultistepScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=SIDE,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=4,
        norm_num_groups=8,
    )
    autoencoder = AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        latent_channels=4,
        norm_num_groups=4,
        sample_size=2 * SIDE,
    )
    return StableDiffusionPipeline(
        vae=autoencoder.eval(),
        text_encoder=CLIPTextModel(clip_config(tokenizer)).eval(),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=DPMSolverMultistepScheduler(steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
