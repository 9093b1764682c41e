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
# Equal objects that are counted stand in cells of a two by two grid, each near the middle of its
# cell, and are small enough that no two touch.
CELL_CENTRES = tuple((x, y) for y in (16.0, 48.0) for x in (16.0, 48.0))
CELL_OFFSET = 1.0  # pixels, at most, on each axis
COUNTED_RADIUS_RANGE = (9.5, 11.0)
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
    if content.count is not None:
        return _place_counted(content, content.count, rng)
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
    return Scene(objects, _background(rng))


def _place_counted(content: Content, count: int, rng: np.random.Generator) -> Scene:
    ((colour, shape),) = content.objects
    cells = rng.choice(len(CELL_CENTRES), size=count, replace=False)
    objects = []
    for cell in cells:
        across, down = rng.uniform(-CELL_OFFSET, CELL_OFFSET, size=2)
        x, y = CELL_CENTRES[cell]
        radius = float(rng.uniform(*COUNTED_RADIUS_RANGE))
        objects.append(SceneObject(colour, shape, x + float(across), y + float(down), radius))
    return Scene(tuple(objects), _background(rng))


def _background(rng: np.random.Generator) -> int:
    low, high = BACKGROUND_RANGE
    return int(rng.integers(low, high + 1))
