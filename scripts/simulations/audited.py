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
from t2i_audit.analysis.paired import (
    PairedImages,
    noise_expected,
    noise_found,
    paired_rate,
    seen_differences,
)
from t2i_audit.analysis.use import estimate_use
from t2i_audit.analysis.use.comparing import compared_use
from t2i_audit.analysis.use.culprits import culprit_of
from t2i_audit.analysis.use.drawn import DrawnImages
from t2i_audit.probes.decoded import StationProbes
from t2i_audit.probes.features import FeatureBlock, slot_targets
from t2i_audit.probes.folds import Folds
from t2i_audit.probes.opened import OpenedBlock
from t2i_audit.probes.plan import ProbePlan, tasks_of
from t2i_audit.probes.reading import read_block
from t2i_audit.probes.scoring import Jackknife
from t2i_audit.probes.selection import Best
from t2i_audit.probes.station import probe_station
from t2i_audit.results.association import Association
from t2i_audit.results.attribution import AttributionShares
from t2i_audit.results.comparison import PairedRate, SmallestDifference
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.leaderboard import LeaderboardRow, RunCorrelation, Setup
from t2i_audit.results.success import Repeatability, SuccessRates
from t2i_audit.results.use import SlotUse

FloatArray = NDArray[np.float64]

# Fewer than an audit takes, for time; it costs less than a point of coverage.
RESAMPLES = 400
PERMUTATIONS = 199

SETUP = Setup(**dict.fromkeys(Setup.__dataclass_fields__))


def rates_of(images: Images) -> SuccessRates:
    """Success rates."""
    return success_rates(
        images.success,
        images.clusters,
        types=images.types,
        splits=images.splits,
        slot_correct=images.slots,
        pairs=images.pairs,
    )


def repeats_of(images: Images) -> Repeatability:
    """Repeatability over seeds."""
    return repeatability(images.success, images.clusters, types=images.types)


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
        repeatability=repeats_of(images),
        presence=presence,
        prompts=images.prompts,
        rng=rng,
        permutations=PERMUTATIONS,
    )


@dataclass(frozen=True, eq=False)
class SlotReading:
    """One slot read at one station; arrays are ``(n,)``."""

    probability: FloatArray
    lower: FloatArray
    upper: FloatArray
    threshold: float
    """The probability from which the slot counts as decodable."""

    def first(self, n: int) -> SlotReading:
        """Of the first `n` prompts."""
        return SlotReading(self.probability[:n], self.lower[:n], self.upper[:n], self.threshold)


def causes_of(
    images: Images,
    encoder: Mapping[str, SlotReading],
    denoiser: Mapping[str, SlotReading] | None = None,
    *,
    rng: np.random.Generator,
) -> AttributionShares:
    """Causes of the failures, their shares and the culprit."""
    prompts = images.prompts
    slots = sorted({part.slot for prompt in prompts for part in prompt.constituents})
    heads = {
        slot: sorted({head.slot for prompt in prompts for head in prompt.heads(slot)})
        for slot in slots
    }
    found = attribute(
        images.success,
        {slot: [p.constituent(slot) is not None for p in prompts] for slot in slots},
        decoded_readings(encoder),
        denoiser=None if denoiser is None else decoded_readings(denoiser),
        slot_correct=images.slots or None,
        heads={slot: own for slot, own in heads.items() if own},
    )
    return attribution_shares(found, images.clusters, rng=rng, resamples=RESAMPLES)


def decoded_readings(readings: Mapping[str, SlotReading]) -> dict[str, DecodedSlot]:
    """Readings as the attribution takes them."""
    return {
        slot: DecodedSlot(
            read.probability,
            np.fmax(read.upper - read.probability, read.probability - read.lower),
            read.threshold,
        )
        for slot, read in readings.items()
    }


def station_of(
    prompts: Sequence[Prompt],
    blocks: Sequence[FeatureBlock],
    random_weights: Sequence[Sequence[FeatureBlock]] = (),
    *,
    seed: int,
) -> StationProbes:
    """What is read at one station."""
    return probe_station(prompts, blocks, random_weights=random_weights, seed=seed)


def readings_of(probes: StationProbes) -> dict[str, SlotReading]:
    """What a station's probes say of each prompt."""
    return {
        slot: SlotReading(read.probability, read.lower, read.upper, probes.slots[slot].threshold)
        for slot, read in probes.decodability.items()
    }


def confidences_of(
    prompts: Sequence[Prompt], blocks: Sequence[FeatureBlock], *, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Of each test of a slot the probability of the value that is read, and 1 where it is right.

    It is what `probe_station` does before it takes means over folds.
    """
    tasks = tasks_of(slot_targets(prompts), Folds(prompts, seed), seed=seed)
    best = Best()
    for block in blocks:
        own = [task for task in tasks if task.target.name in block.targets]
        best.offer(read_block(OpenedBlock.of(block), ProbePlan.of(block.valid, own)))
    jackknife = Jackknife.of([prompt.composition for prompt in prompts], seed=seed)
    folds = [fold for chosen in best.chosen(jackknife).values() for fold in chosen.folds]
    said = np.concatenate([fold.confidence for fold in folds])
    right = np.concatenate([fold.correct for fold in folds])
    return said, right.astype(np.float64)


def correlation_of(success: Sequence[Interval], decodability: Sequence[Interval]) -> RunCorrelation:
    """Success against decodability over runs of different checkpoints."""
    rows = [
        _row(number, *each)
        for number, each in enumerate(zip(success, decodability, strict=True), start=1)
    ]
    return correlate_runs(rows, station="text_encoder", name="group")


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


def comparison_of(base: FloatArray, candidate: FloatArray, clusters: Sequence[str]) -> PairedRate:
    """Success of two runs, ``(n, seeds)`` each, and its difference."""
    return paired_rate(PairedImages(base, candidate, np.array(clusters)))


def power_of_comparison(
    base: FloatArray, candidate: FloatArray, clusters: Sequence[str]
) -> tuple[SmallestDifference, ...]:
    """Which differences these two runs show."""
    return seen_differences(noise_found(PairedImages(base, candidate, np.array(clusters))))


def planned_comparison(
    base: FloatArray, clusters: Sequence[str], *, correlation: float
) -> tuple[SmallestDifference, ...]:
    """Which differences a candidate of such a base will show."""
    images = PairedImages(base, base, np.array(clusters))
    return seen_differences(noise_expected(images, correlation=correlation))


def use_in(images: DrawnImages, slot: str) -> SlotUse:
    """The use of `slot`."""
    found, _ = estimate_use(images)
    return next(each for each in found if each.slot == slot)


def use_difference(base: DrawnImages, candidate: DrawnImages, slot: str) -> Interval:
    """The use of `slot` in the second less that in the first."""
    return compared_use(base, candidate)[slot].difference


def culprit_by_use(
    slot: str,
    images: DrawnImages,
    encoder: Mapping[str, SlotReading],
    *,
    rng: np.random.Generator,
) -> str:
    """Who is to blame where `slot` is wrong, by intervention."""
    use = use_in(images, slot)
    found = culprit_of(slot, images, decoded_readings(encoder), use, rng=rng, resamples=RESAMPLES)
    return found.culprit
