"""From judged images and probes to the tables and the summary of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.analysis import (
    Attribution,
    DecodedSlot,
    associate,
    attribute,
    attribution_shares,
    mean_decodability,
    repeatability,
    standing_notes,
    success_rates,
    weakest_slot,
)
from t2i_audit.analysis.success import with_readings
from t2i_audit.probes.station import PlaceReading, StationProbes
from t2i_audit.results.place import Place
from t2i_audit.results.readings import ProbeReading
from t2i_audit.results.summary import (
    DENOISER,
    TEXT_ENCODER,
    Association,
    Repeatability,
    RunSummary,
    SlotDecoding,
    SlotEstimates,
    StationSummary,
)

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def probe_readings(station: str, probes: StationProbes) -> list[ProbeReading]:
    """Every probe of a station, each beside its controls."""
    random_estimates = {
        (each.place, each.slot): each.balanced_accuracy.estimate for each in probes.random_places
    }
    return [_probe_reading(station, probes, each, random_estimates) for each in probes.places]


def _probe_reading(
    station: str,
    probes: StationProbes,
    each: PlaceReading,
    random_estimates: Mapping[tuple[Place, str], float],
) -> ProbeReading:
    slot = probes.slots.get(each.slot)
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
        random_weights_balanced_accuracy=random_estimates.get((each.place, each.slot), math.nan),
        presence_balanced_accuracy=(slot.presence_balanced_accuracy.estimate if slot else math.nan),
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


def station_summary(
    probes: StationProbes, prompts: Sequence[Prompt], *, rng: np.random.Generator
) -> StationSummary:
    """One station's figures for the summary."""
    slots = {
        name: SlotDecoding(
            SlotEstimates(
                balanced_accuracy=read.balanced_accuracy,
                presence_balanced_accuracy=read.presence_balanced_accuracy,
                random_weights_balanced_accuracy=read.random_weights_balanced_accuracy,
                layer_0_balanced_accuracy=read.layer_0_balanced_accuracy,
                shuffled_balanced_accuracy=read.shuffled_balanced_accuracy,
            ),
            read.verdict,
            read.reason,
        )
        for name, read in probes.slots.items()
    }
    clusters = [prompt.composition for prompt in prompts]
    weakest = _weakest(probes, len(prompts))
    return StationSummary(mean_decodability(weakest, clusters, rng=rng), slots)


def text_only_summary(
    model: str,
    suite: str,
    prompts: Sequence[Prompt],
    text: StationProbes,
    *,
    notes: Sequence[str],
    seed: int,
) -> RunSummary:
    """The summary of a run that makes no images; `text` is of all `prompts`."""
    rng = np.random.default_rng(seed)
    return RunSummary(
        model=model,
        suite=suite,
        judge=None,
        n_prompts=len(prompts),
        n_seeds=0,
        n_images=0,
        n_excluded=0,
        stations={TEXT_ENCODER: station_summary(text, prompts, rng=rng)},
        notes=tuple(notes),
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
    located: BoolArray,
    read_whole: BoolArray,
    notes: Sequence[str],
    seed: int,
) -> tuple[RunSummary, list[dict[str, Any]]]:
    """The summary of a run, and the rows of its table ``attributions``.

    Args:
        prompts: the suite's `n` prompts.
        judged: rows of the table ``judgements``.
        stations: what was probed, each of all `n` prompts (see `StationProbes.spread`).
        model: its name.
        suite: its name.
        judge: its name.
        n_seeds: images per prompt.
        located: ``(n,)`` prompts whose words were found in what a text encoder gets; causes are
            given for these alone.
        read_whole: ``(n,)`` prompts that a text encoder gets to the end as they are.
        notes: sentences that stand before the standing ones.
        seed: of every resampling.
    """
    # The order of the calls is part of the result: all draw from one generator.
    rng = np.random.default_rng(seed)
    images = _Images.of(prompts, judged, n_seeds)
    rates = success_rates(
        images.success,
        images.clusters,
        types=images.types,
        splits=[prompt.split for prompt in prompts],
        slot_correct=images.slot_correct,
        rng=rng,
    )
    # A generator of its own, so that the other intervals are the same with and without these.
    own_rng = np.random.default_rng(seed)
    rates = with_readings(rates, images.success, images.clusters, read_whole, rng=own_rng)
    repeats = repeatability(images.success, images.clusters, types=images.types, rng=rng)
    associations = {
        station: _association(probes, images, repeats, rng=rng)
        for station, probes in stations.items()
    }
    # Without constituents there is nothing that could have been lost.
    attributable = located & np.array([bool(prompt.constituents) for prompt in prompts])
    attribution = _attribute(prompts, images.success, images.slot_correct, stations, attributable)
    probed = {
        station: station_summary(probes, prompts, rng=rng) for station, probes in stations.items()
    }
    shares = None
    if attributable.any():
        owners = np.array(images.clusters)[attributable]
        shares = attribution_shares(attribution, images.success[attributable], owners, rng=rng)
    summary = RunSummary(
        model=model,
        suite=suite,
        judge=judge,
        n_prompts=len(prompts),
        n_seeds=n_seeds,
        n_images=images.success.size,
        n_excluded=images.n_excluded,
        stations=probed,
        success=rates,
        repeatability=repeats,
        associations=associations,
        attribution=shares,
        notes=(*notes, *images.notes(stations)),
    )
    rows = _attribution_rows(prompts, images.success, attribution, stations, attributable)
    return summary, rows


