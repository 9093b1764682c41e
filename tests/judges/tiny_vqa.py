"""A LLaVA of random weights that answers yes or no at random."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from scripts.training.vqa_model import build_model, build_processor
from t2i_audit.pipelines.workarounds import quiet_libraries


def tiny_vqa(path: Path, *, answers: bool = True, template: bool = True) -> Path:
    """Save one under `path`; with `answers` it says nothing but yes and no."""
    with quiet_libraries():
        processor: LlavaProcessor = build_processor()
        model = build_model(processor, seed=1)
        if answers:
            _answer(model, *processor.tokenizer.convert_tokens_to_ids(["yes", "no"]))
        if not template:
            processor.chat_template = None
        model.save_pretrained(path)
        processor.save_pretrained(path)
    return path


@torch.no_grad()
def _answer(model: LlavaForConditionalGeneration, yes: int, no: int) -> None:
    """Make the one as likely as the other is unlikely, and every other token unlikely."""
    for layer in model.model.language_model.layers:
        for parameter in layer.self_attn.parameters():
            parameter *= 10  # so that the order of words matters
    weight = model.lm_head.weight
    kept = 20 * weight[yes].clone()
    weight.zero_()
    weight[yes], weight[no] = kept, -kept
