"""GenEval's rules on boxes (Ghosh, Hajishirzi and Schmidt, arXiv 2310.11513).

Nothing here knows of models: objects come in as boxes with confidences, colours as a function.
Written from a description of the released evaluation, whose decisions it gives in every case.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

Position = Literal["left of", "right of", "above", "below"]
COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white",
)  # fmt: skip
SMALLEST_OFFSET = 1e-3  # pixels; two centres nearer than this on both axes have no relation
LEAST_SHARE = 0.5  # of the distance that must lie along an axis


@dataclass(frozen=True)
class Rules:
    """The numbers in the rules; the defaults are GenEval's."""

    threshold: float = 0.3
    """Boxes are kept if their confidence is above it."""
    counting_threshold: float = 0.9
    """The same for prompts that count."""
    most: int = 16
    """Boxes that are kept of a class."""
    overlap: float = 1.0
    """Of two boxes of a class, the less confident is dropped from this intersection over union on;
    1 drops none."""
    margin: float = 0.1
    """Share of both boxes' sizes by which two centres must differ to be in a relation."""


@dataclass(frozen=True, eq=False)
class Box:
    """A detected object; edges in pixels, y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float
    confidence: float
    mask: np.ndarray | None = field(default=None, repr=False)
    """``(height, width)`` of bool: which pixels of the image are the object's."""


@dataclass(frozen=True)
class Clause:
    """What an image must show."""

    name: str
    """The class."""
    count: int = 1
    colour: str = ""
    """One of `COLOURS`; empty for any."""
    position: tuple[Position, int] | None = None
    """Its relation to the objects of an earlier clause, by that clause's index."""


@dataclass(frozen=True)
class Excluded:
    """What an image must not show: so many of a class."""

    name: str
    count: int


@dataclass(frozen=True)
class Outcome:
    """How a clause came out."""

    found: tuple[Box, ...]
    """The most confident boxes of its class, at most as many as it asks for."""
    enough: bool
    colours: tuple[str, ...] = ()
    """The colour of each box; empty if it was not asked for or there were too few boxes."""
    coloured: bool | None = None
    """Whether all have the wanted colour; None if that was not looked at."""
    placed: bool | None = None
    """Whether all are in the relation; None if that was not looked at."""

    @property
    def holds(self) -> bool:
        """Whether the clause is true of the image."""
        return self.enough and self.coloured is not False and self.placed is not False


@dataclass(frozen=True)
class Decision:
    """How an image came out."""

    outcomes: tuple[Outcome, ...]
    """One a clause."""
    too_many: tuple[bool, ...] = ()
    """For each exclusion, whether the image violates it."""

    @property
    def correct(self) -> bool:
        """Whether the image shows what it must, and nothing that it must not."""
        return all(outcome.holds for outcome in self.outcomes) and not any(self.too_many)


ColoursOf = Callable[[str, Sequence[Box]], Sequence[str]]
"""From a class and its boxes, the colour of each box."""


def kept(boxes: Sequence[Box], *, rules: Rules = Rules(), counting: bool = False) -> list[Box]:
    """The boxes of one class that count, in falling order of confidence."""
    threshold = rules.counting_threshold if counting else rules.threshold
    ranked = sorted(
        (box for box in boxes if box.confidence > threshold), key=lambda box: -box.confidence
    )[: rules.most]
    if rules.overlap == 1:
        return ranked
    chosen: list[Box] = []
    for box in ranked:
        if all(intersection_over_union(other, box) < rules.overlap for other in chosen):
            chosen.append(box)
    return chosen


def intersection_over_union(one: Box, other: Box) -> float:
    """Of two boxes whose edges are pixels that belong to them: a side is ``right - left + 1``."""
    shared = _area(
        max(one.left, other.left),
        max(one.top, other.top),
        min(one.right, other.right),
        min(one.bottom, other.bottom),
    )
    total = sum(_area(box.left, box.top, box.right, box.bottom) for box in (one, other)) - shared
    return shared / total if total else 0.0


def _area(left: float, top: float, right: float, bottom: float) -> float:
    return max(right - left + 1, 0) * max(bottom - top + 1, 0)


def positions(one: Box, other: Box, *, rules: Rules = Rules()) -> frozenset[Position]:
    """The relations in which `one` stands to `other`: none, one, or one of each axis.

    An axis counts by its share of the distance between the centres, after a margin for the sizes
    of both boxes was taken off.
    """
    across = (one.left + one.right) / 2 - (other.left + other.right) / 2
    down = (one.top + one.bottom) / 2 - (other.top + other.bottom) / 2
    width = abs(one.right - one.left) + abs(other.right - other.left)
    height = abs(one.bottom - one.top) + abs(other.bottom - other.top)
    right = _shrunk(across, rules.margin * width)
    below = _shrunk(down, rules.margin * height)
    if abs(right) < SMALLEST_OFFSET and abs(below) < SMALLEST_OFFSET:
        return frozenset()
    distance = math.hypot(across, down)
    shares: tuple[tuple[Position, float], ...] = (
        ("left of", -right / distance),
        ("right of", right / distance),
        ("above", -below / distance),
        ("below", below / distance),
    )
    return frozenset(name for name, share in shares if share > LEAST_SHARE)


def _shrunk(offset: float, by: float) -> float:
    return math.copysign(max(abs(offset) - by, 0.0), offset)


def decide(
    objects: Mapping[str, Sequence[Box]],
    clauses: Sequence[Clause],
    excluded: Sequence[Excluded] = (),
    *,
    colours_of: ColoursOf,
    rules: Rules = Rules(),
) -> Decision:
    """Hold the kept boxes of each class (see `kept`) against what the image must show.

    A clause looks at the most confident boxes of its class, as many as it counts; its colour is
    looked at where they are enough, its position where the clause still holds. The position must
    hold between each of them and each box of the other clause, and fails if that clause failed.
    """
    outcomes: list[Outcome] = []
    for clause in clauses:
        found = tuple(objects.get(clause.name, ())[: clause.count])
        if len(found) < clause.count:
            outcomes.append(Outcome(found, enough=False))
            continue
        colours: tuple[str, ...] = ()
        coloured = placed = None
        if clause.colour:
            colours = tuple(colours_of(clause.name, found))
            coloured = colours.count(clause.colour) >= clause.count
        if clause.position is not None and coloured is not False:
            relation, index = clause.position
            target = outcomes[index]
            placed = target.holds and all(
                relation in positions(box, other, rules=rules)
                for box in found
                for other in target.found
            )
        outcomes.append(Outcome(found, True, colours, coloured, placed))
    too_many = tuple(len(objects.get(each.name, ())) >= each.count for each in excluded)
    return Decision(tuple(outcomes), too_many)
