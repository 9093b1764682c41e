"""What ``summary.json`` holds: every estimate of one run with its interval and count."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import read_json, write_json
from t2i_audit.results.interval import Interval, Number
from t2i_audit.results.judges import JudgeAgreement, JudgeSummary

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Verdict = Literal["kept", "lost", "saturated", "undefined"]
AssociationVerdict = Literal[
    "predicts", "between_types", "reversed", "chance", "no_association", "undefined"
]
Cause = Literal["encoder", "denoiser", "chance", "unclear"]
Detail = Literal["lost_on_the_way_in", "held_not_drawn", "unclear"]
Culprit = Literal["encoder", "denoiser", "chance", "unclear", "few failures"]

TEXT_ENCODER = "text_encoder"
DENOISER = "denoiser"
STATIONS = (TEXT_ENCODER, DENOISER)
AGAIN = "give the command that made the run again, and it is made anew"
# Sums of floating-point numbers in another order differ by less.
ROUNDING = 1e-9


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
    """Why the verdict is undefined; empty where it is defined."""


@dataclass(frozen=True)
class StationSummary:
    """Decodability at one station."""

    decodability: Interval
    """Mean over prompts of the weakest slot's out-of-fold probability; `n` counts prompts."""
    slots: dict[str, SlotDecoding]
    """Empty where there was nothing to read."""


@dataclass(frozen=True)
class SuccessRates:
    """The share of judged images that are right; every `n` counts images."""

    overall: Interval
    by_slot: dict[str, Interval]
    """Share of images in which the slot is right; empty for a judge that does not judge slots."""
    by_type: dict[str, Interval]
    by_split: dict[str, Interval]
    """By ``seen`` and ``held_out``; prompts of no split are left out."""
    by_reading: dict[str, Interval] = field(default_factory=dict)
    """By ``read_whole`` and ``not_read_whole``; empty where a text encoder reads every prompt to
    the end as it is."""


@dataclass(frozen=True)
class Repeatability:
    """How far a prompt's outcome under one seed predicts its outcome under another."""

    overall: Interval
    """ICC(1) over prompts: 1 when a prompt always or never fails, about 0 when failures fall
    on prompts at random; `n` counts prompts."""
    within_types: Interval
    """The same after each prompt type's mean is subtracted: what is left to predict among prompts
    of one type."""
    reason: str
    """Why `overall` is undefined; empty where it is defined."""


@dataclass(frozen=True)
class Association:
    """How the decodability of prompts at one station goes with their failures.

    Every interval is a bootstrap over compositions, and its `n` counts prompts.
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
    """`auroc` less `presence_auroc`, on the same resamples."""
    n_images: int
    """Judged images that the figures rest on."""
    verdict: AssociationVerdict
    sentence: str
    """The verdict in words, with the figures it rests on."""


@dataclass(frozen=True)
class AttributionShares:
    """Shares of the failing prompts; every `n` counts failing prompts."""

    causes: dict[Cause, Interval]
    details: dict[Detail, Interval]
    """Shares among all failing prompts; empty when no prompt has a detail."""
    failure_rate: Interval
    """Share of judged images that are wrong; `n` counts images."""
    culprit: Culprit


@dataclass(frozen=True)
class RunSummary:
    """The result of one run.

    The parts that need images are None after a run that made none, and a station that was not
    probed is missing from `stations` and `associations`.

    >>> import t2i_audit as t2i
    >>> summary = t2i.load_run("runs/demo").summary
    >>> summary.model, summary.n_prompts
    ('builtin:sound', 8)
    >>> sorted(summary.stations)
    ['denoiser', 'text_encoder']
    """

    model: str
    suite: str
    judge: str | None
    n_prompts: int
    n_seeds: int
    n_images: int
    """Images made, those left out included."""
    n_excluded: int
    """Images without a verdict, left out of every estimate."""
    stations: dict[str, StationSummary]
    success: SuccessRates | None = None
    repeatability: Repeatability | None = None
    associations: dict[str, Association] | None = None
    """By station."""
    attribution: AttributionShares | None = None
    judges: tuple[JudgeSummary, ...] = ()
    """Each judge's verdicts, the primary one's first; all other figures are that one's."""
    agreement: tuple[JudgeAgreement, ...] = ()
    """Of each two judges."""
    notes: tuple[str, ...] = ()
    """Sentences that the figures should not be read without."""


def write_summary(path: Path, summary: RunSummary) -> None:
    """Write `summary` atomically as JSON; NaN becomes ``null``."""
    write_json(path, summary)


def read_summary(path: Path) -> RunSummary:
    """Read what `write_summary` wrote.

    Raises:
        RunDirectoryError: `path` cannot be read or holds no summary.
    """
    try:
        return summary_from_json(read_json(path))
    except (OSError, ValueError) as err:
        raise RunDirectoryError(f"{path} is not a summary of t2i-audit ({err}); {AGAIN}") from err


def summary_from_json(value: Any) -> RunSummary:
    """The summary that the JSON `value` holds; ``null`` in place of a number becomes NaN.

    Raises:
        ValueError: `value` is no summary, or a rate in it is impossible.
    """
    from pydantic import ValidationError

    from t2i_audit.run.manifest import first_fault

    try:
        summary = _adapter().validate_python(value)
    except ValidationError as err:
        raise ValueError(first_fault(err)) from err
    for name, rate in _rates(summary):
        if not _is_rate(rate):
            raise ValueError(f"{name} is {rate}, which is no rate with its interval")
    return summary


@cache
def _adapter() -> TypeAdapter[RunSummary]:
    from pydantic import TypeAdapter

    return TypeAdapter(RunSummary)


def _rates(summary: RunSummary) -> Iterator[tuple[str, Interval]]:
    if summary.success is not None:
        yield "success", summary.success.overall
    for name, station in summary.stations.items():
        yield f"decodability at {name}", station.decodability


def _is_rate(interval: Interval) -> bool:
    """Whether the estimate lies in its interval, both from 0 to 1, where they are defined."""
    ends = (interval.lower, interval.estimate, interval.upper)
    defined = [0.0, *(end for end in ends if not math.isnan(end)), 1.0]
    return all(math.isfinite(high) and low <= high + ROUNDING for low, high in pairwise(defined))
