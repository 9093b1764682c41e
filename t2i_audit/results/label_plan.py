"""How many labels a corrected rate needs, said before anybody labels."""

from __future__ import annotations

from dataclasses import dataclass

from t2i_audit.results.interval import Number


@dataclass(frozen=True)
class LabelsNeeded:
    """Labels for an interval of a given half-width, under one assumption about the judge."""

    source: str
    """``assumed``, or ``measured`` on labels that are there."""
    sensitivity: Number
    specificity: Number
    rate: Number
    """The true share of right images that is assumed."""
    labels: int
    """With the best allocation (Neyman 1934), of which `accepted` and `rejected` are the parts."""
    accepted: int
    """Of images that the judge calls right."""
    rejected: int
    """Of images that it calls wrong."""
    proportional: int
    """With the images drawn at random."""
    without_judge: int
    """With labels alone."""


@dataclass(frozen=True)
class LabelPlan:
    """What to label of a run.

    >>> import t2i_audit as t2i
    >>> plan = t2i.plan_labels("runs/demo")
    >>> plan.judge, plan.n_images, sum(plan.pilot.values())
    ('oracle', 8, 8)
    """

    judge: str
    half_width: float
    """Of the 95% interval of the corrected rate."""
    n_images: int
    """Judged images of the run."""
    judged_right: Number
    """Share of them that the judge calls right."""
    needed: tuple[LabelsNeeded, ...]
    pilot: dict[str, int]
    """How many images to label first, by stratum: the judge's verdict and the prompt's type."""
