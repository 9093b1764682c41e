"""What a suite can show and what it cannot, said before anything is run."""

from __future__ import annotations

from dataclasses import dataclass, field

from t2i_audit.results.interval import Number
from t2i_audit.results.taken import Taken


@dataclass(frozen=True)
class ExpectedRate:
    """What is to be expected of a rate of success that is truly `rate`."""

    rate: Number
    half_width: Number
    """Of its 95% interval for these same pairs of values."""
    half_width_in_general: Number
    """The same for pairs in general; NaN where there are too few pairs."""
    smallest_drop: Number
    """The least by which another model's rate must be lower to be told from it, on these same
    pairs; NaN where not even 0 would be."""


@dataclass(frozen=True)
class GroupPlan:
    """What is to be expected of the success of a group of prompts: a slot, a type or a split."""

    prompts: int
    compositions: int
    """Different contents, whatever their wording."""
    pairs: int
    """Different pairs of values, e.g. of a colour and a shape."""
    rates: tuple[ExpectedRate, ...]


@dataclass(frozen=True)
class AssociationPlan:
    """How strongly low decodability must go with failure to be found, at one rate of success."""

    rate: Number
    smallest_auroc: Number
    """For these same pairs; NaN where none would do."""
    smallest_auroc_in_general: Number
    """For pairs in general."""


@dataclass(frozen=True)
class SlotPlan:
    """Whether a slot can be decoded."""

    prompts: int
    """Prompts that have the slot."""
    values: int
    """Different values that it takes."""
    reason: str
    """Why it cannot be decoded; empty if it can."""

    @property
    def is_decodable(self) -> bool:
        """Whether the probes can read it."""
        return not self.reason


@dataclass(frozen=True)
class SuitePlan:
    """What an audit of a suite can show.

    >>> import t2i_audit as t2i
    >>> plan = t2i.plan("world-relations", seeds=4)
    >>> plan.images, plan.overall.pairs, plan.slots["relation"].values
    (1920, 36, 4)
    """

    suite: str
    seeds: int
    """Images per prompt."""
    images: int
    repeatability: Number
    """The assumed correlation between two images of one prompt."""
    spread: Number
    """The assumed standard deviation between pairs, in log odds of success."""
    power: Number
    """The probability with which an effect of the smallest size is found, at p < .05."""
    overall: GroupPlan
    by_slot: dict[str, GroupPlan]
    by_type: dict[str, GroupPlan]
    by_split: dict[str, GroupPlan]
    association: tuple[AssociationPlan, ...]
    slots: dict[str, SlotPlan]
    missing: dict[str, str] = field(default_factory=dict)
    """Figure that the audit will leave out -> the reason, and what to do."""
    taken: Taken | None = None
    """Time and disk, where a run was named that tells them."""
