"""Runs side by side: the rows of a leaderboard and what is found over them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field

from t2i_audit.results.attribution import Culprit
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.judge_facts import BlindRate, JudgeFacts

Scalar = str | int | float | None


@dataclass(frozen=True)
class Setup:
    """What a run was made with, for a table; None where the manifest does not record it."""

    steps: Scalar
    guidance_scale: Scalar
    scheduler: Scalar
    height: Scalar
    width: Scalar
    dtype: Scalar
    device: Scalar
    lora: Scalar
    embedding: Scalar
    base_seed: Scalar
    negative_prompt: Scalar
    commit: Scalar
    t2i_audit: Scalar

    @property
    def size(self) -> Scalar:
        """Height and width, as ``512x512``."""
        return None if self.height is None else f"{self.height}x{self.width}"


@dataclass(frozen=True)
class LeaderboardRow:
    """One run."""

    group: int
    """From 1; only rows of one group can be compared."""
    run: str
    """Its directory."""
    model: str
    suite: str
    judge: str
    n_seeds: int
    n_prompts: int
    n_images: int
    success: Interval
    decodability: dict[str, Interval]
    """By station, NaN where it was not probed."""
    culprit: Culprit | None
    """None where no cause was given."""
    corrected: Interval
    """`success` corrected for the judge's errors; NaN where that was not done. `n` counts
    labels."""
    setup: Setup
    suite_sha256: str
    judge_sha256: str
    """Of the judge's fingerprint."""
    weights_sha256: str
    checkpoint: str
    """What rows of one checkpoint share: its weights, and what was added to them."""
    identity: str
    """What rows share whose results should be equal."""
    judge_facts: JudgeFacts = field(default_factory=JudgeFacts)
    """What the success rate should be compared with."""

    def to_row(self) -> dict[str, str | int | float | None]:
        """The row flattened; these are the columns of the leaderboard's table."""
        row: dict[str, str | int | float | None] = {
            "group": self.group,
            "run": self.run,
            "model": self.model,
            "suite": self.suite,
            "judge": self.judge,
            "seeds": self.n_seeds,
            "prompts": self.n_prompts,
            "images": self.n_images,
        }
        for name, interval in [("success", self.success), *self.decodability.items()]:
            prefix = name if name == "success" else f"{name}_decodability"
            row |= {
                f"{prefix}_estimate": interval.estimate,
                f"{prefix}_lower": interval.lower,
                f"{prefix}_upper": interval.upper,
            }
        row |= {
            "corrected_success_estimate": self.corrected.estimate,
            "corrected_success_lower": self.corrected.lower,
            "corrected_success_upper": self.corrected.upper,
            "labels": self.corrected.n,
        }
        return {
            **row,
            **self._facts(),
            "culprit": self.culprit or "",
            **asdict(self.setup),
            "suite_sha256": self.suite_sha256,
            "judge_sha256": self.judge_sha256,
            "weights_sha256": self.weights_sha256,
        }

    def _facts(self) -> dict[str, str | int | float | None]:
        facts, blind = self.judge_facts, self.judge_facts.blind
        row: dict[str, str | int | float | None] = {
            "success_by_guessing": None if facts.guessing is None else facts.guessing.overall
        }
        for name in ("shuffled", "blank", "text_only"):
            rate: BlindRate | None = None if blind is None else getattr(blind, name)
            row |= {
                f"{name}_success_estimate": None if rate is None else rate.overall.estimate,
                f"{name}_success_lower": None if rate is None else rate.overall.lower,
                f"{name}_success_upper": None if rate is None else rate.overall.upper,
            }
        return {
            **row,
            "blind_sample": None if blind is None else blind.sampled,
            "judge_weak_at": "; ".join(facts.weak_kinds),
            "judge_shares_weights_with": "; ".join(facts.shares_weights_with),
        }


@dataclass(frozen=True)
class RunGroup:
    """Runs that can be compared: of one suite, judge, number of prompts and number of seeds."""

    number: int
    """From 1, the largest group first."""
    name: str
    notes: tuple[str, ...]
    """Sentences on what sets it apart from the first group, and on what its runs share or not."""


@dataclass(frozen=True)
class RunCorrelation:
    """Success against decodability over the checkpoints of one group; `n` counts checkpoints."""

    group: int
    suite: str
    judge: str
    station: str
    pearson: Interval
    spearman: Interval
    sentence: str
    success_reliability: float = math.nan
    """The least share of the variance of success over checkpoints that is no error of the runs'
    own. The suite's prompts are the same for all, so the truth may be higher."""
    decodability_reliability: float = math.nan
    """The same of decodability. Such errors weaken a correlation, down to the square root of the
    two shares' product times what exact figures would give (Spearman 1904)."""
    of_exact_figures: Interval = field(default_factory=undefined)
    """Pearson's correlation of what success and decodability would be without errors; the interval
    takes in the errors of both. NaN where an error is not known."""


@dataclass(frozen=True)
class Leaderboard:
    """Rows, group by group and best success first, and a correlation for each group and station.

    >>> import t2i_audit as t2i
    >>> board = t2i.leaderboard(["runs/demo"])
    >>> board.rows[0].model, board.rows[0].success.n
    ('builtin:sound', 8)
    """

    rows: tuple[LeaderboardRow, ...]
    correlations: tuple[RunCorrelation, ...]
    groups: tuple[RunGroup, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences on runs that were given more than once."""
