"""Held-out compositions: nothing leaks, and what is seen still says everything."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.errors import RequestError
from prompts.generate import generate
from prompts.grammar.load import load_grammar
from prompts.splits import Certificate, SplitPlan, certify, compositions, split_prompts
from prompts.structure import Prompt


def by_brute_force(prompt: Prompt, order: int) -> set[frozenset[str]]:
    """What binds constituents, by looking at every subset of them."""
    parts = prompt.constituents
    related = {entity for part in parts if len(part.entities) > 1 for entity in part.entities}
    sizes = {
        entity: sum(part.entities == (entity,) for part in parts)
        for part in parts
        for entity in part.entities
    }

    def is_bound(subset: Sequence[object]) -> bool:
        owners = [part.entities for part in subset]  # type: ignore[attr-defined]
        if all(each == owners[0] and len(each) == 1 for each in owners):
            return True
        relations = [each for each in owners if len(each) > 1]
        nouns = [each[0] for each in owners if len(each) == 1]
        if order == 3:
            heads = {
                max((p for p in parts if p.entities == (entity,)), key=lambda p: p.end)
                for entity in nouns
            }
            return (
                len(relations) == 1
                and set(nouns) == set(relations[0])
                and all(part in heads for part in subset if len(part.entities) == 1)  # type: ignore[attr-defined]
            )
        if len(relations) == 1:
            return nouns[0] in relations[0] and sizes[nouns[0]] == 1
        return not relations and all(sizes[n] == 1 and n not in related for n in nouns)

    return {
        frozenset(part.key for part in subset)
        for subset in itertools.combinations(parts, order)
        if is_bound(subset) and len({part.key for part in subset}) == order
    }


@given(
    st.sampled_from(["relations", "attributes", "counting", "complex", "world"]),
    st.sampled_from([2, 3]),
    st.integers(0, 10**6),
)
@settings(max_examples=15, deadline=None)
def test_compositions_are_those_of_brute_force(name: str, order: int, seed: int) -> None:
    for prompt in generate(load_grammar(name), 8, seed=seed):
        found = {frozenset(each) for each in compositions(prompt, order)}
        assert found == by_brute_force(prompt, order)


def split(
    name: str, n: int, fraction: float, *, order: int = 2, seed: int = 0
) -> tuple[list[Prompt], Certificate]:
    grammar = load_grammar(name)
    prompts, certificate = split_prompts(
        lambda: generate(grammar, n, seed=seed), fraction, seed=seed, order=order
    )
    return list(prompts), certificate


@given(
    st.sampled_from(["relations", "counting", "complex", "world", "smoke"]),
    st.integers(120, 400),
    st.sampled_from([0.05, 0.1, 0.2]),
    st.sampled_from([2, 3]),
    st.integers(0, 10**6),
)
@settings(max_examples=12, deadline=None)
def test_a_split_leaks_nothing_and_stays_compositional_and_connected(
    name: str, n: int, fraction: float, order: int, seed: int
) -> None:
    try:
        prompts, certificate = split(name, n, fraction, order=order, seed=seed)
    except RequestError as error:
        assert "can be withheld" in str(error) or "no prompt has" in str(error)
        return

    withheld = {frozenset(each) for each in certificate.withheld}
    seen = [prompt for prompt in prompts if prompt.split == "seen"]
    held_out = [prompt for prompt in prompts if prompt.split == "held_out"]
    assert len(seen) + len(held_out) == len(prompts)
    assert all(not by_brute_force(prompt, order) & withheld for prompt in seen)
    assert all(by_brute_force(prompt, order) & withheld for prompt in held_out)
    everything = set().union(*(by_brute_force(prompt, order) for prompt in prompts))
    assert certificate.compositions == len(everything)
    assert len(withheld) == round(fraction * len(everything))
    # Every constituent is seen, and seen compositions join what all compositions join.
    keys = {part.key for prompt in prompts for part in prompt.constituents}
    assert {part.key for prompt in seen for part in prompt.constituents} == keys
    groups = [
        set(map(frozenset, networkx.connected_components(graph(side, order))))
        for side in (seen, prompts)
    ]
    assert groups[0] == groups[1]


def graph(prompts: Sequence[Prompt], order: int) -> networkx.Graph:
    joined = networkx.Graph()
    for prompt in prompts:
        for composition in by_brute_force(prompt, order):
            joined.add_edges_from(itertools.combinations(composition, 2))
    return joined


def test_a_split_depends_on_its_seed_alone() -> None:
    assert split("world", 200, 0.2, seed=4) == split("world", 200, 0.2, seed=4)
    assert (
        split("world", 200, 0.2, seed=4)[1].withheld != split("world", 200, 0.2, seed=5)[1].withheld
    )


def test_what_is_withheld_is_spread_over_the_constituents() -> None:
    _, certificate = split("world", 600, 0.3)

    colours = [
        sum(name in composition for composition in certificate.withheld)
        for name in certificate.constituents
        if name.startswith("colour")
    ]
    # 36 pairs of six colours by six shapes, 11 withheld: about two a colour.
    assert certificate.compositions == 36
    assert max(colours) - min(colours) <= 2


@pytest.mark.parametrize("fraction", [0, 1, 1.5, -0.1, float("nan")])
def test_a_fraction_beyond_its_range_is_refused(fraction: float) -> None:
    with pytest.raises(RequestError, match="should be between 0 and 1"):
        split("world", 50, fraction)


def test_more_than_can_be_withheld_is_told_how_much_can() -> None:
    with pytest.raises(RequestError, match=r"from 1 to \d+ can be withheld"):
        split("world", 200, 0.9)


def test_a_certificate_sees_a_leak_and_a_lost_constituent() -> None:
    prompts, certificate = split("world", 200, 0.2)
    plan = SplitPlan(2, 0.2, 0, frozenset(certificate.withheld))

    leaked = [replace(prompt, split="seen") for prompt in prompts]
    lost = [
        replace(prompt, split="held_out" if prompt.text.count("red") else prompt.split)
        for prompt in prompts
    ]

    assert certify(prompts, plan).holds
    assert certify(leaked, plan).leaks == certificate.held_out_prompts
    assert not certify(leaked, plan).holds
    assert not certify(lost, plan).is_compositional
