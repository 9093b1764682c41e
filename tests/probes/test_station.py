"""What the probes say of features whose content is known, because it was planted."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from prompts.structure import Prompt
from prompts.suite import load_suite
from t2i_audit.activations.readable import targets_at
from t2i_audit.probes.decoded import StationProbes
from t2i_audit.probes.features import FeatureBlock, presence_counts, slot_targets
from t2i_audit.probes.folds import Folds
from t2i_audit.probes.opened import OpenedBlock
from t2i_audit.probes.plan import ProbePlan, tasks_of
from t2i_audit.probes.reading import read_block
from t2i_audit.probes.station import probe_station
from t2i_audit.results.place import Place, Position

WIDTH = 128
SLOTS = ("object_1.colour", "object_1.shape", "object_2.colour", "object_2.shape", "relation")


@pytest.fixture(scope="module")
def prompts() -> tuple[Prompt, ...]:
    return load_suite("world-relations").limited(240).prompts


def block(
    prompts: tuple[Prompt, ...],
    values: np.ndarray,
    layer: str = "block_1",
    position: Position = Position("eos"),  # noqa: B008, it is frozen
) -> FeatureBlock:
    targets = targets_at(prompts, position, station="text_encoder")
    valid = np.ones(len(prompts), dtype=bool)
    place = Place("text_encoder", layer, None, position)
    return FeatureBlock("text_encoder", place, values, valid, targets)


def written(prompts: tuple[Prompt, ...], slots: tuple[str, ...], seed: int = 0) -> np.ndarray:
    """Each slot's value in a direction of its own, and noise on top."""
    rng = np.random.default_rng(seed)
    directions: dict[tuple[str, str], np.ndarray] = {}
    values = 0.3 * rng.normal(size=(len(prompts), WIDTH))
    for row, prompt in enumerate(prompts):
        for slot in slots:
            part = prompt.constituent(slot)
            assert part is not None
            key = (slot, part.value)
            if key not in directions:
                directions[key] = rng.normal(size=WIDTH)
            values[row] += directions[key]
    return values


def bag(prompts: tuple[Prompt, ...]) -> np.ndarray:
    """Which words occur, in random directions; nothing of their order."""
    _, counts = presence_counts(prompts)
    rng = np.random.default_rng(1)
    return counts @ rng.normal(size=(counts.shape[1], WIDTH))


def noise(prompts: tuple[Prompt, ...], seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(prompts), WIDTH))


def test_what_is_written_is_kept_when_random_weights_hold_nothing(
    prompts: tuple[Prompt, ...],
) -> None:
    read = probe_station(
        prompts,
        [block(prompts, written(prompts, SLOTS))],
        random_weights=[[block(prompts, noise(prompts))]],
    )

    for slot in SLOTS:
        reading = read.slots[slot]
        assert reading.verdict == "kept", slot
        assert reading.balanced_accuracy.lower > 0.95
        assert reading.gain_over_random_weights.lower > 0.5
        assert np.nanmin(read.decodability[slot].probability) > 0.5


def test_what_random_weights_hold_as_well_is_saturated(prompts: tuple[Prompt, ...]) -> None:
    read = probe_station(
        prompts,
        [block(prompts, written(prompts, SLOTS, seed=3))],
        random_weights=[[block(prompts, written(prompts, SLOTS, seed=4))]],
    )

    for slot in SLOTS:
        gain = read.slots[slot].gain_over_random_weights
        assert read.slots[slot].verdict == "saturated"
        assert -0.05 <= gain.lower < gain.upper <= 0.05


def test_noise_is_lost_and_at_chance(prompts: tuple[Prompt, ...]) -> None:
    read = probe_station(prompts, [block(prompts, noise(prompts))])

    for slot in SLOTS:
        reading = read.slots[slot]
        assert reading.verdict == "lost"
        assert abs(reading.balanced_accuracy.estimate - reading.chance) < 0.1
        assert np.isnan(reading.random_weights_balanced_accuracy.estimate)


def test_a_bag_of_words_keeps_presence_and_loses_binding(prompts: tuple[Prompt, ...]) -> None:
    read = probe_station(prompts, [block(prompts, bag(prompts))])

    for slot in SLOTS[:4]:
        assert read.slots[slot].verdict == "lost"
        presence = read.slots[slot].presence_balanced_accuracy.estimate
        assert read.slots[slot].balanced_accuracy.estimate == pytest.approx(presence, abs=0.1)
    for kind in ("colour", "shape"):
        assert read.slots[f"presence.{kind}"].verdict == "kept"
        assert read.slots[f"presence.{kind}"].balanced_accuracy.estimate > 0.95


