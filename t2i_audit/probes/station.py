"""Probe one station (text encoder or denoiser): every place, and the best place for each slot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from prompts.structure import Prompt
from t2i_audit.probes.decoded import (
    NOTHING,
    PlaceReading,
    SlotDecodability,
    SlotProbe,
    StationProbes,
)
from t2i_audit.probes.features import FeatureBlock, presence_block, presence_targets, slot_targets
from t2i_audit.probes.folds import Fold, composition_folds
from t2i_audit.probes.measures import StationMeasures
from t2i_audit.probes.plan import ProbePlan, Task, tasks_of
from t2i_audit.probes.reading import TargetReading, read_block
from t2i_audit.probes.scoring import BalancedAccuracy, Resampler
from t2i_audit.probes.selection import (
    Best,
    Chosen,
    mean_probability,
    shuffled_tally,
    tally,
)
from t2i_audit.probes.threads import fitting_threads
from t2i_audit.probes.verdicts import NO_PLACE, NO_STATE, SAME_VALUE, TOO_FEW, verdict_of
from t2i_audit.results.interval import Interval, undefined

FIRST_LAYER = "embeddings"


def probe_station(
    prompts: Sequence[Prompt],
    blocks: Sequence[FeatureBlock],
    *,
    random_weights: Sequence[Sequence[FeatureBlock]] = (),
    seed: int = 0,
    resamples: int = 1000,
    on_block: Callable[[int], None] = lambda count: None,
) -> StationProbes:
    """Decode every slot and every presence from `blocks`, beside the baseline and the controls.

    The result does not depend on the order of the blocks' rows elsewhere: every random choice
    comes from `seed`. A slot that takes a single value in `prompts`, or that too few prompts have,
    is undefined.

    Args:
        prompts: the `n` prompts whose slots are decoded.
        blocks: the features of every place.
        random_weights: the same places with random weights, for each draw of such weights; empty if
            that control was not run.
        seed: of folds, shuffled labels and resamples.
        resamples: bootstrap resamples of each interval.
        on_block: called with 1 after each block.
    """
    if not prompts:
        return NOTHING
    folds = composition_folds(prompts, seed=seed)
    slots = tasks_of(slot_targets(prompts), folds, seed=seed)
    presences = tasks_of(presence_targets(prompts), folds, seed=seed)
    resampler = Resampler.of(
        [prompt.composition for prompt in prompts], seed=seed, resamples=resamples
    )
    reader = _Reader(folds, slots, presences, resampler)
    measures = StationMeasures.of(
        prompts,
        [task.target for task in slots],
        draws=len(random_weights),
        seed=seed,
        resamples=resamples,
    )
    # Of a place only its figures are kept, and what it read in the folds where it is the best yet.
    own, first, words = Best(), Best(), Best()
    random = [Best() for _ in random_weights]
    places: list[PlaceReading] = []
    random_places: list[PlaceReading] = []
    for block in blocks:
        readings = reader.read(block)
        own.offer(readings)
        measures.own.read(block)
        if block.place.layer == FIRST_LAYER:
            first.offer(readings)
        places += _places(block, readings, resampler)
        on_block(1)
    for best, measured, draw in zip(random, measures.random, random_weights, strict=True):
        for block in draw:
            readings = reader.read(block)
            best.offer(readings)
            measured.read(block)
            random_places += _places(block, readings, resampler)
            on_block(1)
    words.offer(reader.read(presence_block(prompts, blocks[0].station if blocks else "")))
    summary = _StationSummary(own, first, random, words, resampler)
    every = sorted({part.slot for prompt in prompts for part in prompt.constituents})
    results, decodability = summary.of_slots(every, slots)
    results |= summary.of_presences(presences)
    for slot, each in measures.of_slots().items():
        results[slot] = replace(results[slot], measures=each)
    return StationProbes(
        tuple(places),
        tuple(random_places),
        results,
        decodability,
        measures.own.places,
        measures.random_places(),
    )


@dataclass(frozen=True, eq=False)
class _Reader:
    """Reads blocks of features one by one; equal plans are made once."""

    folds: Sequence[Fold]
    slots: Sequence[Task]
    presences: Sequence[Task]
    resampler: Resampler
    plans: dict[tuple[bytes, tuple[str, ...]], ProbePlan] = field(default_factory=dict)

    def read(self, block: FeatureBlock) -> list[TargetReading]:
        """Decode all that may be decoded from `block`."""
        wanted = [task for task in self.slots if task.target.name in block.targets]
        # The presence of any word may be read where no word has its position.
        if not block.place.position.is_slot:
            wanted += self.presences
        key = np.packbits(block.valid).tobytes(), tuple(task.target.name for task in wanted)
        if key not in self.plans:
            self.plans[key] = ProbePlan.of(block.valid, wanted, self.folds)
        with fitting_threads(len(block.valid), block.values.shape[1]):
            return read_block(block, self.plans[key])


@dataclass(frozen=True, eq=False)
class _StationSummary:
    """What the best places of a station give for each slot, beside the baseline and controls."""

    own: Best
    first: Best
    """Of the token embeddings alone."""
    random: Sequence[Best]
    """Of each draw of random weights; empty if that control was not run."""
    words: Best
    resampler: Resampler

    def of_slots(
        self, names: Iterable[str], tasks: Sequence[Task]
    ) -> tuple[dict[str, SlotProbe], dict[str, SlotDecodability]]:
        """Figures of the slots `names`, and the decodability of those that were read."""
        results: dict[str, SlotProbe] = {}
        decodability: dict[str, SlotDecodability] = {}
        by_name = {task.target.name: task for task in tasks}
        for slot in names:
            if slot not in by_name:
                results[slot] = _unread(SAME_VALUE, classes=1)
                continue
            task = by_name[slot]
            chosen, bag = self.own.among([task]), self.words.among([task])
            if chosen:
                results[slot] = self._probe([task], bag)
                decodability[slot] = _decodability(chosen[0], bag[0])
            else:
                results[slot] = _unread(NO_PLACE, classes=len(task.target.classes))
        return results, decodability

    def of_presences(self, tasks: Sequence[Task]) -> dict[str, SlotProbe]:
        """Figures of the presence of each kind, the mean over its values."""
        results: dict[str, SlotProbe] = {}
        for name in sorted({task.target.summary_name for task in tasks}):
            kind = [task for task in tasks if task.target.summary_name == name]
            results[name] = self._probe(kind, [])
        return results

    def _probe(self, tasks: Sequence[Task], bag: Sequence[Chosen]) -> SlotProbe:
        """Mean over `tasks`, each with its own choice of place."""
        chosen = self.own.among(tasks)
        ours = self._mean_score(chosen)
        random = self.resampler.mean([self._mean_score(each.among(tasks)) for each in self.random])
        # The words alone tell by definition which words occur.
        presence = self._mean_score(bag).interval if bag else Interval(1.0, 1.0, 1.0, ours.n)
        shuffled = [shuffled_tally(each) for each in chosen]
        gain = ours.minus(random)
        verdict, reason = verdict_of(
            ours.interval,
            presence,
            gain,
            controlled=bool(self.random),
            unread=self._why_unread(tasks),
        )
        return SlotProbe(
            balanced_accuracy=ours.interval,
            presence_balanced_accuracy=presence,
            shuffled_balanced_accuracy=self.resampler.mean_accuracy(shuffled).interval,
            layer_0_balanced_accuracy=self._mean_score(self.first.among(tasks)).interval,
            random_weights_balanced_accuracy=random.interval,
            gain_over_random_weights=gain,
            chance=1 / len(tasks[0].target.classes),
            verdict=verdict,
            reason=reason,
        )

    def _why_unread(self, tasks: Sequence[Task]) -> str:
        if not self.own.among(tasks):
            return NO_PLACE
        if not any(self.own.has_states(task) for task in tasks):
            return NO_STATE
        return TOO_FEW

    def _mean_score(self, chosen: Sequence[Chosen]) -> BalancedAccuracy:
        return self.resampler.mean_accuracy([tally(each) for each in chosen])


def _unread(reason: str, *, classes: int) -> SlotProbe:
    """The result of a slot that was not read."""
    nothing = undefined()
    return SlotProbe(
        nothing, nothing, nothing, nothing, nothing, nothing, 1 / classes, "undefined", reason
    )


def _decodability(chosen: Chosen, bag: Chosen) -> SlotDecodability:
    mean, error = mean_probability(chosen)
    # A prompt tested once has no spread of its own; it borrows the typical one.
    typical = np.nanmedian(error) if np.any(~np.isnan(error)) else 0.0
    error = np.where(np.isnan(error), typical, error)
    return SlotDecodability(
        probability=mean,
        lower=np.clip(mean - error, 0, 1),
        upper=np.clip(mean + error, 0, 1),
        presence_probability=mean_probability(bag)[0],
        selected=chosen.selected,
    )


def _places(
    block: FeatureBlock, readings: Sequence[TargetReading], resampler: Resampler
) -> list[PlaceReading]:
    grouped: dict[str, list[int]] = {}
    for index, reading in enumerate(readings):
        grouped.setdefault(reading.task.target.summary_name, []).append(index)
    scores = resampler.balanced_accuracies([tally(reading) for reading in readings])
    shuffled = [resampler.estimate(shuffled_tally(reading)) for reading in readings]
    return [
        PlaceReading(
            place=block.place,
            slot=slot,
            r2=float(np.mean([readings[index].r2 for index in group])),
            balanced_accuracy=resampler.mean([scores[index] for index in group]).interval,
            shuffled_balanced_accuracy=float(np.mean([shuffled[index] for index in group])),
            chance=1 / len(readings[group[0]].task.target.classes),
            masked=sum(readings[index].masked for index in group),
        )
        for slot, group in grouped.items()
    ]
