"""How often images are right, and whether the same prompts fail again."""

from __future__ import annotations

from dataclasses import dataclass, field

from t2i_audit.results.interval import Interval


@dataclass(frozen=True)
class SuccessRates:
    """The share of judged images that are right; every `n` counts images."""

    overall: Interval
    by_slot: dict[str, Interval]
    """Share of images in which the slot is right; empty for a judge that does not judge slots."""
    by_type: dict[str, Interval]
    by_split: dict[str, Interval]
    """By ``seen`` and ``held_out``; prompts of no split are left out."""
    by_reading: dict[str, Interval] = field(default_factory=dict)
    """By ``read_whole`` and ``not_read_whole``; empty where a text encoder reads every prompt to
    the end as it is."""


@dataclass(frozen=True)
class Repeatability:
    """How far a prompt's outcome under one seed predicts its outcome under another."""

    overall: Interval
    """ICC(1) over prompts: 1 when a prompt always or never fails, about 0 when failures fall
    on prompts at random; `n` counts prompts."""
    within_types: Interval
    """The same after each prompt type's mean is subtracted: what is left to predict among prompts
    of one type."""
    reason: str
    """Why `overall` is undefined; empty where it is defined."""
