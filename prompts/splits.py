"""Splits that hold out compositions, and certificates of their properties.

A composition is a set of constituents that are bound together. With order 2 these are the pairs of
values within an entity; an entity with a single value pairs with its relations, or with the other
such entities. With order 3 these are a relation with its two nouns, or three values of one entity.
Compositions ignore order and wording. A prompt is held out if any of its compositions is withheld,
and seen otherwise.

The seen prompts stay compositional and connected in the sense of Redhardt, Akram and Schug (arXiv
2507.07207): every constituent occurs in a seen prompt, and constituents that compositions connect
are connected by seen compositions.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

from prompts.errors import RequestError
from prompts.permutation import mix
from prompts.structure import Prompt
from prompts.support import components, is_compositional, join

Composition = tuple[str, ...]
"""The sorted keys ``kind:value`` of its constituents."""


@dataclass(frozen=True)
class Certificate:
    """The properties of a split, counted over the prompts themselves."""

    order: int
    """Number of constituents in a composition: 2 or 3."""
    fraction: float
    """The requested share of compositions to withhold."""
    seed: int
    compositions: int
    """Number of distinct compositions of all prompts."""
    withheld: tuple[Composition, ...]
    """The withheld compositions, sorted."""
    seen_prompts: int
    held_out_prompts: int
    constituents: Mapping[str, tuple[int, int]]
    """For each constituent, the number of seen and of held-out prompts that contain it."""
    is_compositional: bool
    """Whether every constituent occurs in a seen prompt."""
    is_connected: bool
    """Whether seen compositions connect all constituents that any compositions connect."""
    components: int
    """Number of groups of connected constituents; 1 unless the grammar separates them."""
    leaks: int
    """Number of seen prompts with a withheld composition, in any order or wording."""

    @property
    def holds(self) -> bool:
        """Whether the split has all three properties."""
        return self.is_compositional and self.is_connected and not self.leaks


@dataclass(frozen=True)
class SplitPlan:
    """The compositions to withhold."""

    order: int
    fraction: float
    seed: int
    withheld: frozenset[Composition]

    def label(self, prompt: Prompt) -> Prompt:
        """`prompt` with its split filled in."""
        held = not self.withheld.isdisjoint(compositions(prompt, self.order))
        return replace(prompt, split="held_out" if held else "seen")


def split_prompts(
    read: Callable[[], Iterable[Prompt]], fraction: float, *, seed: int, order: int = 2
) -> tuple[Iterator[Prompt], Certificate]:
    """Label prompts as seen or held out, and certify the split.

    Args:
        read: returns the prompts, the same on each of three calls, so that memory grows with the
            number of compositions and not of prompts.
        fraction: the share of compositions to withhold, between 0 and 1.
        seed: equal seeds give equal splits.
        order: the number of constituents of a composition, 2 or 3.

    Raises:
        RequestError: that many cannot be withheld; the message says how many can.
    """
    split = plan_split(read(), fraction, seed=seed, order=order)
    certificate = certify((split.label(prompt) for prompt in read()), split)
    if not certificate.holds:
        raise AssertionError(f"the split does not hold: {certificate}")
    return (split.label(prompt) for prompt in read()), certificate


def plan_split(
    prompts: Iterable[Prompt], fraction: float, *, seed: int, order: int = 2
) -> SplitPlan:
    """Choose the compositions to withhold, evenly over constituents.

    All compositions are protected of a prompt that is the first to contain a constituent or to
    connect two groups of constituents; these prompts alone keep the seen ones compositional and
    connected. See `split_prompts` for arguments and errors.
    """
    # Imported late, because most commands on prompts do not need scipy.
    from scipy.cluster.hierarchy import DisjointSet

    if not 0 < fraction < 1:
        raise RequestError(f"the held-out fraction should be between 0 and 1, not {fraction:g}")
    if order not in (2, 3):
        raise RequestError(f"a composition has 2 or 3 constituents, not {order}")
    known: dict[Composition, None] = {}
    protected: set[Composition] = set()
    groups = DisjointSet()
    for prompt in prompts:
        own = compositions(prompt, order)
        # Every new composition is joined, even after the first one that connects two groups.
        news = [join(groups, composition) for composition in own if composition not in known]
        news += [
            join(groups, (part.key,)) for part in prompt.constituents if part.key not in groups
        ]
        known.update(dict.fromkeys(own))
        if any(news):
            protected.update(own)
    if not known:
        raise RequestError(f"no prompt has a composition of {order} constituents to withhold")
    free = sorted(set(known) - protected)
    wanted = round(fraction * len(known))
    if not 1 <= wanted <= len(free):
        raise RequestError(
            f"a held-out fraction of {fraction:g} is {wanted} of {len(known)} compositions, but "
            f"from 1 to {len(free)} can be withheld while the seen prompts stay compositional and "
            f"connected; ask for {1 / len(known):.2g} to {len(free) / len(known):.2g}, or for "
            "more prompts"
        )
    return SplitPlan(order, fraction, seed, frozenset(_chosen(free, known, wanted, seed)))


def certify(prompts: Iterable[Prompt], split: SplitPlan) -> Certificate:
    """Certify a labelled split by counting; only `withheld` is taken from its plan."""
    seen: Counter[str] = Counter()
    held: Counter[str] = Counter()
    everything: set[Composition] = set()
    in_seen: set[Composition] = set()
    counts: Counter[str] = Counter()
    leaks = 0
    for prompt in prompts:
        own = compositions(prompt, split.order)
        counts[prompt.split or ""] += 1
        everything |= own
        keys = {part.key for part in prompt.constituents}
        if prompt.split == "seen":
            in_seen |= own
            leaks += not split.withheld.isdisjoint(own)
            seen.update(keys)
        else:
            held.update(keys)
    names = sorted(seen.keys() | held.keys())
    return Certificate(
        order=split.order,
        fraction=split.fraction,
        seed=split.seed,
        compositions=len(everything),
        withheld=tuple(sorted(split.withheld)),
        seen_prompts=counts["seen"],
        held_out_prompts=counts["held_out"],
        constituents={name: (seen[name], held[name]) for name in names},
        is_compositional=is_compositional([seen], names),
        is_connected=set(components(in_seen)) == set(components(everything)),
        components=len(components(in_seen)),
        leaks=leaks,
    )


def compositions(prompt: Prompt, order: int = 2) -> frozenset[Composition]:
    """The compositions of a prompt, each sorted, so that order and wording are ignored."""
    parts = prompt.constituents
    keys = [part.key for part in parts]
    bound = _bound_indices(tuple(part.entities for part in parts), order)
    found = (tuple(sorted([keys[index] for index in indices])) for indices in bound)
    return frozenset(each for each in found if len(set(each)) == order)


@lru_cache(maxsize=4096)
def _bound_indices(
    entities: tuple[tuple[str, ...], ...], order: int
) -> tuple[tuple[int, ...], ...]:
    """Indices of the constituents in each composition, given the entities of constituents."""
    own: dict[str, list[int]] = {}
    relations = []
    for index, owners in enumerate(entities):
        if len(owners) == 1:
            own.setdefault(owners[0], []).append(index)
        else:
            relations.append(index)
    bound = [place for group in own.values() for place in combinations(group, order)]
    lone = []
    if order == 2:
        for entity, group in own.items():
            if len(group) == 1:
                stands_in = [r for r in relations if entity in entities[r]]
                bound += [(group[0], relation) for relation in stands_in]
                lone += [] if stands_in else group
        bound += combinations(lone, 2)
    else:
        # In the English of the suites, the last word of an entity is its noun.
        bound += [
            (relation, *(own[entity][-1] for entity in entities[relation] if entity in own))
            for relation in relations
        ]
    return tuple(place for place in bound if len(place) == order)


def _chosen(
    free: list[Composition], known: Iterable[Composition], wanted: int, seed: int
) -> list[Composition]:
    """`wanted` of `free`, chosen so that the largest share that a constituent loses is small."""
    degree = Counter(key for composition in known for key in composition)
    held: Counter[str] = Counter()

    def load(composition: Composition) -> float:
        return sum((held[key] + 1) / degree[key] for key in composition)

    heap = [(load(each), mix(mix(seed) + index), each) for index, each in enumerate(free)]
    heapq.heapify(heap)
    chosen: list[Composition] = []
    while len(chosen) < wanted:
        known_load, draw, composition = heapq.heappop(heap)
        now = load(composition)
        # Loads only grow, so an outdated entry is pushed back with its current load.
        if now > known_load:
            heapq.heappush(heap, (now, draw, composition))
            continue
        chosen.append(composition)
        held.update(composition)
    return chosen
