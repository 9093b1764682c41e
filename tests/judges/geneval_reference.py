"""GenEval's rules once more, from their description alone and with arrays, as a second opinion.

It works on rows ``(x0, y0, x1, y1, score)`` and metadata rows as GenEval's files hold them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]


def reference_kept(rows: Rows, *, tag: str, max_overlap: float) -> Rows:
    """Rule 1."""
    rows = rows[rows[:, 4] > (0.9 if tag == "counting" else 0.3)]
    rows = rows[np.argsort(-rows[:, 4], kind="stable")][:16]
    if max_overlap >= 1.0 or len(rows) < 2:
        return rows
    sides = rows[:, 2:4] - rows[:, :2] + 1
    area = sides.clip(min=0).prod(axis=1)
    low = np.maximum(rows[:, None, :2], rows[None, :, :2])
    high = np.minimum(rows[:, None, 2:4], rows[None, :, 2:4])
    shared = (high - low + 1).clip(min=0).prod(axis=2)
    overlap = shared / (area[:, None] + area[None, :] - shared)
    alive = np.ones(len(rows), dtype=bool)
    for i in range(len(rows)):
        if alive[i]:
            later = np.arange(len(rows)) > i
            alive &= ~(later & (overlap[i] >= max_overlap))
    return rows[alive]


def reference_relations(a: NDArray[np.float64], b: NDArray[np.float64]) -> set[str]:
    """Rule 4 for one pair."""
    centre = np.array([a[:2] + a[2:4], b[:2] + b[2:4]]) / 2
    sizes = np.abs(a[2:4] - a[:2]) + np.abs(b[2:4] - b[:2])
    offset = centre[0] - centre[1]
    towards_zero = np.sign(offset) * np.clip(np.abs(offset) - 0.1 * sizes, 0, None)
    if (np.abs(towards_zero) < 1e-3).all():
        return set()
    x, y = towards_zero / np.sqrt((offset**2).sum())
    tests = {"left of": x < -0.5, "right of": x > 0.5, "above": y < -0.5, "below": y > 0.5}
    return {name for name, holds in tests.items() if holds}


def reference_correct(
    detected: Mapping[str, Rows],
    row: Mapping[str, Any],
    colour_of: Callable[[str, NDArray[np.float64]], str],
    *,
    max_overlap: float = 1.0,
) -> bool:
    """Whether an image with the boxes `detected` is right for the metadata `row`."""
    objects = {
        name: reference_kept(rows, tag=row["tag"], max_overlap=max_overlap)
        for name, rows in detected.items()
    }
    empty = np.zeros((0, 5))
    groups: list[Rows | None] = []
    for clause in row["include"]:
        groups.append(_group(objects.get(clause["class"], empty), clause, groups, colour_of))
    forbidden = [
        len(objects.get(clause["class"], empty)) >= clause["count"]
        for clause in row.get("exclude", ())
    ]
    return all(group is not None for group in groups) and not any(forbidden)


def _group(
    rows: Rows,
    clause: Mapping[str, Any],
    earlier: Sequence[Rows | None],
    colour_of: Callable[[str, NDArray[np.float64]], str],
) -> Rows | None:
    if len(rows) < clause["count"]:
        return None
    chosen = rows[: clause["count"]]
    if "color" in clause:
        tints = [colour_of(clause["class"], row) for row in chosen]
        if sum(tint == clause["color"] for tint in tints) < clause["count"]:
            return None
    if "position" in clause:
        relation, index = clause["position"]
        target = earlier[index]
        if target is None:
            return None
        if any(relation not in reference_relations(a, b) for a in chosen for b in target):
            return None
    return chosen
