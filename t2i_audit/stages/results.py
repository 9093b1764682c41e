"""From judged images and probes to the summary of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.analysis import (
    Attribution,
    associate,
    attribution_shares,
    mean_decodability,
    repeatability,
    standing_notes,
    success_rates,
)
from t2i_audit.analysis.adjusted import difficulties
from t2i_audit.analysis.success import with_readings
from t2i_audit.probes.decoded import StationProbes
from t2i_audit.probes.verdicts import with_images
from t2i_audit.results.association import Association
from t2i_audit.results.attribution import AttributionShares
from t2i_audit.results.decoding import (
    TEXT_ENCODER,
    SlotDecoding,
    SlotEstimates,
    StationSummary,
)
from t2i_audit.results.success import Repeatability, SuccessRates
from t2i_audit.results.summary import RunSummary
from t2i_audit.stages.causes import attribute_prompts
from t2i_audit.stages.rows import attribution_rows, weakest, weakest_presence

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def station_summary(probes: StationProbes, prompts: Sequence[Prompt]) -> StationSummary:
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
            threshold=read.threshold,
            gain_over_random_weights=read.gain_over_random_weights,
            recalls=read.recalls,
            read_as=read.read_as,
            measures=dict(read.measures),
        )
        for name, read in probes.slots.items()
    }
    clusters = [prompt.composition for prompt in prompts]
    least = weakest(probes, len(prompts))
    return StationSummary(mean_decodability(least, clusters), slots)


def _beside_images(station: StationSummary, rates: SuccessRates) -> StationSummary:
    """No slot is lost at a station that images show right."""
    slots = dict(station.slots)
    for name, success in rates.by_slot.items():
        if name in slots:
            own = slots[name]
            verdict, reason = with_images(
                own.verdict, own.reason, threshold=own.threshold, success=success
            )
            slots[name] = replace(own, verdict=verdict, reason=reason)
    return replace(station, slots=slots)


def text_only_summary(
    model: str,
    suite: str,
    prompts: Sequence[Prompt],
    text: StationProbes,
    *,
    notes: Sequence[str],
) -> RunSummary:
    """The summary of a run that makes no images; `text` is of all `prompts`."""
    return RunSummary(
        model=model,
        suite=suite,
        judge=None,
        n_prompts=len(prompts),
        n_seeds=0,
        n_images=0,
        n_excluded=0,
        stations={TEXT_ENCODER: station_summary(text, prompts)},
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
        judged: rows of the table ``judgements``, those of the primary judge.
        stations: what was probed, each of all `n` prompts (see `StationProbes.spread`).
        model, suite, judge: their names.
        n_seeds: images per prompt.
        located: ``(n,)`` prompts whose words were found in what a text encoder gets; only these
            are attributed.
        read_whole: ``(n,)`` prompts that a text encoder gets to the end as they are.
        notes: sentences that stand before the standing ones.
        seed: of every resampling.
    """
    # The order of the calls is part of the result: all draw from one generator.
    rng = np.random.default_rng(seed)
    images = JudgedImages.of(prompts, judged, n_seeds)
    rates = _success_rates(prompts, images, read_whole)
    repeats = repeatability(images.success, images.clusters, types=images.types)
    associations = {
        station: _association(probes, prompts, images, repeats, rng=rng)
        for station, probes in stations.items()
    }
    # Without constituents there is nothing that could have been lost. Without a station nothing is
    # located, so that no prompt is attributable.
    attributable = located & np.array([bool(prompt.constituents) for prompt in prompts])
    attribution = attribute_prompts(
        prompts, images.success, images.slot_correct, stations, attributable
    )
    probed = {
        station: _beside_images(station_summary(probes, prompts), rates)
        for station, probes in stations.items()
    }
    shares = _shares(attribution, images, attributable, rng=rng)
    summary = RunSummary(
        model=model,
        suite=suite,
        judge=judge,
        n_prompts=len(prompts),
        n_seeds=n_seeds,
        n_images=images.n_images,
        n_excluded=images.n_excluded,
        stations=probed,
        success=rates,
        repeatability=repeats,
        associations=associations or None,
        attribution=shares,
        notes=(*notes, *images.notes(stations)),
    )
    return summary, attribution_rows(prompts, images.success, attribution, stations, attributable)


@dataclass(frozen=True, eq=False)
class JudgedImages:
    """The images of `n` prompts, as one judge judged them."""

    success: FloatArray
    """``(n, seeds)`` 1 for a right image, 0 for a wrong one, NaN for one left out."""
    slot_correct: dict[str, FloatArray]
    """The same for each slot that the judge judges."""
    clusters: list[str]
    """``(n,)`` compositions."""
    types: list[str]
    """``(n,)`` prompt types."""
    n_images: int
    """Images made; prompts may have different numbers of them."""

    @classmethod
    def of(
        cls, prompts: Sequence[Prompt], judged: Sequence[Mapping[str, Any]], n_seeds: int
    ) -> JudgedImages:
        """Of one judge's rows of the table ``judgements``."""
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
                own = slots.setdefault(slot, np.full(shape, np.nan))
                own[image] = np.nan if right is None else right
        compositions = [prompt.composition for prompt in prompts]
        types = [prompt.type for prompt in prompts]
        return cls(success, slots, compositions, types, len(judged))

    @property
    def n_excluded(self) -> int:
        """Images without a verdict."""
        return self.n_images - int((~np.isnan(self.success)).sum())

    def notes(self, stations: Mapping[str, StationProbes]) -> tuple[str, ...]:
        """The standing notes of a run with these images."""
        return standing_notes(
            n_seeds=self.success.shape[1],
            n_images=self.n_images,
            n_excluded=self.n_excluded,
            stations=tuple(stations),
        )


def _success_rates(
    prompts: Sequence[Prompt], images: JudgedImages, read_whole: BoolArray
) -> SuccessRates:
    rates = success_rates(
        images.success,
        images.clusters,
        types=images.types,
        splits=[prompt.split for prompt in prompts],
        slot_correct=images.slot_correct,
        pairs=[prompt.pairs for prompt in prompts],
    )
    return with_readings(rates, images.success, images.clusters, read_whole)


def _shares(
    attribution: Attribution,
    images: JudgedImages,
    attributable: BoolArray,
    *,
    rng: np.random.Generator,
) -> AttributionShares | None:
    """None where no prompt has a cause that could be named."""
    if not attributable.any():
        return None
    owners = np.array(images.clusters)[attributable]
    return attribution_shares(attribution, owners, rng=rng)


def _association(
    probes: StationProbes,
    prompts: Sequence[Prompt],
    images: JudgedImages,
    repeats: Repeatability,
    *,
    rng: np.random.Generator,
) -> Association:
    n = len(images.clusters)
    return associate(
        weakest(probes, n),
        images.success,
        images.clusters,
        types=images.types,
        repeatability=repeats,
        presence=weakest_presence(probes, n),
        prompts=prompts,
        held_fixed=difficulties(prompts),
        rng=rng,
    )
