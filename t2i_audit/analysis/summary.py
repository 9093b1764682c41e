"""What ``summary.json`` holds: every estimate of one run with its interval and count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from t2i_audit.analysis.association import Association
from t2i_audit.analysis.attribution import AttributionShares
from t2i_audit.analysis.repeatability import Repeatability
from t2i_audit.analysis.success import SuccessRates
from t2i_audit.io import to_json
from t2i_audit.stats.interval import Interval

TEXT_ENCODER = "text_encoder"
DENOISER = "denoiser"
STATIONS = (TEXT_ENCODER, DENOISER)


@dataclass(frozen=True)
class SlotDecoding:
    """How well one slot is decoded at one station, beside its controls."""

    estimates: dict[str, Interval]
    """By name: the balanced accuracy and every control of it."""
    verdict: str
    """``kept``, ``lost``, ``saturated`` or ``undefined``, by the probes' rule."""
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
class RunSummary:
    """The result of one run.

    The parts that need images are None after a run that made none, and a station that was not
    probed is missing from `stations` and `associations`.
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
    notes: tuple[str, ...] = ()
    """Sentences that the figures should not be read without."""


def to_json_dict(summary: RunSummary) -> dict[str, Any]:
    """`summary` as JSON objects, NaN as None; each interval has estimate, lower, upper and n."""
    converted: dict[str, Any] = to_json(summary)
    return converted


def standing_notes(
    *, n_seeds: int, n_images: int, n_excluded: int, stations: Sequence[str]
) -> tuple[str, ...]:
    """Sentences on what the size and the settings of a run leave out."""
    notes = []
    if n_excluded:
        notes.append(
            f"{n_excluded} of {n_images} images could not be judged and are left out of every "
            "estimate."
        )
    if n_images and n_seeds < 2:
        notes.append(
            "With one seed a failure cannot be told from chance: use 2 seeds or more for "
            "repeatability and for `chance` as a cause."
        )
    if n_images and DENOISER not in stations:
        notes.append(
            "The denoiser was not probed, so failures put down to it are not split into what was "
            "lost on the way in and what was held and not drawn."
        )
    return tuple(notes)
