"""Measures of decodability that do not saturate, beside their baseline and their control."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from t2i_audit.results.interval import Interval, Number


@dataclass(frozen=True)
class Measure:
    """One measure of one slot at one station; each interval is NaN where it was not computed."""

    own: Interval
    words_alone: Interval
    random_weights: Interval
    """Mean over the draws of random weights."""
    gain_over_random_weights: Interval
    """How much better the network's own figure is: above 0 it is better whatever the measure, so
    that of the code length, of which less is better, it is the bits that are saved."""
    guess: Number = math.nan
    """What a guess among the slot's `k` values would give: log2(k) bits, 1/k, or an R2 of 0."""


@dataclass(frozen=True)
class PlaceMeasures:
    """The measures of one slot at one place; NaN where one could not be computed."""

    code_length: float = math.nan
    """Bits per prompt."""
    shared_readout: float = math.nan
    """Balanced accuracy of one map for all entities, learned from all of them."""
    transferred_readout: float = math.nan
    """The same learned from the other entities only."""


PLACE_MEASURES = tuple(each.name for each in fields(PlaceMeasures))