def test_one_slot_may_be_lost_alone(prompts: tuple[Prompt, ...]) -> None:
    read = probe_station(prompts, [block(prompts, written(prompts, SLOTS[1:]))])

    verdicts = {slot: read.slots[slot].verdict for slot in SLOTS}
    assert verdicts == {slot: "lost" if slot == SLOTS[0] else "kept" for slot in SLOTS}


def test_shuffled_labels_are_read_at_chance(prompts: tuple[Prompt, ...]) -> None:
    read = probe_station(prompts, [block(prompts, written(prompts, SLOTS))])

    for slot in SLOTS:
        reading = read.slots[slot]
        assert abs(reading.shuffled_balanced_accuracy.estimate - reading.chance) < 0.12


def test_choosing_among_many_layers_of_noise_stays_at_chance(prompts: tuple[Prompt, ...]) -> None:
    """Layers are chosen inside the training prompts; chosen by the test, 0.17 would be beaten."""
    blocks = [block(prompts, noise(prompts, seed=s), f"block_{s}") for s in range(12)]
    read = probe_station(prompts, blocks)

    own = np.mean([read.slots[slot].balanced_accuracy.estimate for slot in SLOTS[:4]])
    best = np.mean(
        [
            max(p.balanced_accuracy.estimate for p in read.places if p.slot == slot)
            for slot in SLOTS[:4]
        ]
    )
    assert abs(own - 1 / 6) < 0.05
    assert best > own


def test_the_layer_that_holds_a_slot_is_the_one_chosen(prompts: tuple[Prompt, ...]) -> None:
    blocks = [
        block(prompts, noise(prompts), "embeddings"),
        block(prompts, written(prompts, SLOTS), "block_1"),
    ]
    read = probe_station(prompts, blocks)

    for slot in SLOTS:
        (place,) = read.decodability[slot].selected
        assert str(place) == "text_encoder/block_1/eos"
        assert read.slots[slot].layer_0_balanced_accuracy.estimate < 0.5


def test_the_words_own_position_is_never_read(prompts: tuple[Prompt, ...]) -> None:
    for slot in SLOTS:
        position = Position.of_slot(slot)
        assert slot not in targets_at(prompts, position, station="text_encoder")


def test_values_that_the_training_prompts_lack_are_counted_not_scored(
    prompts: tuple[Prompt, ...],
) -> None:
    target = next(t for t in slot_targets(prompts) if t.name == "object_1.colour")
    one_place = block(prompts, written(prompts, SLOTS))
    (task,) = tasks_of([target], Folds(prompts, 0), seed=0)
    whole = read_block(OpenedBlock.of(one_place), ProbePlan.of(one_place.valid, [task]))[0]

    # The same prompts, but the value `red` is never there where a fold trains.
    red = target.labels == target.classes.index("red")
    starved = replace(
        task, folds=tuple(replace(fold, train=fold.train & ~red) for fold in task.folds)
    )
    read = read_block(OpenedBlock.of(one_place), ProbePlan.of(one_place.valid, [starved]))[0]

    lost = sum(int((fold.tested & red).sum()) for fold in starved.folds)
    assert whole.masked == 0
    assert read.masked == lost > 0
    assert any(red[fold.tested].any() for fold in whole.folds)
    assert not any(red[fold.tested].any() for fold in read.folds)


def test_a_second_run_reads_the_same(prompts: tuple[Prompt, ...]) -> None:
    def once() -> StationProbes:
        return probe_station(prompts, [block(prompts, written(prompts, SLOTS))], seed=5)

    first, second = once(), once()

    assert first.slots["relation"].balanced_accuracy == second.slots["relation"].balanced_accuracy
    np.testing.assert_array_equal(
        first.decodability["relation"].probability, second.decodability["relation"].probability
    )


def test_rows_picked_by_an_order_are_read_as_if_they_were_alone(
    prompts: tuple[Prompt, ...],
) -> None:
    values = written(prompts, SLOTS[1:])
    order = np.random.default_rng(6).permutation(2 * len(prompts))[: len(prompts)]
    among_others = noise(prompts + prompts, seed=7)
    among_others[order] = values
    alone = block(prompts, values)
    mixed = replace(alone, values=among_others, order=order)

    one, other = probe_station(prompts, [alone]), probe_station(prompts, [mixed])

    assert one.places == other.places
    assert one.slots.keys() == other.slots.keys()
    for slot in SLOTS:
        assert one.slots[slot].balanced_accuracy == other.slots[slot].balanced_accuracy


