"""A measure of decodability that does not saturate, beside its baseline and its control."""

from __future__ import annotations

from dataclasses import dataclass

from t2i_audit.results.interval import Interval


@dataclass(frozen=True)
class Measure:
    """One measure of one slot at one station; each interval is NaN where it was not computed."""

    own: Interval
    words_alone: Interval
    random_weights: Interval
    gain_over_random_weights: Interval
