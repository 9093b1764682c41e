"""Read shapes, colours and positions back from the pixels of a rendered-world image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage

from prompts.world import COLOURS, SHAPES
from t2i_audit.world.render import coverage
from t2i_audit.world.scenes import PALETTE

SATURATION_THRESHOLD = 60  # of 255; the grey background has none, the palest colour over 190
MINIMUM_AREA = 60  # pixels; the smallest clean object covers more than twice that
TEMPLATE_RADII = (8.5, 9.5, 10.5, 11.5, 12.5)  # pixels
TEMPLATE_SIZE = 41  # pixels
READABLE_OVERLAP = 0.7  # intersection over union with the best template
READABLE_COLOUR_DISTANCE = 75.0  # RGB units to the nearest palette colour
RELATION_MARGIN = 5.0  # pixels between centres


@dataclass(frozen=True)
class ReadObject:
    """One object as read; centre in pixels."""

    colour: str
    shape: str
    x: float
    y: float
    overlap: float
    """Intersection over union with the best template, the reader's confidence in the shape."""
    colour_distance: float
    """RGB distance to the nearest palette colour."""

    @property
    def readable(self) -> bool:
        """Whether shape and colour can be identified with confidence."""
        return self.overlap >= READABLE_OVERLAP and self.colour_distance <= READABLE_COLOUR_DISTANCE


@dataclass(frozen=True)
class SceneReading:
    """Everything read from one image."""

    objects: tuple[ReadObject, ...]

    @property
    def readable(self) -> bool:
        """At least one object, and every one of them identified with confidence."""
        return bool(self.objects) and all(item.readable for item in self.objects)


@cache
def _templates() -> tuple[np.ndarray, np.ndarray]:
    middle = TEMPLATE_SIZE / 2
    masks = [
        coverage(shape, middle, middle, radius, size=TEMPLATE_SIZE) >= 0.5
        for shape in SHAPES
        for radius in TEMPLATE_RADII
    ]
    centred = np.stack([_centred(mask) for mask in masks]).reshape(len(masks), -1)
    return centred.astype(np.float32), centred.sum(axis=1).astype(np.float32)


def _centred(mask: np.ndarray) -> np.ndarray:
    """`mask` moved so that its centroid falls on the middle pixel of a template window."""
    rows, columns = np.nonzero(mask)
    # Floor, not round: round-half-to-even sends neighbouring rows to the same place.
    row_shift = int(np.floor(TEMPLATE_SIZE // 2 - rows.mean() + 0.5))
    column_shift = int(np.floor(TEMPLATE_SIZE // 2 - columns.mean() + 0.5))
    rows, columns = rows + row_shift, columns + column_shift
    inside = (rows >= 0) & (rows < TEMPLATE_SIZE) & (columns >= 0) & (columns < TEMPLATE_SIZE)
    window = np.zeros((TEMPLATE_SIZE, TEMPLATE_SIZE), dtype=bool)
    window[rows[inside], columns[inside]] = True
    return window


def read_image(image: np.ndarray) -> SceneReading:
    """Read one ``uint8`` RGB image, ``(height, width, 3)``."""
    pixels = image.astype(np.int16)
    return SceneReading(tuple(_read_object(pixels, mask) for mask in component_masks(image)))


def component_masks(image: np.ndarray) -> list[np.ndarray]:
    """Where each object of one image is, ``(height, width)`` of bool, in the order of reading."""
    pixels = image.astype(np.int16)
    saturation = ndimage.median_filter(pixels.max(axis=2) - pixels.min(axis=2), size=3)
    labels, count = ndimage.label(saturation > SATURATION_THRESHOLD)
    masks = [labels == label for label in range(1, count + 1)]
    return [mask for mask in masks if mask.sum() >= MINIMUM_AREA]


def _read_object(pixels: np.ndarray, mask: np.ndarray) -> ReadObject:
    core = ndimage.binary_erosion(mask)
    colour = np.median(pixels[core if core.sum() >= 10 else mask], axis=0)
    distances = [float(np.linalg.norm(colour - np.array(PALETTE[name]))) for name in COLOURS]
    nearest = int(np.argmin(distances))
    templates, areas = _templates()
    window = _centred(mask).reshape(-1).astype(np.float32)
    shared = templates @ window
    overlaps = shared / (areas + mask.sum() - shared)
    best = int(np.argmax(overlaps))
    row, column = ndimage.center_of_mass(mask)
    return ReadObject(
        colour=COLOURS[nearest],
        shape=SHAPES[best // len(TEMPLATE_RADII)],
        x=float(column) + 0.5,
        y=float(row) + 0.5,
        overlap=float(overlaps[best]),
        colour_distance=distances[nearest],
    )


def relation_holds(relation: str, first: ReadObject, second: ReadObject) -> bool:
    """Whether `first` stands in `relation` to `second`, by the centres with a margin."""
    across, down = first.x - second.x, first.y - second.y
    offset = {"left of": -across, "right of": across, "above": -down, "below": down}[relation]
    return offset > RELATION_MARGIN


def read_images(images: Sequence[np.ndarray] | np.ndarray) -> list[SceneReading]:
    """Read every image of a batch."""
    return [read_image(image) for image in images]
