"""Two runs of the same prompts side by side: is the candidate better than its base?"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from t2i_audit.results.interval import Interval, Number, undefined

Outcome = Literal["better", "worse", "not told apart"]


@dataclass(frozen=True)
class PairedRate:
    """A share in both runs, and its difference over what they share."""

    base: Interval
    candidate: Interval
    difference: Interval
    """Candidate less base, paired over prompts, so that it is narrower than the two suggest."""
    p_value: Number = math.nan
    """Two-sided, of no difference, by the test whose interval `difference` has."""
    p_holm: Number = math.nan
    """The same by Holm's correction over all slots, types and splits, or over all slots and
    stations of decodability; NaN for a figure of all prompts."""

    @property
    def is_sure(self) -> bool:
        """Whether there is a difference although so many were looked for."""
        return self.p_holm <= 0.05


@dataclass(frozen=True)
class Flips:
    """Prompts of which one run gets more images right than the other."""

    better: int
    """More images are right in the candidate."""
    worse: int
    same: int
    p_value: Number
    """Exact, two-sided, of flips as uneven by chance: McNemar's test with one seed per prompt, else
    the sign test. NaN without a flip."""


@dataclass(frozen=True)
class FlippedImage:
    """Images of one prompt and seed, one right and the other wrong."""

    prompt_id: str
    prompt: str
    seed: int
    """Index, from 0."""
    became_right: bool
    base_image: str
    """File in its run directory."""
    candidate_image: str


@dataclass(frozen=True)
class SmallestDifference:
    """What it takes to see a difference of a given size: that its interval leaves out 0."""

    points: float
    """Percentage points between the two success rates."""
    power: float
    """Probability that runs as large as these see it."""
    prompts: int | None
    """Prompts that see it in 80 of 100 cases, with as many seeds; None where none suffice, which is
    with prompts of a single composition."""
    seeds: int | None
    """The same of seeds with as many prompts; None where none suffice, or where that cannot be
    known from one seed."""


@dataclass(frozen=True)
class ComparisonPlan:
    """What a comparison with a run will show, said before there is a candidate.

    >>> import t2i_audit as t2i
    >>> t2i.plan_comparison("runs/demo").n_prompts
    8
    """

    base: str
    """Its run directory."""
    model: str
    suite: str
    judge: str
    n_prompts: int
    n_seeds: int
    success: Interval
    correlation: Number
    """Assumed between the success rates of a prompt in the two models."""
    seen: tuple[SmallestDifference, ...]
    """For differences of 1, 2 and 5 points."""
    notes: tuple[str, ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Comparison:
    """What `t2i-audit compare BASE CANDIDATE` finds.

    >>> import t2i_audit as t2i
    >>> found = t2i.compare("runs/demo", "runs/demo")
    >>> found.outcome, found.same_audit
    ('not told apart', True)
    """

    base: str
    """Its run directory."""
    candidate: str
    base_model: str
    candidate_model: str
    suite: str
    judge: str
    n_prompts: int
    """Prompts that both runs judged."""
    n_seeds: int
    """Images per prompt and run that are compared."""
    same_noise: bool
    """Whether both runs began each image from the same noise."""
    outcome: Outcome
    sentence: str
    """The outcome in words, with its figures."""
    overall: PairedRate
    by_slot: dict[str, PairedRate]
    by_type: dict[str, PairedRate]
    by_split: dict[str, PairedRate]
    flips: Flips
    flipped: tuple[FlippedImage, ...]
    """First those that became wrong."""
    decodability: dict[str, PairedRate]
    """By station: the mean over prompts of the weakest slot's probability."""
    slot_decodability: dict[str, dict[str, PairedRate]]
    """By station and slot: the mean over prompts of the true value's probability."""
    seen: tuple[SmallestDifference, ...]
    """For differences of 1, 2 and 5 points."""
    notes: tuple[str, ...] = field(default_factory=tuple)
    """Sentences on what the runs do not share."""
    use: dict[str, PairedRate] = field(default_factory=dict)
    """By slot, its use by the denoiser, where it was measured in both runs."""
    same_audit: bool = False
    """Whether both are one audit, made twice or given twice."""
    in_general: Interval = field(default_factory=undefined)
    """The difference with an interval for pairs of values in general; NaN where a prompt has no
    pairs."""

    def is_surely_worse(self, *, by: float = 0.0) -> bool:
        """Whether the candidate is surely worse by more than this share of the images: whether the
        upper end of the difference lies below ``-by``."""
        return self.overall.difference.upper < -by
