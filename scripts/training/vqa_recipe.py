"""What the VQA judge is trained on, in which order, and from which seeds."""

from __future__ import annotations

from pathlib import Path

from diffusers import AutoencoderKL
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from scripts.training.loop import Schedule
from scripts.training.vqa import examples_of, train_answers, train_vision
from scripts.training.vqa_images import (
    GENERATORS,
    drawn_images,
    joined,
    rendered_images,
    spoilt_images,
)
from scripts.training.vqa_model import build_model, build_processor

VQA_JUDGE = "vqa-judge"
RENDERED, SPOILT = 10_000, 2_500
DRAWN = ((600, 51), (1000, 52))  # images of each generator, and their seed
VISION = Schedule(700, 1.5e-3, warmup=50, ema_decay=0.98)
ANSWERS = Schedule(2200, 1.5e-3, warmup=100, ema_decay=0.99)


def trained_vqa(
    work: Path, autoencoder: AutoencoderKL
) -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """The judge's model and its processor; the generators that ship draw some of its images."""
    processor = build_processor()
    model = build_model(processor, seed=60)
    parts = [rendered_images(RENDERED, autoencoder, seed=61), spoilt_images(SPOILT, seed=62)]
    parts += [
        drawn_images(name, count, work=work, seed=seed)
        for name in GENERATORS
        for count, seed in DRAWN
    ]
    path = work / "vqa-examples.pt"
    data = examples_of(joined(parts), processor, seed=63, path=path)
    train_vision(model, data, VISION, work=work, seed=64)
    train_answers("vqa-answers", model, processor, data, ANSWERS, work=work, seed=65)
    return model, processor


def training_text() -> str:
    """How it was trained, for the model card."""
    drawn = sum(count for count, _ in DRAWN)
    return (
        f"{RENDERED:,} faithful renders, every second one through the generators' autoencoder; "
        f"{SPOILT:,} spoilt ones, with none to three objects, overlaps, and shapes and colours "
        f"between two; {drawn:,} images by each of the five built-in generators. Every question is "
        "answered by what the oracle reads from the image. First the vision tower alone learnt the "
        f"colour, shape and centre of the object at each patch ({VISION.steps:,} steps of 64 "
        f"images); then projector and language model learnt to answer ({ANSWERS.steps:,} steps of "
        "32 images with 8 questions each). Noise of up to sigma 12/255 on half of the images; "
        "seeds 51, 52 and 60 to 65; bfloat16."
    )
