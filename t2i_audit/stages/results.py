"""From judged pictures and probes to the tables and the summary of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.analysis import (
    Attribution,
    RunSummary,
    SlotDecoding,
    SlotReading,
    StationSummary,
    associate,
    attribute,
    attribution_shares,
    mean_decodability,
    repeatability,
    standing_notes,
    success_rates,
    weakest_slot,
)
from t2i_audit.probes.station import StationProbes

FloatArray = NDArray[np.float64]


def decodability_rows(
    station: str, probes: StationProbes, prompts: Sequence[Prompt]
) -> list[dict[str, Any]]:
    """Rows of the table ``decodability``: one a prompt and slot."""
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


def station_summary(
    probes: StationProbes, prompts: Sequence[Prompt], *, rng: np.random.Generator
) -> StationSummary:
    """One station's figures for the summary."""
    slots = {
        name: SlotDecoding(
            {
                "balanced_accuracy": read.balanced_accuracy,
                "presence_balanced_accuracy": read.presence_balanced_accuracy,
                "random_weights_balanced_accuracy": read.random_weights_balanced_accuracy,
                "layer_0_balanced_accuracy": read.layer_0_balanced_accuracy,
                "shuffled_balanced_accuracy": read.shuffled_balanced_accuracy,
            },
            read.verdict,
        )
        for name, read in probes.slots.items()
    }
    clusters = [prompt.composition for prompt in prompts]
    return StationSummary(mean_decodability(_weakest(probes), clusters, rng=rng), slots)


def text_only_summary(
    model: str, suite: str, prompts: Sequence[Prompt], text: StationProbes, *, seed: int
) -> RunSummary:
    """The summary of a run that makes no pictures."""
    rng = np.random.default_rng(seed)
    return RunSummary(
        model=model,
        suite=suite,
        judge=None,
        n_prompts=len(prompts),
        n_seeds=0,
        n_images=0,
        n_excluded=0,
        stations={"text_encoder": station_summary(text, prompts, rng=rng)},
    )


def summarise(
    prompts: Sequence[Prompt],
    judged: Sequence[Mapping[str, Any]],
    stations: Mapping[str, StationProbes],
    *,
    model: str,
    suite: str,
    judge: str,
    n_seeds: int,
    notes: Sequence[str],
    seed: int,
) -> tuple[RunSummary, list[dict[str, Any]]]:
    """The summary of a run, and the rows of its table ``attributions``."""
    rng = np.random.default_rng(seed)
    success, slot_correct = _outcomes(prompts, judged, n_seeds)
    clusters = [prompt.composition for prompt in prompts]
    types = [prompt.type for prompt in prompts]
    rates = success_rates(
        success,
        clusters,
        types=types,
        splits=[prompt.split for prompt in prompts],
        slot_correct=slot_correct,
        rng=rng,
    )
    repeats = repeatability(success, clusters, types=types, rng=rng)
    associations = {
        station: associate(
            _weakest(probes),
            success,
            clusters,
            types=types,
            repeatability=repeats,
            presence=weakest_slot(
                {slot: read.presence_probability for slot, read in probes.decodability.items()}
            ),
            rng=rng,
        )
        for station, probes in stations.items()
    }
    readings = {station: _readings(probes) for station, probes in stations.items()}
    slots = sorted({part.slot for prompt in prompts for part in prompt.constituents})
    attribution = attribute(
        success,
        {slot: [p.constituent(slot) is not None for p in prompts] for slot in slots},
        readings["text_encoder"],
        denoiser=readings.get("denoiser"),
        slot_correct=slot_correct or None,
        heads={
            slot: sorted({head.slot for prompt in prompts for head in prompt.heads(slot)})
            for slot in slots
            if any(prompt.heads(slot) for prompt in prompts)
        },
    )
    excluded = int(np.isnan(success).sum())
    summary = RunSummary(
        model=model,
        suite=suite,
        judge=judge,
        n_prompts=len(prompts),
        n_seeds=n_seeds,
        n_images=success.size,
        n_excluded=excluded,
        stations={
            station: station_summary(probes, prompts, rng=rng)
            for station, probes in stations.items()
        },
        success=rates,
        repeatability=repeats,
        associations=associations,
        attribution=attribution_shares(attribution, success, clusters, rng=rng),
        notes=(
            *notes,
            *standing_notes(
                n_seeds=n_seeds,
                n_images=success.size,
                n_excluded=excluded,
                stations=tuple(stations),
            ),
        ),
    )
    return summary, _attribution_rows(prompts, success, attribution, stations)


def _outcomes(
    prompts: Sequence[Prompt], judged: Sequence[Mapping[str, Any]], n_seeds: int
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Right or wrong of each picture, and of each slot in it, ``(n, seeds)`` with NaN."""
    row_of = {prompt.id: row for row, prompt in enumerate(prompts)}
    shape = (len(prompts), n_seeds)
    success = np.full(shape, np.nan)
    slots: dict[str, FloatArray] = {}
    for verdict in judged:
        place = row_of[verdict["prompt_id"]], verdict["seed"]
        if verdict["correct"] is None:
            continue
        success[place] = verdict["correct"]
        for slot, right in verdict["slots"].items():
            slots.setdefault(slot, np.full(shape, np.nan))[place] = right
    return success, slots


def _weakest(probes: StationProbes) -> FloatArray:
    return weakest_slot({slot: read.probability for slot, read in probes.decodability.items()})


def _readings(probes: StationProbes) -> dict[str, SlotReading]:
    return {
        slot: SlotReading(read.lower, read.upper, read.presence_probability)
        for slot, read in probes.decodability.items()
    }


def _attribution_rows(
    prompts: Sequence[Prompt],
    success: FloatArray,
    attribution: Attribution,
    stations: Mapping[str, StationProbes],
) -> list[dict[str, Any]]:
    weakest = {station: _weakest(probes) for station, probes in stations.items()}
    nothing = np.full(len(prompts), np.nan)
    return [
        {
            "prompt_id": prompt.id,
            "judged": int((~np.isnan(success[row])).sum()),
            "success_rate": float(attribution.success_rate[row]),
            "failing": bool(attribution.failing[row]),
            "cause": str(attribution.cause[row]) or None,
            "detail": str(attribution.detail[row]) or None,
            "needed_slots": [slot for slot, needed in attribution.needed.items() if needed[row]],
            "lost_slots": [slot for slot, lost in attribution.lost.items() if lost[row]],
            "text_decodability": float(weakest["text_encoder"][row]),
            "denoiser_decodability": float(weakest.get("denoiser", nothing)[row]),
        }
        for row, prompt in enumerate(prompts)
    ]
