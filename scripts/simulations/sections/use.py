"""7: use by intervention, its verdicts and the culprit of a slot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from scripts.simulations.audited import FloatArray, culprit_by_use, use_difference, use_in
from scripts.simulations.cells import COVERAGE, Cell, Figure, Goal, Kept, kept
from scripts.simulations.interventions import GUESS, SLOT, Model, draw_images
from scripts.simulations.readings import readings_of_slots
from scripts.simulations.worlds import World, labels, sample_world
from t2i_audit.analysis.use import half_width
from t2i_audit.settings import DEFAULT_USE_PROMPTS

DRAWS, VERDICT_DRAWS, CULPRIT_DRAWS = 1000, 200, 100
USE, FOLLOWED, HALF_WIDTH = "use", "followed", "half-width of the use"
DIFFERENCE = "difference of use"
RIGHT, WRONG = "named rightly", "named wrongly"
# Somebody must not be named wrongly more often than an interval misses on one side.
SELDOM, MOSTLY = Goal(0.0, 0.03), Goal(0.9, 1.0)
COMPOSITIONS = (15, 60, 200)
EDGES: dict[str, Model] = {
    "always right, not used": Model(1.0),
    "always right, all erased": Model(1.0, used=1.0, follows=1.0),
    "right .97, use .36": Model(0.97, used=0.5, follows=0.3),
    "right .88, use .6": Model(0.95, used=0.95, spoilt=0.1, follows=0.9),
    "right .3, not used": Model(0.3),
    "half right, control noisy": Model(0.5, spoilt=0.9),
    "always wrong": Model(0.0),
}
PAIRS: dict[str, tuple[Model, Model]] = {
    "neither uses it": (Model(1.0), Model(1.0)),
    "both use it alike": (Model(0.95, used=0.5), Model(0.95, used=0.5)),
    "one ignores it": (Model(0.95), Model(0.95, used=0.9)),
}
# Model -> the verdicts that are right and those that are wrong.
TRUTHS: dict[str, tuple[Model, str, str]] = {
    "ignored, drawn at a guess": (Model(GUESS), "not used", "used"),
    "ignored, drawn right in .35": (Model(0.35), "not used", "used"),
    "ignored, yet drawn well": (Model(0.9), "not used", "used"),
    "ignored, noisy control": (Model(0.9, spoilt=0.6), "not used", "used"),
    "used": (Model(0.95, used=0.9, follows=0.6), "used", "not used"),
    "used, drawn badly": (Model(0.5, used=0.9, follows=0.5), "used", "not used"),
    "used in half of the images": (Model(0.95, used=0.5, follows=0.5), "used", "not used"),
    # As the relation of `sound`, of which linear erasure leaves much.
    "used, erased in a third": (Model(1.0, used=0.37, follows=0.13), "used", "not used"),
    "used, noisy control": (Model(0.95, used=0.9, follows=0.5, spoilt=0.6), "used", "not used"),
    "used, but not followed": (Model(0.95, used=0.9), "used", "not used"),
    "used, drawn badly, not followed": (Model(0.5, used=0.9), "used", "not used"),
    "used in 1 of 10 images": (Model(0.95, used=0.1, follows=0.1), "not used", "used"),
    "used in 1 of 6 images": (Model(0.95, used=1 / 6, follows=1 / 6), "unclear", ""),
}
# What may be undecided at the default number of prompts.
UNDECIDED = (
    "used, drawn badly, not followed",
    "used in 1 of 10 images",
    "used in 1 of 6 images",
)
Fault = Literal["lost", "ignored", "drawn wrong", "chance", "nothing", "lost or ignored"]
USED = Model(0.95, used=0.9, follows=0.6)
NAMED: dict[Fault, tuple[str, ...]] = {
    "lost": ("encoder",),
    "ignored": ("denoiser ignores it",),
    "drawn wrong": ("denoiser fails to draw it",),
    "chance": ("chance",),
    "nothing": ("none",),
    "lost or ignored": ("encoder", "denoiser ignores it"),
}


@dataclass(frozen=True)
class Estimates:
    """Intervals of the use of one slot of `compositions`, each of `per` prompts."""

    model: Model
    compositions: int
    per: int = 1
    seeds: int = 1

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(self.compositions * self.per, rng)
        clusters = np.repeat(np.arange(self.compositions), self.per)
        images = draw_images(self.model, world.prompts, rng, seeds=self.seeds, clusters=clusters)
        found = use_in(images, SLOT)
        reached = (found.use.upper - found.use.lower) / 2
        assert found.followed is not None
        return {USE: kept(found.use), FOLLOWED: kept(found.followed), HALF_WIDTH: reached}


@dataclass(frozen=True)
class Differences:
    """The difference of one slot's use between two models, over the same compositions."""

    base: Model
    candidate: Model
    compositions: int

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        prompts = sample_world(self.compositions, rng).prompts
        base = draw_images(self.base, prompts, rng)
        candidate = draw_images(self.candidate, prompts, rng)
        return {DIFFERENCE: kept(use_difference(base, candidate, SLOT))}


@dataclass(frozen=True)
class Verdicts:
    """The verdict on a model whose use is known."""

    model: Model
    prompts: int
    right: str
    wrong: str
    steer: bool = True

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(self.prompts, rng)
        found = use_in(draw_images(self.model, world.prompts, rng, steer=self.steer), SLOT)
        return {
            RIGHT: float(found.verdict == self.right),
            WRONG: float(found.verdict == self.wrong),
        }


