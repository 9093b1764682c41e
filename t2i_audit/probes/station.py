"""Read one station (text encoder or denoiser): every place, and the best place per slot.

Verdict of a slot, from its balanced accuracy where layer and position were chosen inside the
training folds:

- ``lost``: the accuracy does not reach half way from what a bag of words guesses (one half at the
  most) to certainty.
- ``saturated``: it does, but the same architecture with random weights reads it as well (the
  interval of the difference reaches 0): decodable, yet it says nothing about training.
- ``kept``: it does, and better than with random weights, or no such control was run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.probes.features import FeatureBlock, presence_block, presence_targets, slot_targets
from t2i_audit.probes.folds import composition_folds
from t2i_audit.probes.reading import Reading, Task, read_block
from t2i_audit.probes.scoring import BalancedAccuracy, Resampler
from t2i_audit.stats.interval import Interval

FloatArray = NDArray[np.float64]
Verdict = Literal["kept", "lost", "saturated"]

# Positions that belong to no word: presence of any constituent may be read there.
WORDLESS = frozenset({"eos", "pooled", "mean", "grid"})
FIRST_LAYER = "embeddings"
# A bag of words that knows which two values occur guesses between them.
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
class SlotReading:
    """A slot's figure and its controls, all with the same choice of layer and position."""

    balanced_accuracy: Interval
    presence_balanced_accuracy: Interval
    shuffled_balanced_accuracy: Interval
    layer_0_balanced_accuracy: Interval
    random_weights_balanced_accuracy: Interval
    gain_over_random_weights: Interval
    chance: float
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class StationProbes:
    """All that was read at one station."""

    places: tuple[PlaceReading, ...]
    random_places: tuple[PlaceReading, ...]
    """The same places in the twin with random weights."""
    slots: dict[str, SlotReading]
    decodability: dict[str, SlotDecodability]


