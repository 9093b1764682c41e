"""Whether a set of compositions covers its constituents, and holds together.

Both checks follow Redhardt, Akram and Schug (arXiv 2507.07207): a training support is
*compositional* when every constituent occurs in it, and *connected* when the graph that joins
constituents occurring together has a single component. Prompt splits and the synthetic task
families use the same two functions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def is_compositional(
    compositions: Iterable[Iterable[Hashable]], constituents: Iterable[Hashable]
) -> bool:
    """Whether each of `constituents` occurs in at least one of `compositions`."""
    missing = set(constituents)
    for composition in compositions:
        missing.difference_update(composition)
        if not missing:
            return True
    return not missing


def is_connected(compositions: Iterable[Iterable[Hashable]]) -> bool:
    """Whether the constituents that occur in `compositions` form a single component.

    Two constituents are joined when some composition holds both. No compositions at all are
    connected, as is a single one.
    """
    return len(components(compositions)) <= 1


def components(compositions: Iterable[Iterable[Item]]) -> list[frozenset[Item]]:
    """The groups of constituents that occur together, directly or over others."""
    parent: dict[Item, Item] = {}

    def root(item: Item) -> Item:
        while (above := parent[item]) != item:
            # Halving the path keeps later look-ups short.
            parent[item] = parent[above]
            item = above
        return item

    for composition in compositions:
        members: Sequence[Item] = tuple(composition)
        for member in members:
            parent.setdefault(member, member)
        for member in members[1:]:
            first, other = root(members[0]), root(member)
            if first != other:
                parent[other] = first
    groups: dict[Item, set[Item]] = {}
    for item in parent:
        groups.setdefault(root(item), set()).add(item)
    return [frozenset(group) for group in groups.values()]