def test_more_layers_take_no_more_memory(prompts: tuple[Prompt, ...]) -> None:
    values = noise(prompts)

    def peak(layers: int) -> int:
        blocks = [block(prompts, values, f"block_{number}") for number in range(layers)]
        tracemalloc.start()
        try:
            probe_station(prompts, blocks)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(2), peak(8)

    # Of each layer a line of figures a slot is kept; its readings would be a megabyte.
    assert many < few + 6 * 100_000


def undefined_for(read: StationProbes) -> dict[str, str]:
    """Slot or presence -> the reason why its verdict is undefined."""
    return {name: each.reason for name, each in read.slots.items() if each.verdict == "undefined"}


def test_what_has_no_place_to_be_read_is_undefined_for_that_reason(
    prompts: tuple[Prompt, ...],
) -> None:
    """Only the words of object 1's shape are read: no other object's slot, and no presence."""
    at_words = Position.of_slot("object_1.shape")
    read = probe_station(prompts, [block(prompts, noise(prompts), position=at_words)])

    reasons = undefined_for(read)
    assert reasons.keys() == {
        "object_1.shape", "object_2.colour", "object_2.shape",
        "presence.colour", "presence.relation", "presence.shape",
    }  # fmt: skip
    assert set(reasons.values()) == {"there is no place where it may be read"}


def test_a_slot_whose_states_could_never_be_read_is_undefined_and_not_lost(
    prompts: tuple[Prompt, ...],
) -> None:
    unread = replace(block(prompts, noise(prompts)), valid=np.zeros(len(prompts), dtype=bool))
    read = probe_station(prompts, [unread])

    assert set(undefined_for(read)) == set(read.slots)
    assert set(undefined_for(read).values()) == {"no state of it could be read"}


def merged(prompts: tuple[Prompt, ...], seed: int = 0) -> np.ndarray:
    """All slots, but green and purple are one colour: the truth is (4 + 2 / 2) / 6 = .833."""
    told = {"purple": "green"}
    replaced = tuple(
        replace(
            prompt,
            constituents=tuple(
                replace(part, value=told.get(part.value, part.value))
                for part in prompt.constituents
            ),
        )
        for prompt in prompts
    )
    return written(replaced, SLOTS, seed)


def pairs(prompts: tuple[Prompt, ...]) -> np.ndarray:
    """A direction of its own for every object: no constituent can be read of an unseen one."""
    rng = np.random.default_rng(9)
    directions: dict[tuple[str, ...], np.ndarray] = {}
    values = 0.1 * rng.normal(size=(len(prompts), WIDTH))
    for row, prompt in enumerate(prompts):
        for number in (1, 2):
            parts = [prompt.constituent(f"object_{number}.{part}") for part in ("colour", "shape")]
            key = (str(number), *(part.value for part in parts if part is not None))
            if key not in directions:
                directions[key] = rng.normal(size=WIDTH)
            values[row] += directions[key]
    return values


def test_what_holds_two_values_as_one_reads_what_was_planted(prompts: tuple[Prompt, ...]) -> None:
    """With scattered pairs held out .75 was read, as training says which pairs never occur."""
    read = probe_station(prompts, [block(prompts, merged(prompts))]).slots["object_1.colour"]

    assert read.balanced_accuracy.estimate == pytest.approx(5 / 6, abs=0.04)
    assert read.threshold == 0.75
    recalls = read.recalls
    assert min(recalls[value].estimate for value in ("blue", "orange", "red", "yellow")) > 0.95
    assert (recalls["green"].estimate + recalls["purple"].estimate) / 2 < 0.75
    assert set(read.read_as.items()) <= {("green", "purple"), ("purple", "green")}
    assert read.read_as


def test_a_place_that_memorises_pairs_does_not_win_inside(prompts: tuple[Prompt, ...]) -> None:
    noisy = written(prompts, SLOTS) + 2.5 * noise(prompts)
    alone = probe_station(prompts, [block(prompts, noisy, "block_1")])
    beside = probe_station(
        prompts,
        [block(prompts, noisy, "block_1"), block(prompts, 10 * pairs(prompts), "block_2")],
    )

    for slot in SLOTS[:4]:
        one, other = alone.slots[slot].balanced_accuracy, beside.slots[slot].balanced_accuracy
        assert other.estimate > one.estimate - 0.05
        assert one.estimate > 0.3
        (place,) = (str(each) for each in beside.decodability[slot].selected)
        assert place == "text_encoder/block_1/eos"


