"""Splits that hold out compositions, and certificates that a split is what it claims.

A composition is what binds constituents: with order 2 the pairs of values within an entity (an
entity of one value pairs with the relation it stands in, or with the other such entities), with
order 3 a relation with the two nouns it stands between, or three values of one entity. It has no
order and no wording. A prompt is held out if any of its compositions is, else it is seen.

What is seen stays compositional and connected in the sense of Redhardt, Akram and Schug (arXiv
2507.07207): every constituent occurs in a seen prompt, and constituents that are joined over
compositions are joined over seen ones.
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
"""Sorted keys ``kind:value`` of its constituents."""


@dataclass(frozen=True)
class Certificate:
    """What a split withholds, counted over the prompts themselves."""

    order: int
    """How many constituents make a composition: 2 or 3."""
    fraction: float
    """The share of compositions that was asked for."""
    seed: int
    compositions: int
    """How many different compositions the prompts have."""
    withheld: tuple[Composition, ...]
    """Those that no seen prompt has, sorted."""
    seen_prompts: int
    held_out_prompts: int
    constituents: Mapping[str, tuple[int, int]]
    """For each constituent the number of seen and of held-out prompts that have it."""
    is_compositional: bool
    """Whether every constituent occurs in a seen prompt."""
    is_connected: bool
    """Whether seen compositions join all constituents that are joined at all."""
    components: int
    """Groups of constituents joined by seen compositions; 1 unless the grammar keeps them apart."""
    leaks: int
    """Seen prompts with a withheld composition, in whatever order or wording."""

    @property
    def holds(self) -> bool:
        """Whether the split is sound."""
        return self.is_compositional and self.is_connected and not self.leaks


@dataclass(frozen=True)
class Split:
    """Which compositions are withheld."""

    order: int
    fraction: float
    seed: int
    withheld: frozenset[Composition]

    def label(self, prompt: Prompt) -> Prompt:
        """`prompt` with its split."""
        held = not self.withheld.isdisjoint(compositions(prompt, self.order))
        return replace(prompt, split="held_out" if held else "seen")


def split_prompts(
    read: Callable[[], Iterable[Prompt]], fraction: float, *, seed: int, order: int = 2
) -> tuple[Iterator[Prompt], Certificate]:
    """Label prompts as seen or held out, with the certificate of the split.

    Args:
        read: gives the prompts anew each time it is called; they are gone through three times, so
            that memory grows with the compositions and not with the prompts.
        fraction: share of the compositions to withhold.
        seed: equal seeds give equal splits.
        order: constituents of a composition, 2 or 3.

    Raises:
        RequestError: so many cannot be withheld; says how many can.
    """
    split = plan_split(read(), fraction, seed=seed, order=order)
    certificate = certify((split.label(prompt) for prompt in read()), split)
    if not certificate.holds:
        raise AssertionError(f"the split does not hold: {certificate}")
    return (split.label(prompt) for prompt in read()), certificate


def plan_split(prompts: Iterable[Prompt], fraction: float, *, seed: int, order: int = 2) -> Split:
    """Choose what to withhold, evenly over constituents.

    The prompts that first join two groups of constituents, or first have one, are protected with
    all their compositions: they alone keep what is seen compositional and connected. See
    `split_prompts` for arguments and errors.
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
            f"a held-out fraction of {fraction:g} is {wanted} of {len(known)} compositions, and "
            f"from 1 to {len(free)} can be withheld with what is seen compositional and "
            f"connected; ask for {1 / len(known):.2g} to {len(free) / len(known):.2g}, or for "
            "more prompts"
        )
    return Split(order, fraction, seed, frozenset(_chosen(free, known, wanted, seed)))


def certify(prompts: Iterable[Prompt], split: Split) -> Certificate:
    """Count what a labelled split does; nothing is taken over from its making but `withheld`."""
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
    """The compositions of a prompt, each sorted, so that neither order nor wording counts."""
    parts = prompt.constituents
    keys = [part.key for part in parts]
    places = _places(tuple(part.entities for part in parts), order)
    found = (tuple(sorted([keys[index] for index in place])) for place in places)
    return frozenset(each for each in found if len(set(each)) == order)


@lru_cache(maxsize=4096)
def _places(entities: tuple[tuple[str, ...], ...], order: int) -> tuple[tuple[int, ...], ...]:
    """Which constituents are bound, for prompts whose constituents have these entities."""
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
        # The last word of an entity is its noun in the suites' English.
        bound += [
            (relation, *(own[entity][-1] for entity in entities[relation] if entity in own))
            for relation in relations
        ]
    return tuple(place for place in bound if len(place) == order)


def _chosen(
    free: list[Composition], known: Iterable[Composition], wanted: int, seed: int
) -> list[Composition]:
    """`wanted` of `free`, so that no constituent loses a larger share than it must."""
    degree = Counter(key for composition in known for key in composition)
    held: Counter[str] = Counter()

    def load(composition: Composition) -> float:
        return sum((held[key] + 1) / degree[key] for key in composition)

    heap = [(load(each), mix(mix(seed) + index), each) for index, each in enumerate(free)]
    heapq.heapify(heap)
    chosen: list[Composition] = []
    while len(chosen) < wanted:
        said, draw, composition = heapq.heappop(heap)
        now = load(composition)
        # Loads only grow, so one that is out of date goes back to where it belongs.
        if now > said:
            heapq.heappush(heap, (now, draw, composition))
            continue
        chosen.append(composition)
        held.update(composition)
    return chosen
