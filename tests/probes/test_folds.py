"""Folds hold out every combination with some values of the partners."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.structure import Constituent, Prompt
from prompts.suite import load_suite
from t2i_audit.probes.features import Target, presence_targets, slot_targets
from t2i_audit.probes.folds import Fold, Folds, masked_share

SUITES = ("complex", "counting", "relations", "world", "smoke")


@cache
def suite(name: str) -> tuple[Prompt, ...]:
    return load_suite(name).prompts


def targets_of(prompts: tuple[Prompt, ...]) -> list[Target]:
    kinds: set[str] = set()
    presences = [
        target
        for target in presence_targets(prompts)
        if target.summary_name not in kinds and not kinds.add(target.summary_name)  # type: ignore[func-returns-value]
    ]
    return slot_targets(prompts) + presences


def bound(prompt: Prompt) -> set[frozenset[str]]:
    """Every two constituents of one entity, and every relation with the nouns it relates."""
    pairs = {
        frozenset((one.key, other.key))
        for one, other in combinations(prompt.constituents, 2)
        if len(one.entities) == 1 and one.entities == other.entities
    }
    relations = [part for part in prompt.constituents if len(part.entities) > 1]
    nouns = {part.slot: prompt.heads(part.slot) for part in relations}
    return pairs | {
        frozenset((part.key, noun.key)) for part in relations for noun in nouns[part.slot]
    }


def partner_pairs(prompt: Prompt, slot: str) -> set[frozenset[str]]:
    """The pairs that decoding `slot` depends on: with its noun, or with what is before the noun."""
    part = prompt.constituent(slot)
    assert part is not None
    nouns = prompt.heads(slot)
    if len(part.entities) > 1:
        return {frozenset((part.key, noun.key)) for noun in nouns}
    partners = prompt.partners(slot)
    if not partners:
        return set()
    last = max(partners, key=lambda other: other.end)
    return {frozenset((part.key, last.key))}


@pytest.mark.parametrize("name", SUITES)
def test_no_pair_that_a_tested_slot_depends_on_occurs_in_training(name: str) -> None:
    prompts = suite(name)
    bound_in = [bound(prompt) for prompt in prompts]
    folds = Folds(prompts, seed=0)
    for target in slot_targets(prompts):
        for fold in folds.of(target)[::2]:
            inside = [(each.train, each.tested) for each in fold.inner[:2]]
            for number, (train, tested) in enumerate([(fold.train, fold.tested), *inside]):
                known = set().union(*(bound_in[row] for row in np.flatnonzero(train)))
                rows = np.flatnonzero(tested & (target.labels >= 0))
                for row in rows:
                    pairs = partner_pairs(prompts[row], target.name)
                    # Inside a fold one noun of a relation is held out, and not both.
                    few = 1 if number and len(pairs) > 1 else len(pairs)
                    assert len(pairs - known) >= few, (target.name, prompts[row].text)


def test_in_the_world_no_pair_of_any_object_that_is_tested_occurs_in_training() -> None:
    prompts = suite("world")
    folds = Folds(prompts, seed=0)
    for target in targets_of(prompts):
        for fold in folds.of(target):
            known = frozenset().union(*(prompts[row].pairs for row in np.flatnonzero(fold.train)))
            for row in np.flatnonzero(fold.tested & (target.labels >= 0)):
                assert target.pairs[row].isdisjoint(known)


@pytest.mark.parametrize("name", SUITES)
def test_every_prompt_is_tested_for_each_of_its_slots(name: str) -> None:
    prompts = suite(name)
    folds = Folds(prompts, seed=0)
    for target in slot_targets(prompts):
        tests = np.sum([fold.tested for fold in folds.of(target)], axis=0)
        assert (tests[target.labels >= 0] >= 1).all(), target.name


def test_one_value_of_the_partner_at_a_time_tests_every_prompt_once() -> None:
    prompts = suite("world-relations")
    folds = Folds(prompts, seed=0)
    for target in slot_targets(prompts):
        tests = np.sum([fold.tested for fold in folds.of(target)], axis=0)
        assert set(tests.tolist()) == {1}, target.name


def test_every_value_is_trained_on_in_every_fold_and_inside_it() -> None:
    prompts = suite("world-relations")
    folds = Folds(prompts, seed=0)
    for target in slot_targets(prompts):
        for fold in folds.of(target):
            assert len(fold.inner) >= 4
            for train in (fold.train, *(each.train for each in fold.inner)):
                assert len(set(target.labels[train])) == len(target.classes)


def test_inner_folds_lie_inside_the_training_prompts() -> None:
    prompts = suite("relations")
    folds = Folds(prompts, seed=0)
    for target in slot_targets(prompts):
        for fold in folds.of(target):
            for inner in fold.inner:
                assert not (inner.train & ~fold.train).any()
                assert not (inner.tested & ~fold.train).any()
                assert not (inner.train & inner.tested).any()


def as_ids(prompts: tuple[Prompt, ...], folds: tuple[Fold, ...]) -> set[tuple[frozenset[str], ...]]:
    def ids(mask: np.ndarray) -> frozenset[str]:
        return frozenset(prompts[row].id for row in np.flatnonzero(mask))

    return {(ids(fold.train), ids(fold.tested)) for fold in folds}


@settings(max_examples=5, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(("relations", "counting", "smoke")))
def test_the_order_of_the_prompts_does_not_matter(random: object, name: str) -> None:
    prompts = suite(name)
    mixed = list(prompts)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    for slot in ("object_1.thing", "object_1.animal"):
        found = [
            as_ids(rows, Folds(rows, seed=3).of(target))
            for rows in (prompts, tuple(mixed))
            for target in slot_targets(rows)
            if target.name == slot
        ]
        assert len(found) in (0, 2)
        assert found[:1] == found[1:]


def test_few_values_give_the_same_folds_for_every_seed_and_many_do_not() -> None:
    def by_seed(name: str, slot: str) -> bool:
        prompts = suite(name)
        (target,) = (each for each in slot_targets(prompts) if each.name == slot)
        one, other = (as_ids(prompts, Folds(prompts, seed).of(target)) for seed in (0, 1))
        return one == other

    assert by_seed("world-relations", "object_1.colour")
    assert not by_seed("relations", "object_1.colour")


def test_many_values_are_dealt_into_groups_several_times_over() -> None:
    """28 nouns fall into 6 groups in many ways; each prompt is tested once in each of 3 deals."""
    prompts = suite("relations")
    (target,) = (each for each in slot_targets(prompts) if each.name == "object_1.colour")

    folds = Folds(prompts, seed=0).of(target)

    for deal in range(3):
        tested = np.sum([fold.tested for fold in folds if fold.deal == deal], axis=0)
        np.testing.assert_array_equal(tested[target.labels >= 0], 1)
    assert len(as_ids(prompts, folds)) == len(folds) == 18


def thing(number: int, noun: str, size: str) -> Prompt:
    parts = (
        Constituent("object_1.size", "size", size, 2, 7, ("object_1",)),
        Constituent("object_1.noun", "noun", noun, 8, 12, ("object_1",)),
    )
    return Prompt(str(number), f"a {size} {noun} {number}", "one", "", parts)


def test_partners_of_three_values_are_held_out_as_pairs() -> None:
    """Three nouns leave one to train on inside a fold; so pairs are dealt into groups instead."""
    nouns, sizes = ("cup", "dog", "car"), ("large", "small", "tiny", "giant")
    prompts = tuple(
        thing(number, nouns[number % 3], sizes[number // 3 % 4]) for number in range(48)
    )
    (target,) = (each for each in slot_targets(prompts) if each.name == "object_1.size")

    found = Folds(prompts, seed=0).of(target)

    assert found
    for fold in found:
        known = {pair for row in np.flatnonzero(fold.train) for pair in prompts[row].pairs}
        tested = {pair for row in np.flatnonzero(fold.tested) for pair in prompts[row].pairs}
        assert known.isdisjoint(tested)
        # Each noun is still shown, with other sizes.
        assert len({prompts[row].constituents[1].value for row in np.flatnonzero(fold.train)}) == 3


def test_a_slot_without_partners_is_tested_on_contents_that_training_lacks() -> None:
    parts = [Constituent("scene", "scene", value, 0, 4, ("scene",)) for value in ("dusk", "dawn")]
    prompts = tuple(
        Prompt(
            str(number),
            "text",
            "scene",
            "",
            (parts[number % 2], Constituent("mood", "mood", str(number // 4), 5, 6, ("mood",))),
        )
        for number in range(40)
    )
    target = slot_targets(prompts)[1]
    assert target.name == "scene"

    found = Folds(prompts, seed=0).of(target)

    assert masked_share(found, target) == 0
    for fold in found:
        trained, tested = (
            {prompts[row].composition for row in np.flatnonzero(mask)}
            for mask in (fold.train, fold.tested)
        )
        assert trained.isdisjoint(tested)
