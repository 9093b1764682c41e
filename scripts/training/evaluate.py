"""What a checkpoint really draws, by the oracle: the measured cells of a model card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from prompts.structure import Prompt
from t2i_audit.judges.oracle import judge_reading
from t2i_audit.world.oracle import read_images


@dataclass(frozen=True, eq=False)
class Drawn:
    """The oracle's verdict on each image, one row a prompt."""

    prompts: tuple[Prompt, ...]
    slots: dict[str, np.ndarray]
    """Slot -> ``(n,)`` 1.0 right, 0.0 wrong, NaN where the prompt lacks the slot."""
    words: np.ndarray
    """``(n,)`` whether every colour and shape of the prompt is somewhere in the image."""
    correct: np.ndarray
    readable: np.ndarray

    @property
    def objects(self) -> np.ndarray:
        """``(n,)`` whether every colour-shape pair of the prompt is right."""
        parts = [values for slot, values in self.slots.items() if slot.startswith("object_")]
        return np.nanmin(np.stack(parts), axis=0)


@torch.no_grad()
def draw(
    pipeline: StableDiffusionPipeline,
    prompts: Sequence[Prompt],
    *,
    steps: int,
    guidance_scale: float,
    seed: int,
    batch: int = 50,
) -> np.ndarray:
    """One ``uint8`` image a prompt, ``(n, 64, 64, 3)``."""
    generator = torch.Generator().manual_seed(seed)
    images = []
    for start in range(0, len(prompts), batch):
        texts = [prompt.text for prompt in prompts[start : start + batch]]
        pixels = pipeline(
            texts,
            num_inference_steps=steps,
            guidance_scale=guidance_scale,
            generator=generator,
            output_type="np",
        ).images
        images.append(np.rint(pixels * 255).astype(np.uint8))
    return np.concatenate(images)


def evaluate(prompts: Sequence[Prompt], images: np.ndarray) -> Drawn:
    """Read every image and hold it against its prompt."""
    readings = read_images(images)
    judged = [judge_reading(r, p) for r, p in zip(readings, prompts, strict=True)]
    names = sorted({part.slot for prompt in prompts for part in prompt.constituents})
    slots = {
        name: np.array([bool(j.slots[name]) if name in j.slots else np.nan for j in judged], float)
        for name in names
    }
    words = []
    for reading, prompt in zip(readings, prompts, strict=True):
        seen = {item.colour for item in reading.objects} | {item.shape for item in reading.objects}
        said = {p.value for p in prompt.constituents if p.kind in ("colour", "shape")}
        words.append(said <= seen)
    return Drawn(
        tuple(prompts),
        slots,
        np.array(words, dtype=float),
        np.array([j.correct for j in judged], dtype=float),
        np.array([r.readable for r in readings]),
    )
