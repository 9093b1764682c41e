"""The checks of a training support agree with what networkx finds by search."""

from __future__ import annotations

from itertools import combinations

import networkx
from hypothesis import given
from hypothesis import strategies as st

from prompts.support import components, is_compositional, is_connected

compositions = st.lists(st.sets(st.integers(0, 9), min_size=1, max_size=3), max_size=12)


@given(compositions)
def test_components_are_those_of_the_co_occurrence_graph(support: list[set[int]]) -> None:
    graph = networkx.Graph()
    for composition in support:
        graph.add_nodes_from(composition)
        graph.add_edges_from(combinations(composition, 2))

    expected = {frozenset(group) for group in networkx.connected_components(graph)}

    assert set(components(support)) == expected
    assert is_connected(support) == (len(expected) <= 1)


@given(compositions, st.sets(st.integers(0, 9)))
def test_a_support_is_compositional_when_no_constituent_is_missing(
    support: list[set[int]], constituents: set[int]
) -> None:
    assert is_compositional(support, constituents) == (constituents <= set().union(*support))


def test_two_groups_never_mixed_are_not_connected() -> None:
    assert not is_connected([("red", "cube"), ("blue", "sphere")])
    assert is_connected([("red", "cube"), ("blue", "sphere"), ("red", "sphere")])
