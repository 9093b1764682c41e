"""The table of recipes of the scaling study: what a training shows is what its recipe says."""

from __future__ import annotations

import random

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.world import HELD_OUT_PAIRS, content_of
from scripts.scaling.data import captioned, common_suite, distinct_contents, seen_suite
from scripts.scaling.recipes import GENERATORS, TRAININGS, Training
from scripts.scaling.support import (
    DISCONNECTED,
    FULL,
    MODULES,
    NARROW,
    NO_ORANGE,
    RING,
    SUPPORTS,
    Support,
)


def graph_of(support: Support) -> nx.Graph:
    """The modules that scenes of a support show, joined where two are in one scene."""
    graph = nx.Graph()
    for group in support.groups:
        for first in group:
            for second in group:
                modules = {*first, *second}
                graph.add_edges_from((a, b) for a in modules for b in modules if a != b)
    return graph


def test_there_are_at_least_16_generators_and_no_two_have_one_name_or_one_seed() -> None:
    names = [generator.name for generator in GENERATORS]
    seeds = [training.seed for training in TRAININGS]

    assert len(names) >= 16
    assert len(set(names)) == len(names)
    assert len(set(seeds)) == len(seeds)


def test_recipes_differ_in_data_size_support_and_steps() -> None:
    assert len({training.compositions for training in TRAININGS}) >= 3
    assert len({training.pictures for training in TRAININGS}) >= 2
    assert len({training.widths for training in TRAININGS}) >= 3
    assert {training.support.name for training in TRAININGS} == {each.name for each in SUPPORTS}
    assert all(len(training.steps) >= 2 for training in TRAININGS)


@pytest.mark.parametrize("support", SUPPORTS, ids=lambda each: each.name)
def test_a_support_is_compositional_and_connected_as_an_independent_graph_says(
    support: Support,
) -> None:
    graph = graph_of(support)

    assert support.compositional == (set(graph) == set(MODULES))
    assert support.connected == nx.is_connected(graph)


def test_only_the_supports_that_are_meant_to_be_lack_connection_or_a_module() -> None:
    assert {each.name for each in SUPPORTS if not each.connected} == {DISCONNECTED.name}
    assert {each.name for each in SUPPORTS if not each.compositional} == {NO_ORANGE.name}


def test_the_narrow_support_has_as_many_pairs_as_the_disconnected_one() -> None:
    assert len(NARROW.pairs) == len(DISCONNECTED.pairs)


def test_in_the_ring_every_module_has_exactly_two_partners() -> None:
    counts = [sum(module in pair for pair in RING.pairs) for module in MODULES]

    assert counts == [2] * 12


pairs = st.sampled_from(sorted(FULL.pairs))
supports = st.lists(
    st.lists(pairs, min_size=1, max_size=8, unique=True).map(tuple), min_size=1, max_size=3
).map(lambda groups: Support("drawn", tuple(groups)))


@given(supports)
def test_any_support_is_connected_and_compositional_as_an_independent_graph_says(
    support: Support,
) -> None:
    graph = graph_of(support)

    assert support.connected == nx.is_connected(graph)
    assert support.compositional == (set(graph) == set(MODULES))


@given(st.sampled_from(SUPPORTS), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_scenes_stay_within_one_group_and_never_show_a_held_out_pair(
    support: Support, seed: int
) -> None:
    for content in distinct_contents(support, 20, random.Random(seed)):
        assert not HELD_OUT_PAIRS.intersection(content.objects)
        assert any(set(content.objects) <= set(group) for group in support.groups)


@pytest.mark.parametrize("training", TRAININGS, ids=lambda each: each.name)
def test_a_training_shows_as_many_pictures_and_compositions_as_its_recipe_says(
    training: Training,
) -> None:
    contents = captioned(training)

    assert len(contents) == training.pictures
    if training.compositions is not None:
        assert len(set(contents)) == training.compositions
    assert {pair for content in contents for pair in content.objects} == training.support.pairs


@pytest.mark.parametrize("training", TRAININGS, ids=lambda each: each.name)
def test_seen_prompts_are_about_contents_that_the_training_shows(training: Training) -> None:
    shown = set(captioned(training))

    assert {content_of(prompt) for prompt in seen_suite(training).prompts} <= shown


def test_held_out_prompts_hold_a_pair_that_no_support_has() -> None:
    held_out = [prompt for prompt in common_suite().prompts if prompt.split == "held_out"]

    assert len(held_out) == 120
    for prompt in held_out:
        assert any(
            all(pair not in support.pairs for support in SUPPORTS)
            for pair in content_of(prompt).objects
        )


def test_a_support_with_fewer_contents_than_asked_for_is_refused() -> None:
    # 2 of one object, 2 of two, and 4 relations of 2 orders.
    two = Support("two pairs", ((("red", "circle"), ("blue", "square")),))

    assert len(distinct_contents(two, 12, random.Random(0))) == 12
    with pytest.raises(ValueError, match="two pairs has fewer than 13 different contents"):
        distinct_contents(two, 13, random.Random(0))


def test_a_training_that_shows_little_has_as_many_seen_prompts_as_there_are() -> None:
    """With a search for 100 different prompts this never ended."""
    training = Training("little", RING, 4, seed=3)
    contents = set(captioned(training))

    prompts = seen_suite(training).prompts

    assert {content_of(prompt) for prompt in prompts} == {
        content for content in contents if content.type != "two_objects"
    }
    assert len({prompt.text for prompt in prompts}) == len(prompts) < 100
