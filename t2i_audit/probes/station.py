"""Read one station (text encoder or denoiser): every place, and the best place per slot.

Verdict of a slot, from its balanced accuracy where layer and position were chosen inside the
training folds:

- ``lost``: the accuracy does not reach half way from what a bag of words guesses (one half at the
  most) to certainty.
- ``saturated``: it does, but the same architecture with random weights reads it as well (the
  interval of the difference reaches 0): decodable, yet it says nothing about training.
- ``kept``: it does, and better than with random weights, or no such control was run.
- ``undefined``: it was not read, or the control was run and could not be read; the reason is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prompts.structure import TEXT_MARK, WORDLESS, Prompt
from t2i_audit.probes.features import FeatureBlock, presence_block, presence_targets, slot_targets
from t2i_audit.probes.folds import composition_folds
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
from t2i_audit.stats.interval import Interval, undefined

FloatArray = NDArray[np.float64]
Verdict = Literal["kept", "lost", "saturated", "undefined"]

FIRST_LAYER = "embeddings"
# A bag of words that knows which two values occur guesses between them, hence one half. Above
# that it knows the answer itself (a prompt's only colour), and no gain over it can be asked for.
PRESENCE_CAP = 0.5


@dataclass(frozen=True)
class PlaceReading:
    """One target at one place."""

    encoder: str
    layer: str
    position: str
    slot: str
    r2: float
    balanced_accuracy: Interval
    shuffled_balanced_accuracy: float
    chance: float
    """One over the number of classes."""
    masked: int


@dataclass(frozen=True, eq=False)
class SlotDecodability:
    """How decodable one slot is, with layer and position chosen inside the training folds."""

    probability: FloatArray
    """``(n,)`` mean over folds of the true value's out-of-fold probability; NaN if not read."""
    lower: FloatArray
    """``(n,)`` the mean less one standard error over the folds that tested the prompt."""
    upper: FloatArray
    presence_probability: FloatArray
    """``(n,)`` what a bag of words gives the true value."""
    selected: dict[str, int]
    """How many folds chose each ``encoder/layer/position``."""


@dataclass(frozen=True)
class SlotProbe:
    """A slot's figure and its controls, all with the same choice of layer and position."""

    balanced_accuracy: Interval
    presence_balanced_accuracy: Interval
    shuffled_balanced_accuracy: Interval
    layer_0_balanced_accuracy: Interval
    random_weights_balanced_accuracy: Interval
    gain_over_random_weights: Interval
    chance: float
    verdict: Verdict
    reason: str = ""
    """Why the verdict is undefined; empty where it is defined."""


@dataclass(frozen=True, eq=False)
class StationProbes:
    """All that was read at one station, of `n` prompts."""

    places: tuple[PlaceReading, ...]
    random_places: tuple[PlaceReading, ...]
    """The same places with random weights."""
    slots: dict[str, SlotProbe]
    decodability: dict[str, SlotDecodability]
    """Of the slots that were read."""

    def spread(self, rows: Sequence[int], n: int) -> StationProbes:
        """The same of `n` prompts, of which those at `rows` were read; NaN for the others."""
        places = np.asarray(rows, dtype=int)

        def at_rows(values: FloatArray) -> FloatArray:
            every = np.full(n, np.nan)
            every[places] = values
            return every

        return replace(
            self,
            decodability={
                slot: SlotDecodability(
                    at_rows(read.probability),
                    at_rows(read.lower),
                    at_rows(read.upper),
                    at_rows(read.presence_probability),
                    read.selected,
                )
                for slot, read in self.decodability.items()
            },
        )


NOTHING = StationProbes((), (), {}, {})
"""Of a station at which there was nothing to read."""


