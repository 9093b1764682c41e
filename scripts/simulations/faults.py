"""Models with a planted fault: what they hold of each prompt, and what they draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scripts.simulations.features import SLOTS
from scripts.simulations.images import FloatArray, Images
from scripts.simulations.worlds import World, labels

BoolArray = NDArray[np.bool_]

MERGED_COLOURS = ("green", "purple")
Fault = Literal[
    "encoder",
    "encoder and rare failures",
    "denoiser guesses",
    "denoiser",
    "chance",
    "both",
    "nothing",
]


@dataclass(frozen=True, eq=False)
class Planted:
    """A model on the `n` prompts of a world; arrays are ``(n,)`` by slot."""

    lost_at_encoder: Mapping[str, BoolArray]
    right: Mapping[str, FloatArray]
    """Probability that an image shows the slot right."""
    lost_inside: Mapping[str, BoolArray] = field(default_factory=dict)
    """Lost at the denoiser's station; what the encoder has lost is lost there as well."""


def plant(fault: Fault, world: World, rng: np.random.Generator) -> Planted:
    """The model of this `fault`.

    - ``encoder``: two colours are one, and of the two one is guessed at in each image;
    - ``encoder and rare failures``: one prompt in five has lost its relation, and every image fails
      by chance in 3 of 100;
    - ``denoiser guesses``: the relation is drawn right in half of the images of every prompt;
    - ``denoiser``: it is drawn right in 6 of 10;
    - ``chance``: 15 of 100 images are wrong, whatever the prompt;
    - ``both``: half of the prompts have lost their relation and guess, the other half draw it right
      in 3 of 10;
    - ``nothing``: 1.5 of 100 images are wrong.
    """
    n = len(world.prompts)
    certain = {slot: np.ones(n) for slot in SLOTS}
    if fault == "encoder":
        lost = {
            slot: np.isin(labels(world.prompts, slot), MERGED_COLOURS)
            for slot in ("object_1.colour", "object_2.colour")
        }
        return Planted(lost, certain | {slot: np.where(own, 0.5, 1) for slot, own in lost.items()})
    if fault == "encoder and rare failures":
        gone = rng.permutation(n) < n // 5
        right = {slot: np.full(n, 0.97 ** (1 / len(SLOTS))) for slot in SLOTS}
        right["relation"] = np.where(gone, 0.5, right["relation"])
        return Planted({"relation": gone}, right)
    if fault in ("denoiser guesses", "denoiser"):
        chance = 0.5 if fault == "denoiser guesses" else 0.6
        return Planted({}, certain | {"relation": np.full(n, chance)})
    if fault == "both":
        gone = rng.permutation(n) < n // 2
        return Planted({"relation": gone}, certain | {"relation": np.where(gone, 0.5, 0.3)})
    rate = 0.85 if fault == "chance" else 0.985
    return Planted({}, {slot: np.full(n, rate ** (1 / len(SLOTS))) for slot in SLOTS})


def images_of(world: World, planted: Planted, seeds: int, rng: np.random.Generator) -> Images:
    """Images of the model: one is right where all its slots are."""
    slots = {
        slot: (rng.random((len(world.prompts), seeds)) < chance[:, None]).astype(float)
        for slot, chance in planted.right.items()
    }
    success = np.prod(list(slots.values()), axis=0)
    return Images(success, world.prompts, slots)