def probe_station(
    prompts: Sequence[Prompt],
    blocks: Sequence[FeatureBlock],
    *,
    twin: Sequence[FeatureBlock] = (),
    seed: int = 0,
    resamples: int = 1000,
    on_block: Callable[[int], None] = lambda count: None,
) -> StationProbes:
    """Decode every slot and every presence from `blocks`, beside the controls.

    `twin` holds the same places with random weights; empty where that control was not run.
    `on_block` is told of each block done. The result does not depend on the order of the blocks'
    rows elsewhere: every random choice comes from `seed`.
    """
    folds = composition_folds(prompts, seed=seed)
    slots, presences = (
        [Task.of(target, folds, seed=seed) for target in targets]
        for targets in (slot_targets(prompts), presence_targets(prompts))
    )
    resampler = Resampler.of(
        [prompt.composition for prompt in prompts], seed=seed, resamples=resamples
    )

    def read(these: Sequence[FeatureBlock]) -> list[Reading]:
        readings = []
        for block in these:
            wanted = [task for task in slots if task.target.name in block.targets]
            if block.position.partition("@")[0] in WORDLESS:
                wanted += presences
            readings += read_block(block, wanted, folds)
            on_block(1)
        return readings

    own, random = read(blocks), read(twin)
    station = blocks[0].station if blocks else ""
    words = read_block(presence_block(prompts, station), slots, folds)
    results: dict[str, SlotReading] = {}
    decodability: dict[str, SlotDecodability] = {}
    for task in slots:
        name = task.target.name
        candidates = [reading for reading in own if reading.task is task]
        if not candidates:
            continue
        chosen = _select(candidates)
        bag = _select([reading for reading in words if reading.task is task])
        first = _select([r for r in candidates if r.block.layer == FIRST_LAYER])
        other = _select([reading for reading in random if reading.task is task])
        results[name] = _slot_reading(resampler, chosen, bag, first, other)
        decodability[name] = _decodability(chosen, bag)
    for name in sorted({task.target.summary_name for task in presences}):
        results[name] = _presence_reading(name, own, random, resampler)
    return StationProbes(_places(own, resampler), _places(random, resampler), results, decodability)


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Folds put together, each from the place that did best inside its training prompts."""

    task: Task
    correct: FloatArray
    shuffled: FloatArray
    probability: FloatArray
    """``(f, n)``."""
    selected: dict[str, int]


def _select(readings: Sequence[Reading]) -> _Chosen | None:
    if not readings:
        return None
    inner = np.stack([reading.inner for reading in readings])
    inner = np.where(np.isnan(inner), -1.0, inner)
    best = inner.argmax(axis=0)
    folds = range(inner.shape[1])
    places = [f"{r.block.encoder}/{r.block.layer}/{r.block.position}" for r in readings]
    return _Chosen(
        task=readings[0].task,
        correct=np.stack([readings[best[fold]].correct[fold] for fold in folds]),
        shuffled=np.stack([readings[best[fold]].shuffled[fold] for fold in folds]),
        probability=np.stack([readings[best[fold]].probability[fold] for fold in folds]),
        selected=dict(Counter(places[best[fold]] for fold in folds)),
    )


def _score(resampler: Resampler, chosen: _Chosen | None) -> BalancedAccuracy:
    if chosen is None:
        return resampler.undefined()
    target = chosen.task.target
    return resampler.balanced_accuracy(chosen.correct, target.labels, len(target.classes))


def _shuffled_score(resampler: Resampler, read: _Chosen | Reading) -> BalancedAccuracy:
    task = read.task
    return resampler.balanced_accuracy(read.shuffled, task.shuffled, len(task.target.classes))


def _slot_reading(
    resampler: Resampler,
    chosen: _Chosen | None,
    bag: _Chosen | None,
    first: _Chosen | None,
    other: _Chosen | None,
) -> SlotReading:
    assert chosen is not None
    own, presence, twin = (_score(resampler, each) for each in (chosen, bag, other))
    shuffled = _shuffled_score(resampler, chosen)
    gain = own.minus(twin)
    return SlotReading(
        balanced_accuracy=own.interval,
        presence_balanced_accuracy=presence.interval,
        shuffled_balanced_accuracy=shuffled.interval,
        layer_0_balanced_accuracy=_score(resampler, first).interval,
        random_weights_balanced_accuracy=twin.interval,
        gain_over_random_weights=gain,
        chance=1 / len(chosen.task.target.classes),
        verdict=verdict_of(own.interval, presence.interval, gain),
    )


def verdict_of(own: Interval, presence: Interval, gain_over_random: Interval) -> Verdict:
    """The rule stated at the top of this module."""
    guessed = min(presence.estimate, PRESENCE_CAP)
    if np.isnan(guessed):
        guessed = PRESENCE_CAP
    if not own.estimate >= (1 + guessed) / 2:
        return "lost"
    if gain_over_random.lower <= 0:
        return "saturated"
    return "kept"


def _decodability(chosen: _Chosen | None, bag: _Chosen | None) -> SlotDecodability:
    assert chosen is not None and bag is not None
    tests = (~np.isnan(chosen.probability)).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(chosen.probability, axis=0) / np.where(tests > 0, tests, np.nan)
        squares = np.nansum((chosen.probability - mean) ** 2, axis=0)
        error = np.sqrt(squares / np.where(tests > 1, tests - 1, np.nan) / tests)
        counted = (~np.isnan(bag.probability)).sum(axis=0)
        presence = np.nansum(bag.probability, axis=0) / np.where(counted > 0, counted, np.nan)
    # A prompt tested once has no spread of its own; it borrows the typical one.
    typical = np.nanmedian(error) if np.any(~np.isnan(error)) else 0.0
    error = np.where(np.isnan(error), typical, error)
    return SlotDecodability(
        probability=mean,
        lower=np.clip(mean - error, 0, 1),
        upper=np.clip(mean + error, 0, 1),
        presence_probability=presence,
        selected=chosen.selected,
    )


def _presence_reading(
    name: str, own: Sequence[Reading], random: Sequence[Reading], resampler: Resampler
) -> SlotReading:
    """Mean over the values of one kind, each with its own choice of place."""

    def chosen_of(readings: Sequence[Reading]) -> list[_Chosen]:
        tasks = {id(r.task): r.task for r in readings if r.task.target.summary_name == name}
        each = [_select([r for r in readings if r.task is task]) for task in tasks.values()]
        return [chosen for chosen in each if chosen is not None]

    def mean_score(readings: Sequence[Reading]) -> BalancedAccuracy:
        return resampler.mean([_score(resampler, chosen) for chosen in chosen_of(readings)])

    whole, twin = mean_score(own), mean_score(random)
    first = mean_score([r for r in own if r.block.layer == FIRST_LAYER])
    shuffled = resampler.mean([_shuffled_score(resampler, chosen) for chosen in chosen_of(own)])
    gain = whole.minus(twin)
    certain = Interval(1.0, 1.0, 1.0, whole.interval.n)
    return SlotReading(
        balanced_accuracy=whole.interval,
        # A bag of words knows by definition which words occur.
        presence_balanced_accuracy=certain,
        shuffled_balanced_accuracy=shuffled.interval,
        layer_0_balanced_accuracy=first.interval,
        random_weights_balanced_accuracy=twin.interval,
        gain_over_random_weights=gain,
        chance=0.5,
        verdict=verdict_of(whole.interval, certain, gain),
    )


def _places(readings: Sequence[Reading], resampler: Resampler) -> tuple[PlaceReading, ...]:
    grouped: dict[tuple[str, str, str, str], list[Reading]] = {}
    for reading in readings:
        block = reading.block
        key = (block.encoder, block.layer, block.position, reading.task.target.summary_name)
        grouped.setdefault(key, []).append(reading)
    rows = []
    for (encoder, layer, position, slot), group in grouped.items():
        scores = [
            resampler.balanced_accuracy(
                each.correct, each.task.target.labels, len(each.task.target.classes)
            )
            for each in group
        ]
        shuffled = [_shuffled_score(resampler, each) for each in group]
        rows.append(
            PlaceReading(
                encoder=encoder,
                layer=layer,
                position=position,
                slot=slot,
                r2=float(np.mean([reading.r2 for reading in group])),
                balanced_accuracy=resampler.mean(scores).interval,
                shuffled_balanced_accuracy=resampler.mean(shuffled).interval.estimate,
                chance=1 / len(group[0].task.target.classes),
                masked=sum(reading.masked for reading in group),
            )
        )
    return tuple(rows)
