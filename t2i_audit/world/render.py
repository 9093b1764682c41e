"""Draw scenes: anti-aliased shapes by their signed distance.

The star's distance is the standard construction for an n-pointed star by folding the plane
(Inigo Quilez, "2D distance functions").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from t2i_audit.world.scenes import IMAGE_SIZE, PALETTE, Scene

# Sizes relative to an object's radius, chosen so that all shapes cover a similar area.
SQUARE_HALF_SIDE = 0.82
TRIANGLE_INRADIUS = 0.62
DIAMOND_REACH = 1.15
CROSS_HALF_WIDTH = 0.36
STAR_REACH = 1.2
STAR_POINTS = 5
STAR_SHARPNESS = 2.8


def signed_distance(shape: str, x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    """Distance in pixels to the outline of `shape`, negative inside; `y` grows downwards."""
    across, down = np.abs(x), np.abs(y)
    if shape == "circle":
        return np.hypot(x, y) - radius
    if shape == "square":
        return np.maximum(across, down) - SQUARE_HALF_SIDE * radius
    if shape == "triangle":
        return np.maximum(across * np.sqrt(3) / 2 - y / 2, y) - TRIANGLE_INRADIUS * radius
    if shape == "diamond":
        return (across + down - DIAMOND_REACH * radius) / np.sqrt(2)
    if shape == "cross":
        width = CROSS_HALF_WIDTH * radius
        upright = np.maximum(across - width, down - radius)
        lying = np.maximum(across - radius, down - width)
        return np.minimum(upright, lying)
    if shape == "star":
        return _star_distance(x, -y, STAR_REACH * radius)
    raise ValueError(f"unknown shape {shape!r}")


def _star_distance(x: np.ndarray, y: np.ndarray, reach: float) -> np.ndarray:
    half_turn = np.pi / STAR_POINTS
    edge = np.pi / STAR_SHARPNESS
    tip = np.array([np.cos(half_turn), np.sin(half_turn)])
    side = np.array([np.cos(edge), np.sin(edge)])
    angle = np.mod(np.arctan2(x, y), 2 * half_turn) - half_turn
    length = np.hypot(x, y)
    px = length * np.cos(angle) - reach * tip[0]
    py = length * np.abs(np.sin(angle)) - reach * tip[1]
    along = np.clip(-(px * side[0] + py * side[1]), 0.0, reach * tip[1] / side[1])
    px, py = px + side[0] * along, py + side[1] * along
    return np.hypot(px, py) * np.sign(px)


def coverage(shape: str, x: float, y: float, radius: float, *, size: int) -> np.ndarray:
    """How much of each pixel the shape covers, ``(size, size)`` in [0, 1]."""
    rows, columns = np.mgrid[0:size, 0:size] + 0.5
    return np.clip(0.5 - signed_distance(shape, columns - x, rows - y, radius), 0.0, 1.0)


def render(scenes: Sequence[Scene]) -> np.ndarray:
    """Draw scenes as ``uint8`` RGB images, ``(n, 64, 64, 3)``."""
    images = np.empty((len(scenes), IMAGE_SIZE, IMAGE_SIZE, 3), np.float64)
    for image, scene in zip(images, scenes, strict=True):
        image[:] = scene.background
        for item in scene.objects:
            alpha = coverage(item.shape, item.x, item.y, item.radius, size=IMAGE_SIZE)[..., None]
            image += alpha * (np.array(PALETTE[item.colour]) - image)
    return np.rint(images).astype(np.uint8)
