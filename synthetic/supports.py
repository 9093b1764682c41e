"""Training supports: which compositions of modules are trained, and which are held out.

The kinds follow Redhardt, Akram and Schug (arXiv 2507.07207, section on task support); whether a
support is compositional and connected is decided by `prompts.support`, as for prompt splits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from prompts.support import is_compositional, is_connected
from t2i_audit.errors import AuditError

Composition = tuple[int, ...]
SupportKind = Literal[
    "random", "balanced", "disconnected", "non-compositional", "popular", "unpopular"
]
# Draws before a support is grown from a spanning set of compositions instead.
MOST_DRAWS = 200
# How much likelier, or less likely, a composition with a marked module is to be held out.
PREFERENCE = 10.0
# One module in so many is marked as popular or unpopular.
MARKED_SHARE = 4


@dataclass(frozen=True)
class Support:
    """A split of all compositions into trained and held-out ones."""

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
    """Split `compositions` into trained and held-out ones.

    ``random``, ``balanced`` (modules equally frequent), ``popular`` and ``unpopular`` (a quarter of
    the modules over- or under-represented) hold out `held_out_fraction` and are redrawn until the
    support is compositional and connected. ``disconnected`` holds out every composition that mixes
    the lower and the upper half of the modules, ``non-compositional`` every one with the last
    module, whatever the fraction.

    Raises:
        AuditError: the fraction leaves no compositional and connected support.
    """
    if kind == "disconnected":
        half = modules // 2
        return _split(compositions, modules, lambda c: min(c) < half <= max(c))
    if kind == "non-compositional":
        return _split(compositions, modules, lambda c: modules - 1 in c)
    held_out = round(held_out_fraction * len(compositions))
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
    """The most compositions that can be held out of a compositional and connected support.

    Each trained composition of `k` modules joins at most ``k - 1`` further ones to those before.
    """
    largest = max(map(len, compositions))
    if modules == 1:
        return len(compositions) - 1
    if largest == 1:
        return -1
    return len(compositions) - -(-(modules - 1) // (largest - 1))


def masks(compositions: Iterable[Composition], modules: int) -> np.ndarray:
    """Which modules each composition uses, ``(n, modules)``, float32 zeros and ones."""
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
            "no support of these compositions is connected and leaves one to hold out; let a task "
            "use more modules (--active)"
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
            f"fraction that does is {np.ceil(1000 / total) / 1000:g} "
            f"(--train-fraction {np.floor(1000 * (1 - 1 / total)) / 1000:g})"
        )


def _order(
    kind: SupportKind,
    compositions: Sequence[Composition],
    modules: int,
    held_out: int,
    rng: np.random.Generator,
) -> list[int]:
    """Indices of `compositions`, those to hold out first."""
    n = len(compositions)
    if kind == "balanced":
        return _balanced_order(compositions, modules, held_out, rng)
    weights = np.ones(n)
    if kind in ("popular", "unpopular"):
        marked = rng.choice(modules, size=max(1, modules // MARKED_SHARE), replace=False)
        has_marked = masks(compositions, modules)[:, marked].any(axis=1)
        weights[has_marked] = PREFERENCE if kind == "unpopular" else 1 / PREFERENCE
    # Smallest exponential first: sampling without replacement in proportion to the weights
    # (Efraimidis and Spirakis 2006).
    return [int(index) for index in np.argsort(rng.exponential(size=n) / weights)]


def _balanced_order(
    compositions: Sequence[Composition], modules: int, held_out: int, rng: np.random.Generator
) -> list[int]:
    """Choose trained compositions one by one, always of the modules chosen least so far."""
    table = masks(compositions, modules)
    sizes = table.sum(axis=1)
    counts = np.zeros(modules)
    left = np.ones(len(compositions), dtype=bool)
    chosen: list[int] = []
    for _ in range(len(compositions) - held_out):
        burden = table @ counts / sizes + 1e-3 * rng.random(len(compositions))
        index = int(np.argmin(np.where(left, burden, np.inf)))
        chosen.append(index)
        left[index] = False
        counts += table[index]
    return [*(int(index) for index in np.flatnonzero(left)), *chosen]


def _spanning(
    compositions: Sequence[Composition], modules: int, rng: np.random.Generator
) -> list[int]:
    """Few compositions that join all modules: each holds one known and only new ones besides."""
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
    return Support(
        modules,
        tuple(c for index, c in enumerate(compositions) if index not in out),
        tuple(c for index, c in enumerate(compositions) if index in out),
    )


def _split(
    compositions: Sequence[Composition], modules: int, is_held_out: Callable[[Composition], bool]
) -> Support:
    return Support(
        modules,
        tuple(c for c in compositions if not is_held_out(c)),
        tuple(c for c in compositions if is_held_out(c)),
    )
