"""What the probes of a station found, slot by slot."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from t2i_audit.results.interval import Interval, Number, undefined
from t2i_audit.results.measures import Measure

Verdict = Literal["kept", "lost", "unclear", "saturated", "below random weights", "undefined"]

TEXT_ENCODER = "text_encoder"
DENOISER = "denoiser"
STATIONS = (TEXT_ENCODER, DENOISER)


@dataclass(frozen=True)
class SlotEstimates:
    """Balanced accuracies of the probes of one slot: the slot's own, its baseline and its controls.

    Each is NaN where that probe was not run.
    """

    balanced_accuracy: Interval
    """How well the slot is decoded, at the layers and positions chosen inside the training
    folds."""
    presence_balanced_accuracy: Interval
    """The words-alone baseline: decoded from which words occur, without their order."""
    random_weights_balanced_accuracy: Interval
    """Decoded from the same architecture with random weights."""
    layer_0_balanced_accuracy: Interval
    """Decoded from the token embeddings alone, before the first layer."""
    shuffled_balanced_accuracy: Interval
    """Decoded by a probe that was trained on shuffled labels."""


@dataclass(frozen=True)
class SlotDecoding:
    """How well one slot is decoded at one station, beside its baseline and its controls."""

    estimates: SlotEstimates
    verdict: Verdict
    reason: str = ""
    """Why the verdict is undefined or unclear; empty where it is neither."""
    threshold: Number = math.nan
    """The balanced accuracy from which the slot counts as decodable."""
    gain_over_random_weights: Interval = field(default_factory=undefined)
    """The slot's own balanced accuracy less that with random weights; it decides between
    verdicts."""
    recalls: dict[str, Interval] = field(default_factory=dict)
    """By value, the share of its prompts that are read right; `n` counts prompts."""
    read_as: dict[str, str] = field(default_factory=dict)
    """By value that is lost, alone or on average with the other, the other value that most of its
    wrong readings say."""
    measures: dict[str, Measure] = field(default_factory=dict)
    """By name, what does not saturate where accuracy does; see `t2i_audit.probes.measures`."""


@dataclass(frozen=True)
class StationSummary:
    """Decodability at one station."""

    decodability: Interval
    """Mean over prompts of the weakest slot's out-of-fold probability; `n` counts prompts."""
    slots: dict[str, SlotDecoding]
    """Empty where there was nothing to read."""
