"""Success rates corrected for a judge's errors, as the summary of a run holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from t2i_audit.results.interval import Interval

Method = Literal["two_phase", "rogan_gladen"]


@dataclass(frozen=True)
class CorrectedRate:
    """A success rate after correction; every `n` counts labels."""

    rate: Interval
    """The corrected share of right images; NaN where `reason` says why."""
    prediction_powered: Interval
    """The same by prediction-powered inference; NaN where labels come from another run."""
    judged: Interval
    """The judge's own share, uncorrected; `n` counts images."""
    reason: str = ""
    """Why there is no corrected rate; empty where there is one."""

    def __str__(self) -> str:
        """The corrected rate, or why there is none."""
        return self.reason or str(self.rate)


@dataclass(frozen=True)
class Corrected:
    """Success rates of a run, corrected for the errors of one judge."""

    judge: str
    """Whose verdicts are corrected."""
    labels: str
    """Where the labels came from, as the user wrote it."""
    method: Method
    """``two_phase`` with labels of this run, ``rogan_gladen`` with a card of another run."""
    n_labels: int
    """Images of this run that were judged and labelled."""
    n_images: int
    """Images that were judged."""
    sensitivity: Interval
    """Share of the truly right prompts that the judge calls right, by the labels."""
    specificity: Interval
    """Share of the truly wrong prompts that it calls wrong, by the labels."""
    overall: CorrectedRate
    by_slot: dict[str, CorrectedRate] = field(default_factory=dict)
    by_type: dict[str, CorrectedRate] = field(default_factory=dict)
    by_split: dict[str, CorrectedRate] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Sentences that the corrected rates should not be read without."""
