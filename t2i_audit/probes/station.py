"""Probe one station (text encoder or denoiser): every place, and the best place for each slot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.probes.decoded import NOTHING, PlaceReading, StationProbes
from t2i_audit.probes.features import FeatureBlock, presence_block, presence_targets, slot_targets
from t2i_audit.probes.folds import Folds
from t2i_audit.probes.measures import StationMeasures
from t2i_audit.probes.measures.coding import Coder
from t2i_audit.probes.opened import OpenedBlock
from t2i_audit.probes.plan import ProbePlan, Task, tasks_of
from t2i_audit.probes.reading import TargetReading, read_block
from t2i_audit.probes.scoring import Jackknife
from t2i_audit.probes.selection import Best, shuffled_tally, tally_as_fitted
from t2i_audit.probes.slots import StationSummary
from t2i_audit.probes.threads import side_by_side

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer]

FIRST_LAYER = "embeddings"


def probe_station(
    prompts: Sequence[Prompt],
    blocks: Sequence[FeatureBlock],
    *,
    random_weights: Sequence[Sequence[FeatureBlock]] = (),
    seed: int = 0,
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
        seed: of folds, shuffled labels and the parts of the jackknife.
        on_block: called with 1 after each block.
    """
    if not prompts:
        return NOTHING
    folds = Folds(prompts, seed)
    slots = tasks_of(slot_targets(prompts), folds, seed=seed)
    presences = tasks_of(presence_targets(prompts), folds, seed=seed)
    jackknife = Jackknife.of([prompt.composition for prompt in prompts], seed=seed)
    measures = StationMeasures.of(
        prompts, [task.target for task in slots], draws=len(random_weights), seed=seed
    )
    order = np.array(sorted(range(len(prompts)), key=lambda row: prompts[row].id))
    reader = _Reader(slots, presences, jackknife, measures.coder, order)
    # Of a place only its figures are kept, and what it read in the folds where it is the best yet.
    own, first, words = Best(), Best(), Best()
    random = [Best() for _ in random_weights]
    places: list[PlaceReading] = []
    random_places: list[PlaceReading] = []
    for read in reader.read(blocks):
        own.offer(read.readings)
        measures.own.read(read.block, read.readings, read.bits)
        if read.block.place.layer == FIRST_LAYER:
            first.offer(read.readings)
        places += read.places
        on_block(1)
    for best, measured, draw in zip(random, measures.random, random_weights, strict=True):
        for read in reader.read(draw):
            best.offer(read.readings)
            measured.read(read.block, read.readings, read.bits)
            random_places += read.places
            on_block(1)
    counts = presence_block(prompts, blocks[0].station if blocks else "")
    for read in reader.read([counts]):
        words.offer(read.readings)
        measures.read_words(counts, read.readings, read.bits)
    summary = StationSummary.of(
        prompts, jackknife, own=own, first=first, random=random, words=words
    )
    results, decodability = summary.of_slots(slots)
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
class _Read:
    """What was read at one place."""

    block: FeatureBlock
    readings: list[TargetReading]
    places: list[PlaceReading]
    bits: dict[str, FloatArray]
    """By slot, the length of each prompt's code."""


@dataclass(frozen=True, eq=False)
class _Reader:
    """Reads blocks of features, several at once; equal plans are made once."""

    slots: Sequence[Task]
    presences: Sequence[Task]
    jackknife: Jackknife
    coder: Coder
    order: IntArray
    """``(n,)`` the prompts sorted by id, so that no sum depends on the order of a suite."""
    plans: dict[tuple[bytes, tuple[str, ...]], ProbePlan] = field(default_factory=dict)

    def read(self, blocks: Iterable[FeatureBlock]) -> Iterator[_Read]:
        """Decode all that may be decoded from each of `blocks`, in their order."""
        return side_by_side(self._read, ((block, self._plan(block)) for block in blocks))

    def _read(self, planned: tuple[FeatureBlock, ProbePlan]) -> _Read:
        block, plan = planned
        opened = OpenedBlock.of(block, self.order)
        readings = read_block(opened, plan)
        places = _places(block, readings, self.jackknife)
        return _Read(block, readings, places, self.coder.bits(opened))

    def _plan(self, block: FeatureBlock) -> ProbePlan:
        wanted = [task for task in self.slots if task.target.name in block.targets]
        # The presence of any word may be read where no word has its position.
        if not block.place.position.is_slot:
            wanted += self.presences
        key = np.packbits(block.valid).tobytes(), tuple(task.target.name for task in wanted)
        if key not in self.plans:
            self.plans[key] = ProbePlan.of(block.valid, wanted)
        return self.plans[key]


def _places(
    block: FeatureBlock, readings: Sequence[TargetReading], jackknife: Jackknife
) -> list[PlaceReading]:
    grouped: dict[str, list[TargetReading]] = {}
    for reading in readings:
        grouped.setdefault(reading.task.target.summary_name, []).append(reading)
    return [
        PlaceReading(
            place=block.place,
            slot=slot,
            r2=float(np.mean([reading.r2 for reading in group])),
            balanced_accuracy=jackknife.mean_accuracy(
                [tally_as_fitted(reading, jackknife) for reading in group]
            ).interval,
            shuffled_balanced_accuracy=jackknife.mean_accuracy(
                [shuffled_tally(reading, jackknife) for reading in group]
            ).estimate,
            chance=1 / len(group[0].task.target.classes),
            masked=sum(reading.masked for reading in group),
        )
        for slot, group in grouped.items()
    ]
