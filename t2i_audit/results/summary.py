"""What ``summary.json`` holds: every estimate of one run with its interval and count."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import read_json, write_json
from t2i_audit.results.association import Association
from t2i_audit.results.attribution import AttributionShares
from t2i_audit.results.blocks import BlocksSummary
from t2i_audit.results.corrected import Corrected
from t2i_audit.results.decoding import StationSummary
from t2i_audit.results.interval import Interval
from t2i_audit.results.judge_facts import JudgeFacts
from t2i_audit.results.judges import JudgeAgreement, JudgeSummary
from t2i_audit.results.success import Repeatability, SuccessRates
from t2i_audit.results.vae import VaeSummary

if TYPE_CHECKING:
    from pydantic import TypeAdapter

AGAIN = "give the command that made the run again, and it is made anew"
# Sums of floating-point numbers in another order differ by less.
ROUNDING = 1e-9


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
    corrected: Corrected | None = None
    """Success corrected for the judge's errors; None before `t2i-audit calibrate`."""
    judge_facts: dict[str, JudgeFacts] = field(default_factory=dict)
    """By judge, what its success rates should be compared with."""
    vae: VaeSummary | None = None
    """What is lost in the VAE; None where it was not read."""
    blocks: BlocksSummary | None = None
    """What is lost from one block of the denoiser to the next; None where none were recorded."""


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
    if summary.corrected is not None:
        yield "corrected success", summary.corrected.overall.rate
    for name, station in summary.stations.items():
        yield f"decodability at {name}", station.decodability


def _is_rate(interval: Interval) -> bool:
    """Whether the estimate lies in its interval, both from 0 to 1, where they are defined."""
    ends = (interval.lower, interval.estimate, interval.upper)
    defined = [0.0, *(end for end in ends if not math.isnan(end)), 1.0]
    return all(math.isfinite(high) and low <= high + ROUNDING for low, high in pairwise(defined))
