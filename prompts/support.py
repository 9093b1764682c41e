"""Whether a set of compositions covers all constituents, and whether it connects them.

Both checks follow Redhardt, Akram and Schug (arXiv 2507.07207): a training support is
*compositional* when every constituent occurs in it, and *connected* when the graph that joins
constituents occurring together has a single component. Prompt splits and the synthetic task
families use the same two functions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from scipy.cluster.hierarchy import DisjointSet

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
    """The groups of constituents that occur together, directly or through others."""
    # Imported late, because most commands on prompts do not need scipy.
    from scipy.cluster.hierarchy import DisjointSet

    groups = DisjointSet()
    for composition in compositions:
        join(groups, tuple(composition))
    return [frozenset(group) for group in groups.subsets()]


def join(groups: DisjointSet, members: Sequence[Hashable]) -> bool:
    """Join `members` to one group; whether any of them was new or two groups became one."""
    changed = False
    for member in members:
        if member not in groups:
            groups.add(member)
            changed = True
        changed |= groups.merge(members[0], member)
    return changed
