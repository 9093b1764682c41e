"""Training supports: which compositions of modules are trained, and which are held out.

The kinds follow the official code of Redhardt, Akram and Schug (arXiv 2507.07207), except that
modules and compositions are drawn at random where that code takes the first ones. `prompts.support`
defines when a support is compositional and connected, here as for prompt splits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from prompts.support import is_compositional, is_connected
from synthetic.settings import SupportKind
from t2i_audit.errors import AuditError

Composition = tuple[int, ...]
# After so many draws a support is built from a spanning set of compositions instead.
MOST_DRAWS = 200


@dataclass(frozen=True)
class Support:
    """All compositions, divided into trained and held-out ones."""

    modules: int
    train: tuple[Composition, ...]
    held_out: tuple[Composition, ...]

    @property
    def held_out_fraction(self) -> float:
        """Share of all compositions that is held out."""
        return len(self.held_out) / (len(self.train) + len(self.held_out))

    @property
    def is_compositional(self) -> bool:
        """Whether every module occurs in training."""
        return is_compositional(self.train, range(self.modules))

    @property
    def is_connected(self) -> bool:
        """Whether the modules that occur in training form one component."""
        return is_connected(self.train)


def all_compositions(modules: int, active: int) -> tuple[Composition, ...]:
    """Every set of 1 to `active` out of `modules` modules.

    Raises:
        AuditError: `active` is not between 1 and `modules`.
    """
    if not 1 <= active <= modules:
        raise AuditError(
            f"a task should use between 1 and all {modules} modules, not {active}; lower --active "
            "or raise --modules"
        )
    return tuple(
        composition
        for size in range(1, active + 1)
        for composition in combinations(range(modules), size)
    )


def draw_support(
    kind: SupportKind,
    compositions: Sequence[Composition],
    modules: int,
    held_out_fraction: float,
    rng: np.random.Generator,
) -> Support:
    """Divide `compositions` into trained and held-out ones.

    Four kinds hold out exactly `held_out_fraction` and are compositional and connected: ``random``;
    ``balanced``, all modules equally frequent; ``popular``, the trained compositions concentrate on
    as few modules as possible; ``unpopular``, as many modules as possible are trained in all their
    compositions, and each of the others in one or a few.

    ``disconnected`` trains no composition with modules of both of two groups. The groups are as
    equal in size as the fraction allows, and further compositions are held out at random to reach
    it; if separating a single module already holds out more, then more is held out.
    ``non-compositional`` holds out every composition with the last module, whatever the fraction.

    Raises:
        AuditError: the fraction leaves no compositional and connected support.
    """
    if kind == "non-compositional":
        return _divide(compositions, modules, [modules - 1 in c for c in compositions])
    held_out = round(held_out_fraction * len(compositions))
    if kind == "disconnected":
        return _disconnected(compositions, modules, held_out, rng)
    _check_fraction(held_out_fraction, held_out, compositions, modules)
    for _ in range(MOST_DRAWS):
        order = _order(kind, compositions, modules, held_out, rng)
        support = _cut(compositions, modules, order, held_out)
        if support.is_compositional and support.is_connected:
            return support
    spanning = _spanning(compositions, modules, rng)
    order = _order(kind, compositions, modules, held_out, rng)
    return _cut(
        compositions, modules, [*(i for i in order if i not in spanning), *spanning], held_out
    )


def largest_held_out(compositions: Sequence[Composition], modules: int) -> int:
    """The most compositions that a compositional and connected support can hold out.

    Each trained composition of `k` modules connects at most ``k - 1`` new modules to the others.
    """
    largest = max(map(len, compositions))
    if modules == 1:
        return len(compositions) - 1
    if largest == 1:
        return -1
    return len(compositions) - -(-(modules - 1) // (largest - 1))


def masks(compositions: Iterable[Composition], modules: int) -> np.ndarray:
    """Which modules each composition uses: ``(n, modules)``, zeros and ones in float32."""
    rows = list(compositions)
    table = np.zeros((len(rows), modules), dtype=np.float32)
    for row, composition in enumerate(rows):
        table[row, list(composition)] = 1
    return table


def _check_fraction(
    fraction: float, held_out: int, compositions: Sequence[Composition], modules: int
) -> None:
    most = largest_held_out(compositions, modules)
    if most < 1:
        raise AuditError(
            "no connected support of these compositions leaves one to hold out; allow more modules "
            "in a task (--active)"
        )
    total = len(compositions)
    if held_out > most:
        raise AuditError(
            f"holding out {fraction:g} of {total} compositions leaves no connected support; the "
            f"largest held-out fraction that does is {np.floor(1000 * most / total) / 1000:g} "
            f"(--train-fraction {np.ceil(1000 * (1 - most / total)) / 1000:g})"
        )
    if held_out < 1:
        raise AuditError(
            f"holding out {fraction:g} of {total} compositions holds out none; the smallest "
            f"fraction that holds out one is {np.ceil(1000 / total) / 1000:g} "
            f"(--train-fraction {np.floor(1000 * (1 - 1 / total)) / 1000:g})"
        )


def _order(
    kind: SupportKind,
    compositions: Sequence[Composition],
    modules: int,
    held_out: int,
    rng: np.random.Generator,
) -> list[int]:
    """Indices of `compositions`; the first ones are held out."""
    n = len(compositions)
    if kind == "balanced":
        return _balanced_order(compositions, modules, held_out, rng)
    if kind == "random":
        return [int(index) for index in rng.permutation(n)]
    rank = rng.permutation(modules)
    ranks = [rank[list(composition)] for composition in compositions]
    if kind == "popular":
        # The compositions of the most popular module are trained first, then those of the next.
        keys = np.array([one.min() for one in ranks])
        return [int(index) for index in np.lexsort((rng.random(n), keys))[::-1]]
    keys = np.array([one.max() for one in ranks])
    trained = [int(index) for index in np.lexsort((rng.random(n), keys))]
    chosen = _connected_training(compositions, trained, modules, n - held_out, rng)
    return [*(index for index in trained if index not in chosen), *chosen]


def _connected_training(
    compositions: Sequence[Composition],
    order: Sequence[int],
    modules: int,
    trained: int,
    rng: np.random.Generator,
) -> list[int]:
    """The first of `order`, and for each module that these lack one composition that connects it to
    them; `trained` in all."""
    for first in range(trained, 0, -1):
        known = {module for index in order[:first] for module in compositions[index]}
        if first + modules - len(known) <= trained:
            break
    chosen, remaining = list(order[:first]), order[first:]
    for module in set(range(modules)) - known:
        joining = [
            index
            for index in remaining
            if len(compositions[index]) > 1 and set(compositions[index]) - known == {module}
        ]
        chosen.append(int(rng.choice(joining or remaining)))
    return chosen


def _balanced_order(
    compositions: Sequence[Composition], modules: int, held_out: int, rng: np.random.Generator
) -> list[int]:
    """Choose trained compositions one by one, always of the modules chosen least often so far."""
    table = masks(compositions, modules)
    sizes = table.sum(axis=1)
    counts = np.zeros(modules)
    remaining = np.ones(len(compositions), dtype=bool)
    chosen: list[int] = []
    for _ in range(len(compositions) - held_out):
        frequency = table @ counts / sizes + 1e-3 * rng.random(len(compositions))
        index = int(np.argmin(np.where(remaining, frequency, np.inf)))
        chosen.append(index)
        remaining[index] = False
        counts += table[index]
    return [*(int(index) for index in np.flatnonzero(remaining)), *chosen]


def _spanning(
    compositions: Sequence[Composition], modules: int, rng: np.random.Generator
) -> list[int]:
    """A few compositions that connect all modules: each has a connected one and adds new ones."""
    joined: set[int] = set()
    chosen: list[int] = []
    order = rng.permutation(len(compositions))
    while len(joined) < modules:
        gains = [
            len(set(compositions[i]) - joined) * bool(not joined or joined & set(compositions[i]))
            for i in order
        ]
        best = int(order[int(np.argmax(gains))])
        chosen.append(best)
        joined.update(compositions[best])
    return chosen


def _cut(
    compositions: Sequence[Composition], modules: int, order: Sequence[int], held_out: int
) -> Support:
    out = set(order[:held_out])
    return _divide(compositions, modules, [index in out for index in range(len(compositions))])


def _disconnected(
    compositions: Sequence[Composition], modules: int, held_out: int, rng: np.random.Generator
) -> Support:
    """A support without compositions that join the first modules to the others."""
    if modules < 2:
        raise AuditError("a disconnected support needs at least 2 modules; raise --modules")
    # For each size of the first group, which compositions have modules of both groups.
    crossings = [
        [min(c) < size <= max(c) for c in compositions] for size in range(1, modules // 2 + 1)
    ]
    # The groups most equal in size that do not hold out too much.
    fitting = [one for one in crossings if sum(one) <= held_out]
    crosses = fitting[-1] if fitting else crossings[0]
    within = np.flatnonzero(~np.array(crosses))
    for _ in range(MOST_DRAWS):
        also = set(rng.permutation(within)[: max(0, held_out - sum(crosses))].tolist())
        support = _divide(
            compositions, modules, [one or index in also for index, one in enumerate(crosses)]
        )
        if support.is_compositional and support.held_out:
            return support
    raise AuditError(
        f"no disconnected support found that trains every module and holds out {held_out} of "
        f"{len(compositions)} compositions; take another support, or raise --train-fraction"
    )


def _divide(
    compositions: Sequence[Composition], modules: int, is_held_out: Sequence[bool]
) -> Support:
    pairs = list(zip(compositions, is_held_out, strict=True))
    return Support(
        modules,
        tuple(c for c, out in pairs if not out),
        tuple(c for c, out in pairs if out),
    )
