"""A `Use` to be shown: made of simulated images, with a slot of every verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scripts.simulations.interventions import Model, draw_images
from scripts.simulations.worlds import sample_world
from t2i_audit.analysis.use import estimate_use
from t2i_audit.results.interval import Interval
from t2i_audit.results.use import ContextNeed, SlotCulprit, SlotUse, Use

RATE = Interval(0.3, 0.27, 0.33, 960)
FEW = Interval(0.01, 0.0, 0.02, 960)


def made_use() -> Use:
    """Of four slots at the text, and of one of them at a block."""
    colour = drawn("object_1.colour", Model(0.7, used=0.9, follows=0.6))
    shape = drawn("object_1.shape", Model(1.0, used=1.0, follows=0.9))
    relation = drawn("relation", Model(0.3))
    other = drawn("object_2.shape", Model(0.9, used=0.17, follows=0.15))
    slots = (colour, shape, relation, replace(other, others={"object_1.shape": RATE}))
    return Use(
        model="builtin:misbinding",
        suite="world-relations",
        judge="oracle",
        n_prompts=200,
        n_seeds=1,
        n_images=3200,
        slots=(*slots, replace(colour, site="mid_block")),
        context=(ContextNeed("relation", RATE, FEW, Interval(0.29, 0.2, 0.35, 200)),),
        culprits=(
            culprit(
                "object_1.colour",
                "denoiser fails to draw it",
                values={"blue": RATE, "orange": RATE},
            ),
            replace(culprit("object_1.shape", "none"), failure_rate=FEW),
            replace(
                culprit("relation", "denoiser ignores it"), by_correlation="encoder", agrees=False
            ),
            replace(culprit("object_2.shape", "unclear"), agrees=None),
        ),
        notes=("one note",),
    )


def drawn(slot: str, model: Model) -> SlotUse:
    """The use of `slot` by such a model."""
    rng = np.random.default_rng(17)
    images = draw_images(model, sample_world(200, rng).prompts, rng)
    return replace(estimate_use(images)[0][0], slot=slot, others={})


def culprit(slot: str, named: str, values: dict[str, Interval] | None = None) -> SlotCulprit:
    """Who is to blame for `slot`."""
    return SlotCulprit(
        slot, named, "denoiser", True, "the figures say so", RATE, FEW, values or {}  # type: ignore[arg-type]
    )  # fmt: skip