def test_memorised_pairs_are_read_at_chance(prompts: tuple[Prompt, ...]) -> None:
    read = probe_station(prompts, [block(prompts, pairs(prompts))])

    assert {read.slots[slot].verdict for slot in SLOTS[:4]} == {"lost"}
    figures = [read.slots[slot].balanced_accuracy.estimate for slot in SLOTS[:4]]
    assert np.mean(figures) < 0.25


def calibration_error(prompts: tuple[Prompt, ...], values: np.ndarray) -> float:
    """The expected calibration error over ten bins of the predicted class (Guo et al. 2017)."""
    one_place = block(prompts, values)
    tasks = tasks_of(slot_targets(prompts), Folds(prompts, 0), seed=0)
    readings = read_block(OpenedBlock.of(one_place), ProbePlan.of(one_place.valid, tasks))
    confidence, correct = (
        np.concatenate([getattr(fold, name) for read in readings for fold in read.folds])
        for name in ("confidence", "correct")
    )
    bins = np.minimum((10 * confidence).astype(int), 9)
    return float(
        sum(
            np.mean(bins == each)
            * abs(confidence[bins == each].mean() - correct[bins == each].mean())
            for each in np.unique(bins)
        )
    )


def test_probabilities_hold_on_compositions_that_training_lacks(
    prompts: tuple[Prompt, ...],
) -> None:
    """Fitted on single prompts left out, they were over-confident by .5 for memorised pairs."""
    assert calibration_error(prompts, merged(prompts)) < 0.06
    assert calibration_error(prompts, pairs(prompts)) < 0.06


def test_the_same_features_have_the_same_verdict_for_every_size_and_seed() -> None:
    every = load_suite("world-relations").prompts
    rng = np.random.default_rng(0)
    verdicts: dict[str, set[str]] = {}
    for n, seeds in ((120, (0, 1)), (240, (2,))):
        for seed in seeds:
            rows = sorted(rng.choice(len(every), n, replace=False))
            some = tuple(every[row] for row in rows)
            for name, values in (
                ("written", written(every, SLOTS)),
                ("bag", bag(every)),
                ("noise", noise(every)),
                ("merged", merged(every)),
            ):
                read = probe_station(some, [block(some, values[rows])], seed=seed)
                for slot in SLOTS[:4:2]:
                    verdicts.setdefault(name, set()).add(read.slots[slot].verdict)

    assert verdicts["written"] == {"kept"}
    assert verdicts["bag"] == verdicts["noise"] == {"lost"}
    # The truth of .833 lies above the threshold of .75, which few prompts do not show.
    assert verdicts["merged"] <= {"kept", "unclear"}


def test_a_suite_that_is_too_small_gives_no_verdict() -> None:
    few = load_suite("world-relations").limited(24).prompts
    read = probe_station(few, [block(few, written(few, SLOTS))])

    for slot in SLOTS:
        assert read.slots[slot].verdict == "undefined"
        assert "needs 10 for each" in read.slots[slot].reason


def test_intervals_cover_what_other_prompts_of_the_same_kind_read() -> None:
    """The truth is the mean over suites; with the fit taken as given they covered 83 of 100."""
    every = load_suite("world-relations").prompts
    rng = np.random.default_rng(1)
    strength = 0.55
    figures = []
    for seed in range(14):
        rows = sorted(rng.choice(len(every), 120, replace=False))
        some = tuple(every[row] for row in rows)
        values = strength * written(some, SLOTS, 0) + noise(some, seed=100 + seed)
        read = probe_station(some, [block(some, values)], seed=seed)
        figures.append([read.slots[slot].balanced_accuracy for slot in SLOTS])
    truth = np.mean([[each.estimate for each in row] for row in figures], axis=0)
    covered = np.mean(
        [
            [each.lower <= value <= each.upper for each, value in zip(row, truth, strict=True)]
            for row in figures
        ]
    )

    # 70 intervals, of which 95 in 100 should cover: fewer than 62 are seen once in a hundred.
    assert covered > 61 / 70
    # And they are not wide for that alone.
    assert np.mean([[each.upper - each.lower for each in row] for row in figures]) < 0.3
