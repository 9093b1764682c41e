"""How often images are right, and whether the same prompts fail again."""

from __future__ import annotations

from dataclasses import dataclass, field

from t2i_audit.results.interval import Interval, undefined


@dataclass(frozen=True)
class PairRates:
    """What success would be for other pairs of values, such as red with star, than a suite's.

    The estimates are those of `SuccessRates`. The intervals are for pairs in general: they take the
    suite's pairs as a sample, so they are wider, as what makes a pair hard makes all of its prompts
    hard. Every `n` counts images.
    """

    pairs: int
    """Different pairs in the judged prompts."""
    held_out_pairs: int
    """Those of them that no seen prompt has; 0 where nothing is held out."""
    overall: Interval
    """NaN ends where there are too few pairs."""
    by_split: dict[str, Interval]
    gap: Interval
    """``seen`` less ``held_out``; NaN where there are not both."""


@dataclass(frozen=True)
class SuccessRates:
    """The share of judged images that are right; every `n` counts images.

    All intervals but those in `pairs` are for the suite's own pairs of values: for other prompts
    that put the same values together.
    """

    overall: Interval
    by_slot: dict[str, Interval]
    """Share of images in which the slot is right; empty for a judge that does not judge slots."""
    by_type: dict[str, Interval]
    by_split: dict[str, Interval]
    """By ``seen`` and ``held_out``; prompts of no split are left out."""
    by_reading: dict[str, Interval] = field(default_factory=dict)
    """By ``read_whole`` and ``not_read_whole``; empty where a text encoder reads every prompt to
    the end as it is."""
    gap: Interval = field(default_factory=undefined)
    """``seen`` less ``held_out``; NaN where there are not both."""
    pairs: PairRates | None = None
    """For pairs in general; None where a judged prompt has no pairs."""


@dataclass(frozen=True)
class Repeatability:
    """How far a prompt's outcome under one seed predicts its outcome under another."""

    overall: Interval
    """Correlation of two images of one prompt: 1 when a prompt always or never fails, 0 when
    failures fall on prompts at random; `n` counts prompts. An interval from near 0 to near 1 says
    that the data cannot tell."""
    within_types: Interval
    """The same for prompts of one type, each type having a mean of its own: what is left to predict
    among them. NaN where types have too few prompts."""
    reason: str
    """Why `overall` is undefined; empty where it is defined."""