def probe_station(
    prompts: Sequence[Prompt],
    blocks: Sequence[FeatureBlock],
    *,
    random_weights: Sequence[FeatureBlock] = (),
    seed: int = 0,
    resamples: int = 1000,
    on_block: Callable[[int], None] = lambda count: None,
) -> StationProbes:
    """Decode every slot and every presence from `blocks`, beside the controls.

    `random_weights` holds the same places with random weights; empty if that control was not run.
    `on_block` is told of each block done. The result does not depend on the order of the blocks'
    rows elsewhere: every random choice comes from `seed`.

    A slot that takes a single value in `prompts`, or that too few prompts have, is undefined.
    """
    if not prompts:
        return NOTHING
    folds = composition_folds(prompts, seed=seed)
    slots = tasks_of(slot_targets(prompts), folds, seed=seed)
    presences = tasks_of(presence_targets(prompts), folds, seed=seed)
    resampler = Resampler.of(
        [prompt.composition for prompt in prompts], seed=seed, resamples=resamples
    )
    plans: dict[tuple[bytes, tuple[str, ...]], ProbePlan] = {}

    def read(block: FeatureBlock) -> list[TargetReading]:
        wanted = [task for task in slots if task.target.name in block.targets]
        # Where no word has its place the presence of any may be read.
        if block.position.partition(TEXT_MARK)[0] in WORDLESS:
            wanted += presences
        key = np.packbits(block.valid).tobytes(), tuple(task.target.name for task in wanted)
        if key not in plans:
            plans[key] = ProbePlan.of(block.valid, wanted, folds)
        with fitting_threads(len(prompts), block.values.shape[1]):
            return read_block(block, plans[key])

    # Of a place only its figures are kept, and what it read in the folds where it is the best yet.
    own, first, random, words = Best(), Best(), Best(), Best()
    places: list[PlaceReading] = []
    random_places: list[PlaceReading] = []
    for block in blocks:
        readings = read(block)
        own.offer(readings)
        if block.layer == FIRST_LAYER:
            first.offer(readings)
        places += _places(block, readings, resampler)
        on_block(1)
    for block in random_weights:
        readings = read(block)
        random.offer(readings)
        random_places += _places(block, readings, resampler)
        on_block(1)
    words.offer(read(presence_block(prompts, blocks[0].station if blocks else "")))

    def summary(tasks: Sequence[Task], bag: Sequence[Chosen]) -> SlotProbe:
        """Mean over `tasks`, each with its own choice of place."""
        ours, random_scores = mean_score(own.among(tasks)), mean_score(random.among(tasks))
        # A bag of words knows by definition which words occur.
        presence = mean_score(bag).interval if bag else Interval(1.0, 1.0, 1.0, ours.n)
        shuffled = [shuffled_tally(each) for each in own.among(tasks)]
        gain = ours.minus(random_scores)
        verdict, reason = verdict_of(ours.interval, presence, gain, controlled=bool(random_weights))
        return SlotProbe(
            balanced_accuracy=ours.interval,
            presence_balanced_accuracy=presence,
            shuffled_balanced_accuracy=resampler.mean_accuracy(shuffled).interval,
            layer_0_balanced_accuracy=mean_score(first.among(tasks)).interval,
            random_weights_balanced_accuracy=random_scores.interval,
            gain_over_random_weights=gain,
            chance=1 / len(tasks[0].target.classes),
            verdict=verdict,
            reason=reason,
        )

    def mean_score(chosen: Sequence[Chosen]) -> BalancedAccuracy:
        return resampler.mean_accuracy([tally(each) for each in chosen])

    results: dict[str, SlotProbe] = {}
    decodability: dict[str, SlotDecodability] = {}
    by_name = {task.target.name: task for task in slots}
    for slot in sorted({part.slot for prompt in prompts for part in prompt.constituents}):
        if slot not in by_name:
            results[slot] = _unread("it has the same value in every prompt", classes=1)
            continue
        task = by_name[slot]
        chosen, bag = own.among([task]), words.among([task])
        if chosen:
            results[slot] = summary([task], bag)
            decodability[slot] = _decodability(chosen[0], bag[0])
        else:
            results[slot] = _unread(
                "there is no place where it may be read", classes=len(task.target.classes)
            )
    for name in sorted({task.target.summary_name for task in presences}):
        kind = [task for task in presences if task.target.summary_name == name]
        results[name] = summary(kind, [])
    return StationProbes(tuple(places), tuple(random_places), results, decodability)


def _unread(reason: str, *, classes: int) -> SlotProbe:
    """What is said of a slot that was not read."""
    nothing = undefined()
    return SlotProbe(
        nothing, nothing, nothing, nothing, nothing, nothing, 1 / classes, "undefined", reason
    )


def verdict_of(
    own: Interval, presence: Interval, gain_over_random: Interval, *, controlled: bool = False
) -> tuple[Verdict, str]:
    """The verdict by the rule stated at the top of this module, and why it is undefined if it is.

    `controlled` tells whether the control with random weights was run.
    """
    if np.isnan(own.estimate):
        return "undefined", "too few prompts have it, or too few of different compositions"
    guessed = min(presence.estimate, PRESENCE_CAP)
    if np.isnan(guessed):
        guessed = PRESENCE_CAP
    if own.estimate < (1 + guessed) / 2:
        return "lost", ""
    if controlled and np.isnan(gain_over_random.estimate):
        return "undefined", "it could not be read with random weights"
    if gain_over_random.lower <= 0:
        return "saturated", ""
    return "kept", ""


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
            encoder=block.encoder,
            layer=block.layer,
            position=block.position,
            slot=slot,
            r2=float(np.mean([readings[index].r2 for index in group])),
            balanced_accuracy=resampler.mean([scores[index] for index in group]).interval,
            shuffled_balanced_accuracy=float(np.mean([shuffled[index] for index in group])),
            chance=1 / len(readings[group[0]].task.target.classes),
            masked=sum(readings[index].masked for index in group),
        )
        for slot, group in grouped.items()
    ]
