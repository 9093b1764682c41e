"""What ``summary.json`` holds of each judge of a run, and of how far they agree."""

from __future__ import annotations

from dataclasses import dataclass

from t2i_audit.results.interval import Interval


@dataclass(frozen=True)
class JudgeSummary:
    """One judge's verdicts; every image counts once in one of the numbers."""

    name: str
    success: Interval
    """Share of the images that it decided which it finds right; `n` counts these."""
    by_slot: dict[str, Interval]
    """The same for each slot; `n` counts the images in which it decided the slot."""
    n_abstained: int
    """Images of prompts that it cannot judge."""
    n_undecided: int
    """Images that it was shown and did not decide."""
    n_unread: int
    """Images with a flaw, which no judge is shown, and those in which it recognised nothing that
    it could decide on."""


@dataclass(frozen=True)
class JudgeAgreement:
    """How far two judges agree on the images that both decided; each `n` counts these."""

    judges: tuple[str, str]
    same: Interval
    """Share of the images with the same verdict."""
    kappa: Interval
    """Cohen's kappa (1960): agreement beyond what the judges' rates would give by chance, 1 where
    they always agree; undefined where both call every image right, or every image wrong."""
    n_different: int
    """Images on which they differ; `Run.disagreements` lists them."""
