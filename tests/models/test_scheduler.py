"""Schedulers and LoRAs change the checkpoint as diffusers itself would."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from t2i_audit.models import load_model
from t2i_audit.settings import ModelOptions


@pytest.fixture(scope="module")
def lora(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA of random weights for the tiny checkpoint's denoiser."""
    from diffusers import StableDiffusionPipeline
    from peft import LoraConfig, get_peft_model_state_dict

    unet = load_model(str(checkpoint), device="cpu").pipeline.unet
    unet.add_adapter(LoraConfig(r=2, target_modules=["to_q"], init_lora_weights=False))
    folder = tmp_path_factory.mktemp("lora")
    StableDiffusionPipeline.save_lora_weights(
        folder, unet_lora_layers=get_peft_model_state_dict(unet)
    )
    return folder / "pytorch_lora_weights.safetensors"


def query(checkpoint: Path, **options: object) -> torch.Tensor:
    loaded = load_model(str(checkpoint), device="cpu", options=ModelOptions(**options))  # type: ignore[arg-type]
    block = loaded.pipeline.unet.mid_block.attentions[0].transformer_blocks[0]
    weight: torch.Tensor = block.attn2.to_q.weight
    return weight.detach()


def test_a_lora_is_added_times_its_weight(checkpoint: Path, lora: Path) -> None:
    plain = query(checkpoint)
    whole, half = (query(checkpoint, lora=(f"{lora}{end}",)) for end in ("", ":0.5"))

    assert not torch.allclose(whole, plain)
    torch.testing.assert_close(half - plain, (whole - plain) / 2, atol=1e-6, rtol=1e-4)


def test_two_loras_add_up(checkpoint: Path, lora: Path) -> None:
    plain, once = query(checkpoint), query(checkpoint, lora=(str(lora),))
    twice = query(checkpoint, lora=(str(lora), str(lora)))

    torch.testing.assert_close(twice - plain, 2 * (once - plain), atol=1e-6, rtol=1e-4)


def test_another_scheduler_keeps_the_checkpoints_settings(checkpoint: Path) -> None:
    options = ModelOptions(scheduler="DDIMScheduler")
    scheduler = load_model(str(checkpoint), device="cpu", options=options).pipeline.scheduler

    assert type(scheduler).__name__ == "DDIMScheduler"
    assert scheduler.config.steps_offset == 1
