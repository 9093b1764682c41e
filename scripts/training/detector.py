"""The detector of the rendered world: a small RT-DETRv2 whose classes are the six shapes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import torch
from transformers import (
    RTDetrImageProcessor,
    RTDetrResNetConfig,
    RTDetrV2Config,
    RTDetrV2ForObjectDetection,
)

from prompts.world import SHAPES
from scripts.training.detector_data import Boxed
from scripts.training.loop import Schedule, train
from t2i_audit.world.scenes import IMAGE_SIZE

BATCH = 32
NOISE_SIGMA = 12 / 255  # of pixels in [0, 1]
WIDTH = 64


def build_detector(*, seed: int) -> RTDetrV2ForObjectDetection:
    """A detector with random weights: strides 8 and 16, twelve queries, two decoder layers."""
    torch.manual_seed(seed)
    stages = [32, 48, 96]
    backbone = RTDetrResNetConfig(
        embedding_size=stages[0],
        hidden_sizes=stages,
        depths=[1, 1, 1],
        layer_type="basic",
        out_indices=[2, 3],
    )
    config = RTDetrV2Config(
        backbone_config=backbone,
        freeze_backbone_batch_norms=False,
        encoder_in_channels=stages[1:],
        feat_strides=[8, 16],
        encode_proj_layers=[1],
        encoder_hidden_dim=WIDTH,
        encoder_ffn_dim=2 * WIDTH,
        encoder_attention_heads=4,
        hidden_expansion=0.5,
        d_model=WIDTH,
        decoder_in_channels=[WIDTH, WIDTH],
        decoder_ffn_dim=2 * WIDTH,
        decoder_attention_heads=4,
        decoder_layers=2,
        decoder_n_points=4,
        decoder_n_levels=2,
        num_feature_levels=2,
        num_queries=12,
        num_denoising=12,
        id2label=dict(enumerate(SHAPES)),
        label2id={shape: index for index, shape in enumerate(SHAPES)},
    )
    return RTDetrV2ForObjectDetection(config)


def image_processor() -> RTDetrImageProcessor:
    """What makes pixels in [0, 1] of an image of any size."""
    return RTDetrImageProcessor(
        size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}, do_normalize=False, do_pad=False
    )


def train_detector(
    phases: tuple[tuple[str, Callable[[], Boxed], Schedule], ...], *, work: Path, seed: int
) -> RTDetrV2ForObjectDetection:
    """Train a fresh detector through `phases`: the name, the images and the schedule of each."""
    model = build_detector(seed=seed).train()
    for number, (name, images, schedule) in enumerate(phases):
        train(
            name, [model], detection_loss(model, images()), schedule, work=work, seed=seed + number
        )
    return model.eval()


def detection_loss(
    model: RTDetrV2ForObjectDetection, data: Boxed
) -> Callable[[int, torch.Generator], torch.Tensor]:
    """The loss of a batch that is mirrored, recoloured and made noisy at random."""
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2)
    # Centre and size as shares of the image, as the model takes them.
    targets = []
    for boxes, labels in zip(data.boxes, data.labels, strict=True):
        edges = torch.from_numpy(boxes) / IMAGE_SIZE
        centred = torch.cat([(edges[:, :2] + edges[:, 2:]) / 2, edges[:, 2:] - edges[:, :2]], dim=1)
        targets.append((centred, torch.from_numpy(labels)))
    orders = torch.tensor(list(permutations(range(3))))

    def loss_at(step: int, generator: torch.Generator) -> torch.Tensor:
        # The model draws its denoising queries from torch's own generator.
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        rows = torch.randint(len(images), (BATCH,), generator=generator)
        mirrored = torch.rand(BATCH, generator=generator) < 0.5
        order = orders[torch.randint(len(orders), (BATCH,), generator=generator)]
        pixels = images[rows].float() / 255
        pixels = torch.where(mirrored[:, None, None, None], pixels.flip(-1), pixels)
        pixels = pixels.gather(1, order[:, :, None, None].expand_as(pixels))
        sigma = torch.rand((BATCH, 1, 1, 1), generator=generator) * NOISE_SIGMA
        pixels = pixels + sigma * torch.randn(pixels.shape, generator=generator)
        wanted = []
        for row, mirror in zip(rows.tolist(), mirrored.tolist(), strict=True):
            boxes, labels = targets[row]
            if mirror:
                boxes = torch.cat([1 - boxes[:, :1], boxes[:, 1:]], dim=1)
            wanted.append({"boxes": boxes, "class_labels": labels})
        return model(pixel_values=pixels, labels=wanted).loss

    return loss_at


def save_detector(model: RTDetrV2ForObjectDetection, folder: Path) -> None:
    """Write the detector in half precision with its image processor."""
    model.half().save_pretrained(folder)
    image_processor().save_pretrained(folder)
