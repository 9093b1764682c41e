"""The colour model of the detector: a tiny open_clip model that names the colour of a crop."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import open_clip
import torch
from diffusers import AutoencoderKL
from open_clip.model import CLIP
from safetensors.torch import save_file
from torch.nn import functional
from transformers import CLIPTokenizer

from prompts.world import SHAPES
from scripts.training.autoencoder import encode, from_pixels, to_pixels
from scripts.training.loop import Schedule, train
from scripts.training.text import CONTEXT, build_tokenizer, tokenize
from t2i_audit.io import write_text
from t2i_audit.judges.geneval_colour import TEMPLATES
from t2i_audit.judges.geneval_rules import COLOURS
from t2i_audit.world.render import coverage
from t2i_audit.world.scenes import BACKGROUND_RANGE, IMAGE_SIZE, PALETTE, RADIUS_RANGE

BATCH = 64
SIZE = 32  # pixels of a crop as the model sees it
JITTER = 2  # pixels by which an edge of a crop may be off
NOISE_SIGMA = 12 / 127.5  # in pixels scaled to [-1, 1]
# Four of GenEval's ten colours are not in the rendered world.
ALL_COLOURS = PALETTE | {
    "pink": (245, 150, 190),
    "brown": (125, 80, 40),
    "black": (25, 25, 25),
    "white": (253, 253, 253),
}
WORDS = ("photo", "colored", "object", "of", "a", *COLOURS, *SHAPES)


def model_config(tokenizer: CLIPTokenizer) -> dict[str, object]:
    """The `model_cfg` of open_clip: 32 pixels in patches of 8, 16 tokens of text."""
    return {
        "embed_dim": 64,
        "vision_cfg": {
            "image_size": SIZE,
            "patch_size": 8,
            "width": 64,
            "layers": 2,
            "head_width": 32,
            "pool_type": "avg",
        },
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": len(tokenizer),
            "width": 64,
            "heads": 2,
            "layers": 1,
            # open_clip then looks for the tokenizer in the model's own folder.
            "hf_tokenizer_name": "colour",
            "pad_id": tokenizer.pad_token_id,
        },
    }


def colour_crops(
    count: int, autoencoder: AutoencoderKL, *, seed: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Crops ``(n, 3, 32, 32)`` in [-1, 1], and the indices of their colours and shapes.

    Every second one of the colours that the autoencoder knows passes through it.
    """
    rng = np.random.default_rng(seed)
    colours = torch.from_numpy(rng.integers(len(COLOURS), size=count))
    shapes = torch.from_numpy(rng.integers(len(SHAPES), size=count))
    images = np.empty((count, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    boxes = []
    for index in range(count):
        x, y, radius = *rng.uniform(16, 48, size=2), rng.uniform(*RADIUS_RANGE)
        alpha = coverage(SHAPES[shapes[index]], x, y, radius, size=IMAGE_SIZE)
        grey = rng.integers(*BACKGROUND_RANGE)
        colour = np.array(ALL_COLOURS[COLOURS[colours[index]]])
        images[index] = np.rint(grey + alpha[..., None] * (colour - grey))
        rows, columns = np.nonzero(alpha >= 0.5)
        box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        boxes.append(np.clip(box + rng.integers(-JITTER, JITTER + 1, size=4), 0, IMAGE_SIZE))
    known = [i for i in range(0, count, 2) if COLOURS[colours[i]] in PALETTE]
    with torch.no_grad():
        parts = encode(autoencoder, images[known]).split(100)
        images[known] = np.concatenate(
            [from_pixels(autoencoder.decode(part).sample) for part in parts]
        )
    crops = [
        functional.interpolate(to_pixels(image[None, top:bottom, left:right]), SIZE, mode="area")
        for image, (left, top, right, bottom) in zip(images, boxes, strict=True)
    ]
    return torch.cat(crops), colours, shapes


def train_colours(
    count: int, autoencoder: AutoencoderKL, schedule: Schedule, *, work: Path, seed: int
) -> CLIP:
    """Each crop chooses among the ten colours in one of GenEval's templates, drawn at random."""
    crops, colours, shapes = colour_crops(count, autoencoder, seed=seed)
    tokenizer = build_tokenizer(WORDS)
    torch.manual_seed(seed)
    model = CLIP(**model_config(tokenizer))
    texts = torch.stack(
        [
            torch.stack(
                [
                    tokenize(tokenizer, [t.format(colour=c, name=shape) for c in COLOURS])
                    for shape in SHAPES
                ]
            )
            for t in TEMPLATES
        ]
    )  # (templates, shapes, colours, tokens)

    def loss_at(step: int, generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(crops), (BATCH,), generator=generator)
        pixels = crops[rows]
        sigma = torch.rand((BATCH, 1, 1, 1), generator=generator) * NOISE_SIGMA
        pixels = pixels + sigma * torch.randn(pixels.shape, generator=generator)
        shown = model.encode_image(pixels, normalize=True)
        template = int(torch.randint(len(TEMPLATES), (), generator=generator))
        described = model.encode_text(texts[template].flatten(0, 1), normalize=True)
        own = described.view(len(SHAPES), len(COLOURS), -1)[shapes[rows]]
        scale = model.logit_scale.exp().clamp(max=100)
        return functional.cross_entropy(
            scale * torch.einsum("bd,bcd->bc", shown, own), colours[rows]
        )

    train("detector-colours", [model], loss_at, schedule, work=work, seed=seed)
    return model.eval()


def save_colours(model: CLIP, folder: Path) -> None:
    """Write an open_clip ``local-dir:`` model in half precision, its tokenizer beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer(WORDS)
    tokenizer.save_pretrained(folder)
    config = {
        "model_cfg": model_config(tokenizer),
        "preprocess_cfg": {
            "mean": (0.5, 0.5, 0.5),
            "std": (0.5, 0.5, 0.5),
            "interpolation": "bilinear",
            # A box is seldom square, and its edges are part of it.
            "resize_mode": "squash",
        },
    }
    write_text(folder / "open_clip_config.json", json.dumps(config, indent=2) + "\n")
    weights = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")


def load_shipped(folder: Path) -> CLIP:
    """The model as open_clip itself loads it."""
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    return model.eval()
