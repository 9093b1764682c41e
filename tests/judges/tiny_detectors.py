"""Detectors of each sort with random weights, built from configurations, saved as on the hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from t2i_audit.pipelines.workarounds import quiet_libraries
from tests.tiny import clip_tokenizer

LABELS = {0: "circle", 1: "square", 2: "tv", 3: "N/A"}
SIZE = {"height": 64, "width": 64}


def yolos(folder: Path) -> Path:
    """Object detection: boxes of its classes."""
    config = transformers.YolosConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        image_size=[64, 64], patch_size=16, num_detection_tokens=8, id2label=LABELS,
    )  # fmt: skip
    model = transformers.YolosForObjectDetection(config)
    return _save(folder, model, transformers.YolosImageProcessor(size=SIZE, do_pad=False))


def mask2former(folder: Path) -> Path:
    """Instance segmentation: masks of its classes."""
    config = transformers.Mask2FormerConfig(
        backbone_config=transformers.SwinConfig(
            embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=2,
            image_size=64, out_features=["stage1", "stage2", "stage3", "stage4"],
        ),
        feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=16,
        encoder_layers=1, decoder_layers=2, num_attention_heads=2, dim_feedforward=16,
        num_queries=6, id2label=LABELS,
    )  # fmt: skip
    model = transformers.Mask2FormerForUniversalSegmentation(config)
    return _save(folder, model, transformers.Mask2FormerImageProcessor(size=SIZE))


def owlv2(folder: Path) -> Path:
    """Zero-shot detection by an embedding of the text."""
    tokenizer = clip_tokenizer(length=16)
    config = transformers.Owlv2Config(
        text_config={
            "vocab_size": len(tokenizer), "hidden_size": 16, "intermediate_size": 16,
            "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 16,
            "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={
            "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "image_size": 64, "patch_size": 16,
        },
        projection_dim=16,
    )  # fmt: skip
    processor = transformers.Owlv2Processor(transformers.Owlv2ImageProcessor(size=SIZE), tokenizer)
    return _save(folder, transformers.Owlv2ForObjectDetection(config), processor)


def grounding_dino(folder: Path) -> Path:
    """Zero-shot detection that reads image and text together."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", "a", "circle", "square", "red"]
    backend = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer = transformers.BertTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]", model_max_length=16,
    )  # fmt: skip
    config = transformers.GroundingDinoConfig(
        backbone_config=transformers.SwinConfig(
            embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=2,
            image_size=64, out_features=["stage2", "stage3", "stage4"],
        ),
        text_config={
            "model_type": "bert", "vocab_size": len(words), "hidden_size": 16,
            "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "max_position_embeddings": 16,
        },
        d_model=64, encoder_layers=1, encoder_ffn_dim=16, encoder_attention_heads=2,
        decoder_layers=2, decoder_ffn_dim=16, decoder_attention_heads=2, num_queries=6,
        max_text_len=16,
    )  # fmt: skip
    images = transformers.GroundingDinoImageProcessor(size=SIZE, do_pad=False)
    processor = transformers.GroundingDinoProcessor(images, tokenizer)
    return _save(folder, transformers.GroundingDinoForObjectDetection(config), processor)


def _save(folder: Path, model: transformers.PreTrainedModel, processor: object) -> Path:
    with quiet_libraries():
        model.save_pretrained(folder)
        processor.save_pretrained(folder)  # type: ignore[attr-defined]
    return folder


SORTS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "yolos": (yolos, "boxes"),
    "mask2former": (mask2former, "masks"),
    "owlv2": (owlv2, "words"),
    "grounding_dino": (grounding_dino, "words"),
}


def build(name: str, folder: Path) -> Path:
    """A detector with the weights of a fixed seed."""
    torch.manual_seed(0)
    return SORTS[name][0](folder)
