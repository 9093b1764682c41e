"""Runs side by side: the rows of a leaderboard and what is found over them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from t2i_audit.results.attribution import Culprit
from t2i_audit.results.cost import Cost
from t2i_audit.results.interval import Interval, Number, undefined
from t2i_audit.results.judge_facts import JudgeFacts

Scalar = str | int | float | None

# Probability with which all ranks of a group hold, and all intervals of its pairs.
LEVEL = 0.95


@dataclass(frozen=True)
class Setup:
    """What a run was made with, for a table; None where the manifest does not record it."""

    steps: Scalar = None
    guidance_scale: Scalar = None
    scheduler: Scalar = None
    height: Scalar = None
    width: Scalar = None
    dtype: Scalar = None
    quantization: Scalar = None
    device: Scalar = None
    lora: Scalar = None
    embedding: Scalar = None
    base_seed: Scalar = None
    negative_prompt: Scalar = None
    commit: Scalar = None
    t2i_audit: Scalar = None
    probe_version: Scalar = None

    @property
    def size(self) -> Scalar:
        """Height and width, as ``512x512``."""
        return None if self.height is None else f"{self.height}x{self.width}"


@dataclass(frozen=True)
class Rank:
    """Where a run stands in its group. The intervals of all runs of a group hold together with a
    probability of 95%."""

    best: int
    """From 1: one more than the runs that are surely better."""
    worst: int
    """How many runs there are, less those that are surely worse."""
    of: int
    """Runs that are ranked; the same audit of one checkpoint counts once."""

    def __str__(self) -> str:
        """``2`` or ``1-3``."""
        return str(self.best) if self.best == self.worst else f"{self.best}-{self.worst}"


@dataclass(frozen=True)
class StationControls:
    """Balanced accuracy at one station, mean over the slots, beside its controls.

    The ends are the means of the slots' ends: the interval of slots whose errors go together, and
    too wide where they do not. Each `n` counts prompts.
    """

    accuracy: Interval = field(default_factory=undefined)
    random_weights: Interval = field(default_factory=undefined)
    """The same architecture with random weights."""
    words_alone: Interval = field(default_factory=undefined)
    """From which words occur, without their order."""
    gain_over_random_weights: Interval = field(default_factory=undefined)


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
    rank: Rank | None = None
    """None where the images of the run were not there to be compared, or its group has no two runs
    that share a judged prompt."""
    success_by_kind: dict[str, Interval] = field(default_factory=dict)
    """By kind of constituent, e.g. ``colour``: the share of its slots that are right, over the
    images. Empty for a judge that judges no slots."""
    success_by_split: dict[str, Interval] = field(default_factory=dict)
    """By ``seen`` and ``held_out``; empty where the suite has no split."""
    held_out_gap: Interval = field(default_factory=undefined)
    """Success of ``seen`` less that of ``held_out``."""
    corrected_by_split: dict[str, Interval] = field(default_factory=dict)
    """As `success_by_split`, corrected for the judge's errors."""
    repeatability: Interval = field(default_factory=undefined)
    """Correlation of two images of one prompt; `n` counts prompts."""
    controls: dict[str, StationControls] = field(default_factory=dict)
    """By station."""
    association: dict[str, Interval] = field(default_factory=dict)
    """By station, the AUROC of decodability against failure; `n` counts prompts."""
    association_verdict: dict[str, str] = field(default_factory=dict)
    """By station, e.g. ``predicts``."""
    attribution: dict[str, Interval] = field(default_factory=dict)
    """By cause, the share of the wrong images; `n` counts what the shares are of. Empty where no
    cause was given."""
    cost: Cost | None = None
    """None where the run did not record it."""
    use_by_slot: dict[str, Interval] = field(default_factory=dict)
    """Of what the denoiser is given, by slot; empty where use was not measured."""
    use_verdict: dict[str, str] = field(default_factory=dict)
    """By slot, whether it is used."""
    use_culprit: dict[str, str] = field(default_factory=dict)
    """By slot, who is to blame by intervention."""
    created: str = ""
    """When the run was begun, ISO 8601 in UTC."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of Python, t2i-audit and the libraries, by name; ``absent`` where one was not installed."""
    prompts_asked: int = 0
    """Prompts that the run was to have; `n_prompts` are left."""
    ranking: str = ""
    """What the ranks of its group rest on, and how they are corrected for the number of pairs."""
    allowed: tuple[str, ...] = ()
    """What the user chose to ignore when runs were grouped, e.g. ``seeds``."""
    found: bool = True
    """Whether the run was there when the board was last made. The row of one that was not stands
    as it was."""

    @property
    def parameters(self) -> int | None:
        """Of all components; None where they are not known."""
        return sum(self.cost.parameters.values()) if self.cost and self.cost.parameters else None


@dataclass(frozen=True)
class RunGroup:
    """Runs that can be compared: of one suite, judge, number of prompts and number of seeds."""

    number: int
    """From 1, the largest group first."""
    name: str
    notes: tuple[str, ...]
    """Sentences on what sets it apart from the first group, and on what its runs share or not."""
    ranking: str = ""
    """What the ranks of the group rest on, and how they are corrected for the number of pairs;
    empty where there are none."""


@dataclass(frozen=True)
class RunPair:
    """Two runs of one group over the prompts that all of its runs share."""

    group: int
    run: str
    """The run with the higher success; of two equal ones, that which stands first."""
    other: str
    difference: Interval
    """Success of `run` less that of `other`, paired over compositions. The intervals of all pairs
    of the group hold together with a probability of 95%; `n` counts prompts."""
    p_value: Number
    """Two-sided, of this pair alone."""
    adjusted_p_value: Number
    """Corrected for all pairs of the group by step-down (Romano and Wolf 2005)."""
    better: int
    """Prompts of which `run` gets the larger share of images right."""
    worse: int
    same: int

    @property
    def told_apart(self) -> bool:
        """Whether `run` is surely better; ranks rest on that."""
        return self.adjusted_p_value <= 1 - LEVEL


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
    """Sentences on runs that were given more than once, and on rows whose runs are gone."""
    pairs: tuple[RunPair, ...] = ()
    """Every two runs that were ranked together, where the caller asked for them."""
