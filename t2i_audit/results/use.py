"""What a denoiser uses of what it is given, measured by intervention: ``use.json`` of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from t2i_audit.results.interval import Interval

Kind = Literal["erase", "random", "steer", "context"]
"""``erase``: a slot is linearly erased. ``random``: a random subspace of the same rank is erased at
the same tokens, the control of ``erase``. ``steer``: a slot's component is exchanged for that of
another value. ``context``: every word is encoded by itself."""
TEXT = "text"
"""The site of what the denoiser is given; every other site is the name of one of its blocks."""
UseVerdict = Literal["used", "not used", "unclear"]
UseCulprit = Literal[
    "encoder", "denoiser ignores it", "denoiser fails to draw it", "chance", "unclear", "none"
]


@dataclass(frozen=True)
class SlotUse:
    """How far the images depend on one slot at one site."""

    slot: str
    site: str
    """``text``, or the name of one of the denoiser's blocks."""
    unchanged: Interval
    """Share of images in which the slot is right, of the same prompts and seeds."""
    erased: Interval
    """The same where the slot is erased."""
    random: Interval
    """The same where a random subspace of the same rank is erased."""
    use: Interval
    """``random - erased``, paired over prompts and seeds: the drop beyond the control's drop."""
    others: dict[str, Interval]
    """For each other slot its own drop beyond the control's when this slot is erased."""
    verdict: UseVerdict
    steered: Interval | None = None
    """Share of images that show the other value when the slot's component is exchanged for it."""
    unsteered: Interval | None = None
    """Share of unchanged images that show that other value."""
    followed: Interval | None = None
    """``steered - unsteered``, paired."""


@dataclass(frozen=True)
class ContextNeed:
    """How far one slot's success needs the context that the encoder gives each word."""

    slot: str
    unchanged: Interval
    alone: Interval
    """Share of images in which the slot is right where every word was encoded by itself."""
    need: Interval
    """``unchanged - alone``, paired."""


@dataclass(frozen=True)
class SlotCulprit:
    """Who is to blame for the images in which one slot is wrong."""

    slot: str
    culprit: UseCulprit
    """As the intervention settles it."""
    by_correlation: UseCulprit
    """As the rule without interventions says; it stands beside the other."""
    agrees: bool
    reason: str
    """The figures that decide, in a sentence."""


@dataclass(frozen=True)
class Use:
    """All that the interventions on one run show."""

    model: str
    suite: str
    judge: str
    n_prompts: int
    """Prompts that were drawn anew."""
    n_seeds: int
    n_images: int
    """Images that were made for it."""
    slots: tuple[SlotUse, ...]
    context: tuple[ContextNeed, ...] = ()
    culprits: tuple[SlotCulprit, ...] = ()
    notes: tuple[str, ...] = field(default=())
