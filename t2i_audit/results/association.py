"""How decodability goes with failure over the prompts of one model."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from t2i_audit.results.interval import Interval, Number, undefined

AssociationVerdict = Literal[
    "predicts",
    "few_pairs",
    "between_types",
    "reversed",
    "chance",
    "no_association",
    "underpowered",
    "undefined",
]


@dataclass(frozen=True)
class Support:
    """Few values of one kind without whose prompts little of an association is left."""

    kind: str
    """E.g. ``colour``."""
    values: tuple[str, ...]
    """At most a third of the kind's values, the one that matters most first."""
    of: int
    """How many values of the kind the prompts name."""
    without: Interval
    """The AUROC over the prompts that name none of `values`."""
    p_value: Number
    """Two-sided, from exchanging the values of the kind: how often chance makes the values that are
    hard to decode and those that fail agree as well as they do."""


@dataclass(frozen=True)
class OddsRatio:
    """The odds of a right image, by decodability, from a logistic regression over images."""

    raw: Interval
    """How many times the odds rise with one standard deviation of decodability; `n` counts images.
    NaN where the model does not hold."""
    adjusted: Interval
    """The same with `held_fixed` in the model."""
    held_fixed: tuple[str, ...] = ()
    """What is held fixed, e.g. ``tokens``; what does not vary over the prompts, or follows from the
    others, is not listed."""
    reason: str = ""
    """Why there is no figure; empty where there is."""


def no_odds_ratio() -> OddsRatio:
    """The odds ratio where no regression was made."""
    return OddsRatio(undefined(), undefined())


@dataclass(frozen=True)
class Association:
    """How the decodability of prompts at one station goes with their failures.

    Every interval is a jackknife over compositions and holds for the pairs of values that the
    suite has; its `n` counts prompts. It has no ends where fewer than three compositions fail, or
    fewer than three succeed.
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
    """`auroc` less `presence_auroc`."""
    n_images: int
    """Judged images that the figures rest on."""
    verdict: AssociationVerdict
    sentence: str
    """The verdict in words, with the figures it rests on."""
    p_pairs: Number = math.nan
    """The same as `p_value` where prompts that share a pair of values, e.g. a colour and a shape,
    may be alike for that reason; NaN where the pairs are not known."""
    p_within_values: Number = math.nan
    """The same among prompts that name the same values, by least squares: where it rejects too, the
    association is more than differences between values. NaN where nearly every prompt names values
    of its own."""
    n_pairs: int = 0
    """Different pairs of values in the prompts."""
    n_values: dict[str, int] = field(default_factory=dict)
    """By kind of constituent, how many different values the prompts name."""
    rests_on: Support | None = None
    """None where the association is spread over the values."""
    smallest_detectable: Number = math.nan
    """The AUROC that the test over pairs finds with a probability of 80%, from 0.5 upwards."""
    ceiling: Interval = field(default_factory=undefined)
    """The AUROC of a predictor that knows each prompt's own failure rate, as far as failures repeat
    over seeds."""
    odds_ratio: OddsRatio = field(default_factory=no_odds_ratio)
    """Beside what else may make a prompt hard."""