@dataclass(frozen=True)
class Culprits:
    """Who is named for a planted fault of the relation."""

    fault: Fault
    seeds: int
    prompts: int = DEFAULT_USE_PROMPTS

    def __call__(self, rng: np.random.Generator) -> dict[str, Kept]:
        world = sample_world(self.prompts, rng)
        gone, right, model = plant(self.fault, world, rng)
        images = draw_images(model, world.prompts, rng, seeds=self.seeds, right=right)
        encoder = readings_of_slots(world.prompts, {SLOT: gone}, rng)
        named = culprit_by_use(SLOT, images, encoder, rng=rng)
        rightly = NAMED[self.fault]
        return {
            RIGHT: float(named in rightly),
            WRONG: float(named not in (*rightly, "unclear", "none")),
        }


def plant(
    fault: Fault, world: World, rng: np.random.Generator
) -> tuple[np.ndarray, FloatArray, Model]:
    """Which prompts lost their relation, how probably it is drawn right, and what is used.

    - ``lost``: left and right are one to the encoder, and one of the two is guessed;
    - ``ignored``: the relation is drawn right in 3 of 10 images of every prompt;
    - ``drawn wrong``: two of the four relations are drawn wrong in 9 of 10 images;
    - ``chance``: 15 of 100 images are wrong, whatever the prompt;
    - ``nothing``: 1.5 of 100 images are wrong;
    - ``lost or ignored``: half of the prompts have lost it, and all are drawn at a guess.
    """
    n = len(world.prompts)
    values = np.array(labels(world.prompts, SLOT))
    merged = np.isin(values, sorted(set(values.tolist()))[:2])
    kept_all = np.zeros(n, dtype=bool)
    if fault == "lost":
        return merged, np.where(merged, 0.5, 0.99), USED
    if fault == "ignored":
        return kept_all, np.full(n, 0.3), Model(0.3)
    if fault == "drawn wrong":
        return kept_all, np.where(merged, 0.1, 0.98), USED
    if fault == "lost or ignored":
        return rng.permutation(n) < n // 2, np.full(n, GUESS), Model(GUESS)
    rate = 0.85 if fault == "chance" else 0.985
    return kept_all, np.full(n, rate), replace(USED, right=rate)


def cells() -> Iterator[Cell]:
    """The cells of the table."""
    for name, model in EDGES.items():
        for compositions in COMPOSITIONS:
            yield _estimates(f"{name}, {compositions} compositions", Estimates(model, compositions))
        shaped = Estimates(model, 60, per=4, seeds=2)
        yield _estimates(f"{name}, 60 compositions of 4 prompts x 2 seeds", shaped)
    for name, (base, candidate) in PAIRS.items():
        truth = candidate.use - base.use
        for compositions in COMPOSITIONS:
            figure = Figure(DIFFERENCE, "coverage", COVERAGE, truth=truth)
            yield Cell("7", f"two models: {name}, {compositions} compositions", DRAWS,
                       Differences(base, candidate, compositions), (figure,))  # fmt: skip
    for name, (model, right, wrong) in TRUTHS.items():
        held_to = name not in UNDECIDED
        for prompts in (60, 120, DEFAULT_USE_PROMPTS):
            goal = MOSTLY if held_to and prompts == DEFAULT_USE_PROMPTS else None
            figures = [Figure(RIGHT, "rate", goal)]
            if wrong:
                figures.append(Figure(WRONG, "rate", SELDOM))
            yield Cell("7", f"verdict: {name}, {prompts} prompts", VERDICT_DRAWS,
                       Verdicts(model, prompts, right, wrong), tuple(figures))  # fmt: skip
    for name in ("ignored, drawn at a guess", "ignored, drawn right in .35", "used"):
        model, right, wrong = TRUTHS[name]
        alone = Verdicts(model, DEFAULT_USE_PROMPTS, right, wrong, steer=False)
        figures = [Figure(RIGHT, "rate"), Figure(WRONG, "rate", SELDOM)]
        yield Cell("7", f"verdict: {name}, erasing alone", VERDICT_DRAWS, alone, tuple(figures))
    for fault in NAMED:
        for seeds in (2, 4):
            # Two seeds of so few prompts hardly tell whether failures repeat.
            open_ends = len(NAMED[fault]) > 1 or (fault == "chance" and seeds == 2)
            goal = None if open_ends else MOSTLY
            both = (Figure(RIGHT, "rate", goal), Figure(WRONG, "rate", SELDOM))
            yield Cell("7", f"culprit: {fault}, {seeds} seeds", CULPRIT_DRAWS,
                       Culprits(fault, seeds), both)  # fmt: skip


def _estimates(name: str, simulate: Estimates) -> Cell:
    model = simulate.model
    figures = [
        Figure(USE, "coverage", COVERAGE, truth=model.use),
        Figure(FOLLOWED, "coverage", COVERAGE, truth=model.followed),
    ]
    if simulate.compositions == DEFAULT_USE_PROMPTS:
        within = Goal(0.0, half_width(DEFAULT_USE_PROMPTS) + 0.001)
        figures.append(Figure(HALF_WIDTH, "value", within))
    return Cell("7", name, DRAWS, simulate, tuple(figures))
