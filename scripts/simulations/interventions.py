"""Images drawn under interventions by models of which it is known what they use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prompts.structure import Prompt
from scripts.simulations.images import FloatArray, beta
from t2i_audit.analysis.use.drawn import DrawnImages
from t2i_audit.results.use import TEXT, UNCHANGED

SLOT = "relation"
OTHER = "object_1.shape"
"""A slot that follows an exchange in 9 of 10 images: the model is one that can be steered."""
FOLLOWS = 0.9
GUESS = 0.25  # of one of four relations
REPEATABILITY = 0.3
# Share of the images of one noise that come out alike where an intervention changes nothing.
ALIKE = 0.7


@dataclass(frozen=True)
class Model:
    """How a denoiser draws one slot."""

    right: float
    """Mean probability that an unchanged image shows it right."""
    used: float = 0.0
    """Share of the images in which erasing the slot leaves a guess; no other image changes."""
    follows: float = 0.0
    """Share of the images that show the other value where it is exchanged."""
    spoilt: float = 0.0
    """Share of the images that any erasure of that rank leaves at a guess, also the control's."""

    @property
    def controlled(self) -> float:
        """Probability that an image under the control is right."""
        return (1 - self.spoilt) * self.right + self.spoilt * GUESS

    @property
    def use(self) -> float:
        """What the audit estimates as use."""
        return self.used * (self.controlled - GUESS)

    @property
    def other(self) -> float:
        """Probability that an unchanged image shows a certain other value."""
        return (1 - self.right) / 3

    @property
    def followed(self) -> float:
        """What the audit estimates as followed."""
        return self.follows * (1 - self.other)


def draw_images(
    model: Model,
    prompts: Sequence[Prompt],
    rng: np.random.Generator,
    *,
    seeds: int = 1,
    clusters: np.ndarray | None = None,
    right: FloatArray | None = None,
    steer: bool = True,
) -> DrawnImages:
    """Verdicts on the images of `model`.

    Args:
        model: what it draws.
        prompts: `n` of them.
        rng: of all outcomes.
        seeds: images of each prompt.
        clusters: the cluster of each prompt, ``(n,)``, whose prompts are equally hard; the
            compositions if None.
        right: probability that an image of each prompt is right, ``(n,)``; drawn if None.
        steer: whether values are exchanged as well.
    """
    names = np.array([prompt.composition for prompt in prompts]) if clusters is None else clusters
    if right is None:
        _, owner = np.unique(names, return_inverse=True)
        # A rate of 0 or 1 has no beta distribution.
        spread = REPEATABILITY if 0 < model.right < 1 else 0.0
        right = beta(model.right, spread, int(owner.max()) + 1, rng)[owner]
    shape = (len(prompts), seeds)

    def chance(probability: FloatArray | float) -> FloatArray:
        return (rng.random(shape) < probability).astype(float)

    def again(first: FloatArray) -> FloatArray:
        """The same images, of which some come out otherwise."""
        return np.where(rng.random(shape) < ALIKE, first, chance(right[:, None]))

    def guessed(images: FloatArray, share: float) -> FloatArray:
        return np.where(rng.random(shape) < share, chance(GUESS), images)

    unchanged = chance(right[:, None])
    control = guessed(again(unchanged), model.spoilt)
    erased = guessed(guessed(again(unchanged), model.spoilt), model.used)
    changed = {
        ("erase", SLOT, TEXT): {SLOT: erased},
        ("random", SLOT, TEXT): {SLOT: control},
    }
    if steer:
        before = chance(model.other)
        after = np.where(rng.random(shape) < ALIKE, before, chance(model.other))
        after = np.where(rng.random(shape) < model.follows, 1.0, after)
        changed[("steer", SLOT, UNCHANGED)] = {SLOT: before}
        changed[("steer", SLOT, TEXT)] = {SLOT: after}
        changed[("erase", OTHER, TEXT)] = {OTHER: chance(GUESS)}
        changed[("random", OTHER, TEXT)] = {OTHER: chance(1)}
        changed[("steer", OTHER, UNCHANGED)] = {OTHER: chance(0)}
        changed[("steer", OTHER, TEXT)] = {OTHER: chance(FOLLOWS)}
    return DrawnImages(prompts, names.astype(np.str_), {SLOT: unchanged, OTHER: chance(1)}, changed)
