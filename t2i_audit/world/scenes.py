"""Scenes of the rendered world: what stands where, before it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prompts.world import RELATIONS, Content

if TYPE_CHECKING:
    import numpy as np

IMAGE_SIZE = 64  # pixels
RADIUS_RANGE = (9.5, 12.0)  # pixels
BACKGROUND_RANGE = (225, 245)  # grey level
# Centres of two objects: about 30 px apart on the related axis, free on the other.
RELATED_DISTANCE = (28.0, 33.0)
FREE_RANGE = (25.0, 39.0)
PALETTE = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (40, 80, 220),
    "yellow": (235, 205, 40),
    "purple": (150, 60, 190),
    "orange": (245, 130, 30),
}


@dataclass(frozen=True)
class SceneObject:
    """One object; centre and radius in pixels, y grows downwards."""

    colour: str
    shape: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Scene:
    """Objects on a grey background."""

    objects: tuple[SceneObject, ...]
    background: int


def place(content: Content, rng: np.random.Generator) -> Scene:
    """Draw positions, sizes and a background for which `content` is true."""
    centres: list[tuple[float, float]]
    if len(content.objects) == 1:
        centres = [(float(rng.uniform(16, 48)), float(rng.uniform(16, 48)))]
    else:
        relation = content.relation or RELATIONS[int(rng.integers(len(RELATIONS)))]
        distance = float(rng.uniform(*RELATED_DISTANCE))
        middle = IMAGE_SIZE / 2 + float(rng.uniform(-2, 2))
        near, far = middle - distance / 2, middle + distance / 2
        if relation in ("right of", "below"):
            near, far = far, near
        free = [float(value) for value in rng.uniform(*FREE_RANGE, size=2)]
        if relation in ("left of", "right of"):
            centres = [(near, free[0]), (far, free[1])]
        else:
            centres = [(free[0], near), (free[1], far)]
    objects = tuple(
        SceneObject(colour, shape, x, y, float(rng.uniform(*RADIUS_RANGE)))
        for (colour, shape), (x, y) in zip(content.objects, centres, strict=True)
    )
    low, high = BACKGROUND_RANGE
    return Scene(objects, int(rng.integers(low, high + 1)))
