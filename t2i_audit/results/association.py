"""How decodability goes with failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from t2i_audit.results.interval import Interval, Number

AssociationVerdict = Literal[
    "predicts", "between_types", "reversed", "chance", "no_association", "undefined"
]


@dataclass(frozen=True)
class Association:
    """How the decodability of prompts at one station goes with their failures.

    Every interval is a bootstrap over compositions, and its `n` counts prompts.
    """

    auroc: Interval
    """Chance that a failed image's prompt is less decodable than a right image's, ties one half;
    above 0.5, low decodability goes with failure."""
    spearman: Interval
    """Rank correlation of decodability with the failure rate over seeds; below 0 where low
    decodability goes with failure."""
    p_value: Number
    """Two-sided, for `auroc`, from permuting decodability over compositions within types."""
    presence_auroc: Interval
    """The same figure for the words-alone baseline; NaN where that was not given."""
    gain_over_presence: Interval
    """`auroc` less `presence_auroc`, on the same resamples."""
    n_images: int
    """Judged images that the figures rest on."""
    verdict: AssociationVerdict
    sentence: str
    """The verdict in words, with the figures it rests on."""
