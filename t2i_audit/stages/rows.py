"""Rows of a run's tables, from what the probes found and what the images were judged to show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.analysis import Attribution, weakest_slot
from t2i_audit.probes.decoded import PlaceReading, StationProbes
from t2i_audit.results.decoding import DENOISER, TEXT_ENCODER
from t2i_audit.results.measures import PLACE_MEASURES, PlaceMeasures
from t2i_audit.results.place import Place
from t2i_audit.results.readings import ProbeReading

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def probe_readings(station: str, probes: StationProbes) -> list[ProbeReading]:
    """Every probe of a station, each beside its controls."""
    draws: dict[tuple[Place, str], list[tuple[float, float]]] = {}
    for each in probes.random_places:
        figures = each.balanced_accuracy.estimate, each.r2
        draws.setdefault((each.place, each.slot), []).append(figures)
    means = {key: np.mean(figures, axis=0) for key, figures in draws.items()}
    return [_probe_reading(station, probes, each, means) for each in probes.places]


def _probe_reading(
    station: str,
    probes: StationProbes,
    each: PlaceReading,
    random_means: Mapping[tuple[Place, str], FloatArray],
) -> ProbeReading:
    slot = probes.slots.get(each.slot)
    random = random_means.get((each.place, each.slot), np.full(2, np.nan))
    words = {} if slot is None else slot.measures
    return ProbeReading(
        station=station,
        place=each.place,
        slot=each.slot,
        masked=each.masked,
        n_classes=round(1 / each.chance),
        chance=each.chance,
        r2=each.r2,
        balanced_accuracy=each.balanced_accuracy,
        shuffled_balanced_accuracy=each.shuffled_balanced_accuracy,
        random_weights_balanced_accuracy=float(random[0]),
        presence_balanced_accuracy=(slot.presence_balanced_accuracy.estimate if slot else math.nan),
        random_weights_r2=float(random[1]),
        presence_r2=words["r2"].words_alone.estimate if "r2" in words else math.nan,
        measures=probes.measured.get((each.place, each.slot), PlaceMeasures()),
        random_weights_measures=probes.random_measured.get(
            (each.place, each.slot), PlaceMeasures()
        ),
        presence_measures=PlaceMeasures(
            **{name: words[name].words_alone.estimate for name in PLACE_MEASURES if name in words}
        ),
    )


def decodability_rows(
    station: str, probes: StationProbes, prompts: Sequence[Prompt]
) -> list[dict[str, Any]]:
    """Rows of the table ``decodability``: one per prompt and slot; `prompts` are those probed."""
    return [
        {
            "prompt_id": prompt.id,
            "station": station,
            "slot": slot,
            "probability": float(read.probability[row]),
            "lower": float(read.lower[row]),
            "upper": float(read.upper[row]),
            "presence_probability": float(read.presence_probability[row]),
        }
        for row, prompt in enumerate(prompts)
        for slot, read in probes.decodability.items()
        if prompt.constituent(slot) is not None
    ]


def attribution_rows(
    prompts: Sequence[Prompt],
    success: FloatArray,
    attribution: Attribution,
    stations: Mapping[str, StationProbes],
    attributable: BoolArray,
) -> list[dict[str, Any]]:
    """Rows of the table ``attributions``: one per prompt.

    Causes are given for the prompts that are `attributable`, ``(n,)``; `attribution` is of these.
    """
    least = {station: weakest(probes, len(prompts)) for station, probes in stations.items()}
    nothing = np.full(len(prompts), np.nan)
    place = {int(row): index for index, row in enumerate(np.flatnonzero(attributable))}
    causes, details = attribution.cause, attribution.detail
    rows = []
    for row, prompt in enumerate(prompts):
        outcomes = success[row][~np.isnan(success[row])]
        cause = detail = None
        weights: dict[str, float] = {}
        needed: list[str] = []
        lost: list[str] = []
        if row in place:
            own = place[row]
            cause = str(causes[own]) or None
            detail = str(details[own]) or None
            if cause is not None:
                weights = {name: float(each[own]) for name, each in attribution.causes.items()}
            needed = [slot for slot, each in attribution.needed.items() if each[own]]
            lost = [slot for slot, each in attribution.lost.items() if each[own]]
        rows.append(
            {
                "prompt_id": prompt.id,
                "judged": len(outcomes),
                "success_rate": float(outcomes.mean()) if len(outcomes) else float("nan"),
                "failing": bool((outcomes == 0).any()),
                "cause": cause,
                "detail": detail,
                "weights": weights,
                "needed_slots": needed,
                "lost_slots": lost,
                "text_decodability": float(least.get(TEXT_ENCODER, nothing)[row]),
                "denoiser_decodability": float(least.get(DENOISER, nothing)[row]),
            }
        )
    return rows


def weakest(probes: StationProbes, n: int) -> FloatArray:
    """``(n,)`` the least probability of a true value over each prompt's slots; NaN if unread."""
    read = {slot: each.probability for slot, each in probes.decodability.items()}
    return weakest_slot(read) if read else np.full(n, np.nan)


def weakest_presence(probes: StationProbes, n: int) -> FloatArray:
    """The same of the words-alone baseline."""
    read = {slot: each.presence_probability for slot, each in probes.decodability.items()}
    return weakest_slot(read) if read else np.full(n, np.nan)