@dataclass(frozen=True, eq=False)
class _Images:
    """The judged images of `n` prompts."""

    success: FloatArray
    """``(n, seeds)`` 1 for a right image, 0 for a wrong one, NaN for one left out."""
    slot_correct: dict[str, FloatArray]
    """The same for each slot that the judge judges."""
    clusters: list[str]
    """``(n,)`` compositions."""
    types: list[str]
    """``(n,)`` prompt types."""

    @classmethod
    def of(
        cls, prompts: Sequence[Prompt], judged: Sequence[Mapping[str, Any]], n_seeds: int
    ) -> _Images:
        """Of the rows of the table ``judgements``."""
        row_of = {prompt.id: row for row, prompt in enumerate(prompts)}
        shape = (len(prompts), n_seeds)
        success = np.full(shape, np.nan)
        slots: dict[str, FloatArray] = {}
        for verdict in judged:
            image = row_of[verdict["prompt_id"]], verdict["seed"]
            if verdict["correct"] is None:
                continue
            success[image] = verdict["correct"]
            for slot, right in verdict["slots"].items():
                slots.setdefault(slot, np.full(shape, np.nan))[image] = right
        compositions = [prompt.composition for prompt in prompts]
        return cls(success, slots, compositions, [prompt.type for prompt in prompts])

    @property
    def n_excluded(self) -> int:
        """Images without a verdict."""
        return int(np.isnan(self.success).sum())

    def notes(self, stations: Mapping[str, StationProbes]) -> tuple[str, ...]:
        """The standing notes of a run with these images."""
        return standing_notes(
            n_seeds=self.success.shape[1],
            n_images=self.success.size,
            n_excluded=self.n_excluded,
            stations=tuple(stations),
        )


def _association(
    probes: StationProbes, images: _Images, repeats: Repeatability, *, rng: np.random.Generator
) -> Association:
    n = len(images.clusters)
    return associate(
        _weakest(probes, n),
        images.success,
        images.clusters,
        types=images.types,
        repeatability=repeats,
        presence=_weakest_presence(probes, n),
        rng=rng,
    )


def _attribute(
    prompts: Sequence[Prompt],
    success: FloatArray,
    slot_correct: Mapping[str, FloatArray],
    stations: Mapping[str, StationProbes],
    attributable: BoolArray,
) -> Attribution:
    """The causes of the failures of those prompts for which causes are given."""
    own = [prompt for prompt, own_part in zip(prompts, attributable, strict=True) if own_part]
    slots = sorted({part.slot for prompt in own for part in prompt.constituents})
    readings = {
        station: {
            slot: DecodedSlot(
                read.lower[attributable],
                read.upper[attributable],
                read.presence_probability[attributable],
            )
            for slot, read in probes.decodability.items()
        }
        for station, probes in stations.items()
    }
    return attribute(
        success[attributable],
        {slot: [p.constituent(slot) is not None for p in own] for slot in slots},
        readings[TEXT_ENCODER],
        denoiser=readings.get(DENOISER),
        slot_correct={slot: right[attributable] for slot, right in slot_correct.items()} or None,
        heads={
            slot: sorted({head.slot for prompt in own for head in prompt.heads(slot)})
            for slot in slots
            if any(prompt.heads(slot) for prompt in own)
        },
    )


def _weakest(probes: StationProbes, n: int) -> FloatArray:
    read = {slot: each.probability for slot, each in probes.decodability.items()}
    return weakest_slot(read) if read else np.full(n, np.nan)


def _weakest_presence(probes: StationProbes, n: int) -> FloatArray:
    read = {slot: each.presence_probability for slot, each in probes.decodability.items()}
    return weakest_slot(read) if read else np.full(n, np.nan)


def _attribution_rows(
    prompts: Sequence[Prompt],
    success: FloatArray,
    attribution: Attribution,
    stations: Mapping[str, StationProbes],
    attributable: BoolArray,
) -> list[dict[str, Any]]:
    weakest = {station: _weakest(probes, len(prompts)) for station, probes in stations.items()}
    nothing = np.full(len(prompts), np.nan)
    place = {int(row): index for index, row in enumerate(np.flatnonzero(attributable))}
    rows = []
    for row, prompt in enumerate(prompts):
        outcomes = success[row][~np.isnan(success[row])]
        cause = detail = None
        needed: list[str] = []
        lost: list[str] = []
        if row in place:
            own = place[row]
            cause = str(attribution.cause[own]) or None
            detail = str(attribution.detail[own]) or None
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
                "needed_slots": needed,
                "lost_slots": lost,
                "text_decodability": float(weakest[TEXT_ENCODER][row]),
                "denoiser_decodability": float(weakest.get(DENOISER, nothing)[row]),
            }
        )
    return rows
