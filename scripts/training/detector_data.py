"""Images of the rendered world with a box for each object, to train a detector on."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL, DiffusionPipeline
from torchvision.ops import masks_to_boxes

from prompts.world import COLOURS, SHAPES, SceneType, sample_content, sample_prompt
from scripts.training.autoencoder import encode, from_pixels
from scripts.training.evaluate import draw
from t2i_audit.world.oracle import component_masks, read_image
from t2i_audit.world.render import coverage, render
from t2i_audit.world.scenes import IMAGE_SIZE, RADIUS_RANGE, Scene, SceneObject, place

# Kinds of scenes and their shares: one object, two, the same twice, three, none, and one whose
# shape is unclear because two shapes lie on top of each other.
KINDS = (
    ("one", 0.25),
    ("two", 0.45),
    ("doubled", 0.1),
    ("three", 0.1),
    ("none", 0.02),
    ("unclear", 0.08),
)
UNCLEAR_OFFSET = 8.0  # pixels between the two shapes at most, on each axis


@dataclass(frozen=True, eq=False)
class Boxed:
    """Images, each with its objects."""

    images: np.ndarray
    """``uint8`` RGB, ``(n, 64, 64, 3)``."""
    boxes: tuple[np.ndarray, ...]
    """Of each image ``(k, 4)``: left, top, right, bottom in pixels."""
    labels: tuple[np.ndarray, ...]
    """Of each image ``(k,)``: indices in `SHAPES`."""

    def as_tensors(self) -> list[torch.Tensor]:
        """For a file: the images, and the boxes with the label and the image's index behind."""
        rows = [
            np.concatenate([boxes, labels[:, None], np.full((len(labels), 1), index)], axis=1)
            for index, (boxes, labels) in enumerate(zip(self.boxes, self.labels, strict=True))
        ]
        return [torch.from_numpy(self.images), torch.from_numpy(np.concatenate(rows))]

    @classmethod
    def from_tensors(cls, images: torch.Tensor, rows: torch.Tensor) -> Boxed:
        """The inverse of `as_tensors`."""
        own = [rows[rows[:, 5] == index].numpy() for index in range(len(images))]
        return cls(
            images.numpy(),
            tuple(each[:, :4].astype(np.float32) for each in own),
            tuple(each[:, 4].astype(np.int64) for each in own),
        )

    def joined(self, other: Boxed) -> Boxed:
        """Both together."""
        return Boxed(
            np.concatenate([self.images, other.images]),
            self.boxes + other.boxes,
            self.labels + other.labels,
        )


def boxed_scenes(count: int, autoencoder: AutoencoderKL, *, seed: int) -> Boxed:
    """Draw scenes of all kinds, every second image through the autoencoder.

    Boxes come from the scene; where the shape is unclear, the oracle says what can be seen.
    """
    rng, scene_rng = random.Random(seed), np.random.default_rng(seed)
    kinds = rng.choices([name for name, _ in KINDS], [share for _, share in KINDS], k=count)
    scenes = [SCENES[kind](rng, scene_rng) for kind in kinds]
    images = render(scenes)
    seen = [
        read_objects(image) if kind == "unclear" else scene_objects(scene)
        for image, kind, scene in zip(images, kinds, scenes, strict=True)
    ]
    latents = encode(autoencoder, images[::2])
    with torch.no_grad():
        decoded = [from_pixels(autoencoder.decode(part).sample) for part in latents.split(100)]
    images[::2] = np.concatenate(decoded)
    return _boxed(images, seen)


def boxed_drawings(
    pipeline: DiffusionPipeline, count: int, *, steps: int, guidance_scale: float, seed: int
) -> Boxed:
    """Let a generator draw; the boxes are the components that the oracle can read."""
    rng = random.Random(seed)
    types: list[SceneType] = ["one_object", "two_objects", "relation"]
    prompts = [sample_prompt(rng, types[i % len(types)]) for i in range(count)]
    images = draw(pipeline, prompts, steps=steps, guidance_scale=guidance_scale, seed=seed)
    return _boxed(images, [read_objects(image) for image in images])


