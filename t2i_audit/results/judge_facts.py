"""What ``summary.json`` holds of a judge, to read its success rates by."""

from __future__ import annotations

from dataclasses import dataclass, field

from t2i_audit.results.interval import Interval, Number


@dataclass(frozen=True)
class GuessRates:
    """The success rates of a judge that guesses, each over the images of the rate beside it."""

    overall: Number
    by_slot: dict[str, float] = field(default_factory=dict)
    by_type: dict[str, float] = field(default_factory=dict)
    by_split: dict[str, float] = field(default_factory=dict)
    by_reading: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class BlindRate:
    """How often a judge calls an image right that it cannot have judged by what it shows."""

    overall: Interval
    by_slot: dict[str, Interval] = field(default_factory=dict)
    """Empty for a judge that does not judge slots."""


@dataclass(frozen=True)
class BlindBaselines:
    """What a judge scores without the right image, on a sample of the run's images.

    Every `n` counts images with a verdict, and every interval is over compositions.
    """

    sampled: int
    """Images in the sample."""
    shuffled: BlindRate
    """Each prompt with the image of a prompt of another composition."""
    blank: BlindRate
    """Each prompt with an image of one grey."""
    text_only: BlindRate | None = None
    """Each caption with the mean of the sample's images; None for a judge that compares no
    captions."""


@dataclass(frozen=True)
class JudgeFacts:
    """What is known of one judge of a run."""

    guessing: GuessRates | None = None
    """None for a judge that measures and does not choose."""
    blind: BlindBaselines | None = None
    """None where nothing could be sampled, or the judge does not look at pixels."""
    weak_kinds: tuple[str, ...] = ()
    """What is asked for in the suite that judges of its kind are known not to tell apart, and no
    other judge of the run judges."""
    shares_weights_with: tuple[str, ...] = ()
    """Text encoders of the audited model whose weights the judge has too."""
