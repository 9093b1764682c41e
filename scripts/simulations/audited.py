"""The public functions of the audit, called as the audit calls them.

Only this module knows their arguments, so that a simulation does not change when these do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from scripts.simulations.images import Images
from t2i_audit.analysis import (
    DecodedSlot,
    associate,
    attribute,
    attribution_shares,
    repeatability,
    success_rates,
)
from t2i_audit.analysis.leaderboard import correlate_runs
from t2i_audit.probes.decoded import StationProbes
from t2i_audit.probes.features import FeatureBlock
from t2i_audit.probes.station import probe_station
from t2i_audit.results.association import Association
from t2i_audit.results.attribution import AttributionShares
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.leaderboard import LeaderboardRow, RunCorrelation, Setup
from t2i_audit.results.success import Repeatability, SuccessRates

FloatArray = NDArray[np.float64]

# Fewer than an audit takes, for time; it costs less than a point of coverage.
RESAMPLES = 400
PERMUTATIONS = 199

SETUP = Setup(**dict.fromkeys(Setup.__dataclass_fields__))


def rates_of(images: Images, *, rng: np.random.Generator) -> SuccessRates:
    """Success rates."""
    return success_rates(
        images.success,
        images.clusters,
        types=images.types,
        splits=images.splits,
        slot_correct=images.slots,
        rng=rng,
        resamples=RESAMPLES,
    )


def repeats_of(images: Images, *, rng: np.random.Generator) -> Repeatability:
    """Repeatability over seeds."""
    return repeatability(
        images.success, images.clusters, types=images.types, rng=rng, resamples=RESAMPLES
    )


def association_of(
    decodability: FloatArray,
    presence: FloatArray | None,
    images: Images,
    *,
    rng: np.random.Generator,
) -> Association:
    """Decodability against failure over prompts."""
    return associate(
        decodability,
        images.success,
        images.clusters,
        types=images.types,
        repeatability=repeats_of(images, rng=rng),
        presence=presence,
        rng=rng,
        resamples=RESAMPLES,
        permutations=PERMUTATIONS,
    )


@dataclass(frozen=True, eq=False)
class SlotReading:
    """One slot read at one station, ``(n,)`` each."""

    probability: FloatArray
    lower: FloatArray
    upper: FloatArray
    presence: FloatArray


def causes_of(
    prompts: Sequence[Prompt],
    images: Images,
    encoder: Mapping[str, SlotReading],
    denoiser: Mapping[str, SlotReading] | None,
    *,
    rng: np.random.Generator,
) -> AttributionShares:
    """Causes of the failures, their shares and the culprit."""
    slots = sorted({part.slot for prompt in prompts for part in prompt.constituents})
    heads = {
        slot: sorted({head.slot for prompt in prompts for head in prompt.heads(slot)})
        for slot in slots
    }
    found = attribute(
        images.success,
        {slot: [p.constituent(slot) is not None for p in prompts] for slot in slots},
        _decoded(encoder),
        denoiser=None if denoiser is None else _decoded(denoiser),
        slot_correct=images.slots or None,
        heads={slot: own for slot, own in heads.items() if own},
    )
    return attribution_shares(found, images.success, images.clusters, rng=rng, resamples=RESAMPLES)


def _decoded(readings: Mapping[str, SlotReading]) -> dict[str, DecodedSlot]:
    return {
        slot: DecodedSlot(read.lower, read.upper, read.presence) for slot, read in readings.items()
    }


def station_of(
    prompts: Sequence[Prompt],
    blocks: Sequence[FeatureBlock],
    random_weights: Sequence[Sequence[FeatureBlock]] = (),
    *,
    seed: int,
) -> StationProbes:
    """What is read at one station."""
    return probe_station(
        prompts, blocks, random_weights=random_weights, seed=seed, resamples=RESAMPLES
    )


def readings_of(probes: StationProbes) -> dict[str, SlotReading]:
    """What a station's probes say of each prompt."""
    return {
        slot: SlotReading(read.probability, read.lower, read.upper, read.presence_probability)
        for slot, read in probes.decodability.items()
    }


def correlation_of(
    success: Sequence[Interval], decodability: Sequence[Interval], *, rng: np.random.Generator
) -> RunCorrelation:
    """Success against decodability over runs of different checkpoints."""
    rows = [
        _row(number, *each)
        for number, each in enumerate(zip(success, decodability, strict=True), start=1)
    ]
    return correlate_runs(rows, station="text_encoder", name="group", rng=rng, resamples=RESAMPLES)


def _row(number: int, success: Interval, decodability: Interval) -> LeaderboardRow:
    name = f"model {number}"
    return LeaderboardRow(
        group=1,
        run=name,
        model=name,
        suite="suite",
        judge="oracle",
        n_seeds=4,
        n_prompts=480,
        n_images=1920,
        success=success,
        decodability={"text_encoder": decodability, "denoiser": undefined()},
        culprit=None,
        corrected=undefined(),
        setup=SETUP,
        suite_sha256="",
        judge_sha256="",
        weights_sha256=name,
        checkpoint=name,
        identity=name,
    )
