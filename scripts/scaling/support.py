"""What a generator of the study is trained on: which colours, shapes and pairs of them it sees.

After Redhardt, Akram and Schug (2025, arXiv 2507.07207): a training support is compositional if
every module occurs in it, and connected if the graph of modules that occur together is. Modules
are the colours and the shapes here, and they occur together if they are in one scene.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

from prompts.world import COLOURS, HELD_OUT_PAIRS, SHAPES

Pair = tuple[str, str]
"""A colour and a shape."""
MODULES = (*COLOURS, *SHAPES)


@dataclass(frozen=True)
class Support:
    """The colour-shape pairs that are drawn, in groups; all objects of a scene are of one group."""

    name: str
    groups: tuple[tuple[Pair, ...], ...]

    @property
    def pairs(self) -> frozenset[Pair]:
        """All pairs that are drawn."""
        return frozenset(pair for group in self.groups for pair in group)

    @property
    def edges(self) -> frozenset[tuple[str, str]]:
        """Any two modules that can occur in one scene, each in alphabetical order."""
        found: set[tuple[str, str]] = set()
        for group in self.groups:
            for first, second in product(group, repeat=2):
                found.update(combinations(sorted({*first, *second}), 2))
        return frozenset(found)

    @property
    def compositional(self) -> bool:
        """Whether every colour and every shape is drawn."""
        return {each for pair in self.pairs for each in pair} == set(MODULES)

    @property
    def connected(self) -> bool:
        """Whether one reaches every module that is drawn from any other over `edges`."""
        drawn = {each for pair in self.pairs for each in pair}
        reached: set[str] = set()
        new = {min(drawn)}
        while new:
            reached |= new
            new = {one for edge in self.edges if reached & set(edge) for one in edge} - reached
        return reached == drawn


def _drawn() -> Iterator[Pair]:
    return (pair for pair in product(COLOURS, SHAPES) if pair not in HELD_OUT_PAIRS)


def _block(colours: set[str], shapes: set[str]) -> tuple[Pair, ...]:
    return tuple(pair for pair in _drawn() if pair[0] in colours and pair[1] in shapes)


FULL = Support("full", (tuple(_drawn()),))
# As many pairs as `DISCONNECTED` has, of all colours and shapes, which meet in its scenes.
NARROW = Support("narrow", (tuple(sorted(random.Random(55).sample(sorted(_drawn()), 17))),))
# The fewest pairs in which every colour has two shapes, every shape two colours, and all connect.
RING = Support(
    "ring",
    (
        tuple(
            sorted(
                (colour, shape)
                for colour, shapes in {
                    "red": ("circle", "cross"),
                    "green": ("square", "triangle"),
                    "blue": ("diamond", "square"),
                    "yellow": ("circle", "diamond"),
                    "purple": ("triangle", "star"),
                    "orange": ("star", "cross"),
                }.items()
                for shape in shapes
            )
        ),
    ),
)
DISCONNECTED = Support(
    "disconnected",
    (
        _block({"red", "blue", "orange"}, {"circle", "cross", "diamond"}),
        _block({"green", "yellow", "purple"}, {"square", "triangle", "star"}),
    ),
)
NO_ORANGE = Support("no orange", (tuple(pair for pair in _drawn() if pair[0] != "orange"),))
SUPPORTS = (FULL, NARROW, RING, DISCONNECTED, NO_ORANGE)