Objects = tuple[np.ndarray, np.ndarray]


def scene_objects(scene: Scene) -> Objects:
    """Boxes ``(k, 4)`` and labels ``(k,)`` of a scene."""
    masks = [
        coverage(item.shape, item.x, item.y, item.radius, size=IMAGE_SIZE) >= 0.5
        for item in scene.objects
    ]
    return _objects(masks, [item.shape for item in scene.objects])


def read_objects(image: np.ndarray) -> Objects:
    """Boxes ``(k, 4)`` and labels ``(k,)`` of the objects in an image that the oracle can read."""
    read = zip(component_masks(image), read_image(image).objects, strict=True)
    clear = [(mask, item.shape) for mask, item in read if item.readable]
    return _objects([mask for mask, _ in clear], [shape for _, shape in clear])


def _objects(masks: Sequence[np.ndarray], shapes: Sequence[str]) -> Objects:
    labels = np.array([SHAPES.index(shape) for shape in shapes], dtype=np.int64)
    if not masks:
        return np.zeros((0, 4), np.float32), labels
    boxes = masks_to_boxes(torch.from_numpy(np.stack(masks))).numpy()
    # torchvision gives the last pixel; a box ends behind it.
    boxes[:, 2:] += 1
    return boxes.astype(np.float32), labels


def _boxed(images: np.ndarray, seen: Sequence[Objects]) -> Boxed:
    return Boxed(images, tuple(boxes for boxes, _ in seen), tuple(labels for _, labels in seen))


def _one(rng: random.Random, scene_rng: np.random.Generator) -> Scene:
    return place(sample_content(rng, "one_object"), scene_rng)


def _two(rng: random.Random, scene_rng: np.random.Generator) -> Scene:
    return place(sample_content(rng, "relation", distinct=rng.random() < 0.8), scene_rng)


def _doubled(rng: random.Random, scene_rng: np.random.Generator) -> Scene:
    scene = _two(rng, scene_rng)
    first, second = scene.objects
    same = SceneObject(first.colour, first.shape, second.x, second.y, second.radius)
    return Scene((first, same), scene.background)


def _three(rng: random.Random, scene_rng: np.random.Generator) -> Scene:
    """Three objects in three of the image's four corners."""
    corners = rng.sample([(17, 17), (47, 17), (17, 47), (47, 47)], 3)
    objects = tuple(
        SceneObject(
            rng.choice(COLOURS),
            rng.choice(SHAPES),
            x + rng.uniform(-2, 2),
            y + rng.uniform(-2, 2),
            rng.uniform(*RADIUS_RANGE),
        )
        for x, y in corners
    )
    return Scene(objects, _one(rng, scene_rng).background)


def _none(rng: random.Random, scene_rng: np.random.Generator) -> Scene:
    return Scene((), _one(rng, scene_rng).background)


def _unclear(rng: random.Random, scene_rng: np.random.Generator) -> Scene:
    scene = _one(rng, scene_rng)
    (first,) = scene.objects
    over = SceneObject(
        rng.choice((first.colour, rng.choice(COLOURS))),
        rng.choice([shape for shape in SHAPES if shape != first.shape]),
        first.x + rng.uniform(-UNCLEAR_OFFSET, UNCLEAR_OFFSET),
        first.y + rng.uniform(-UNCLEAR_OFFSET, UNCLEAR_OFFSET),
        rng.uniform(*RADIUS_RANGE),
    )
    return Scene((first, over), scene.background)


SCENES: dict[str, Callable[[random.Random, np.random.Generator], Scene]] = {
    "one": _one,
    "two": _two,
    "doubled": _doubled,
    "three": _three,
    "none": _none,
    "unclear": _unclear,
}
