"""On which values an association rests: with few of them, chance alone may have matched them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.analysis.ranks import auroc, levels_of
from t2i_audit.results.association import Support
from t2i_audit.stats.jackknife import clusters_of, jackknife, jackknife_interval, smaller_side

if TYPE_CHECKING:
    from numpy.random import Generator

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# An association rests on some values if without them it is less than half as strong, and if they
# are at most a third of their kind's: without more of them too few prompts are left to tell. Only
# values that fail more often than the others count: without the ones that do not, nearly all
# prompts that are left would fail, and any association would look weak.
LEFT = 0.5
MOST = 3
# Prompts for each value of a slot, below which values are not held fixed.
FEWEST_A_VALUE = 3
EXCHANGES = 2000  # of values; all of them where there are no more


def values_of(prompts: Sequence[Prompt]) -> dict[str, tuple[str, ...]]:
    """By kind of constituent, the values that the prompts name."""
    found: dict[str, set[str]] = {}
    for part in chain.from_iterable(prompt.constituents for prompt in prompts):
        found.setdefault(part.kind, set()).add(part.value)
    return {kind: tuple(sorted(found[kind])) for kind in sorted(found)}


def named_values(prompts: Sequence[Prompt]) -> FloatArray | None:
    """``(n, k)`` 1 where a prompt names a value in a slot; None where `k` leaves too little of `n`
    to compare prompts that name the same values."""
    found = sorted({(part.slot, part.value) for each in prompts for part in each.constituents})
    if len(found) * FEWEST_A_VALUE > len(prompts):
        return None
    number = {item: column for column, item in enumerate(found)}
    table = np.zeros((len(prompts), len(found)))
    for row, prompt in enumerate(prompts):
        for part in prompt.constituents:
            table[row, number[part.slot, part.value]] = 1
    return table


def support(
    decodability: FloatArray,
    failures: FloatArray,
    successes: FloatArray,
    prompts: Sequence[Prompt],
    *,
    rng: Generator,
) -> Support | None:
    """The fewest values of one kind without which the association is less than half as strong.

    Values are taken away one by one, the one first without whose prompts the AUROC is nearest to
    one half.

    Args:
        decodability, failures, successes: of `n` prompts, ``(n,)``.
        prompts: the same `n`.
        rng: draws the exchanges of values where there are many.

    Returns:
        None where no third of the values of any kind is shown to carry the association.
    """
    levels = levels_of(decodability)

    def strength(rows: BoolArray) -> float:
        area = auroc(levels[rows], failures[rows], successes[rows])
        return math.inf if math.isnan(area) else abs(area - 0.5)

    def rate(rows: BoolArray) -> float:
        return float(failures[rows].sum() / (failures[rows].sum() + successes[rows].sum()))

    everyone = np.ones(len(levels), dtype=bool)
    whole, whole_area = strength(everyone), auroc(levels, failures, successes)
    best: tuple[str, tuple[str, ...], BoolArray, int] | None = None
    for kind, values in values_of(prompts).items():
        names = {value: _naming(prompts, kind, value) for value in values}
        failing = [value for value in values if rate(names[value]) > rate(everyone)]
        left, taken = everyone, list[str]()
        most = min(len(values) // MOST, len(failing))
        while len(taken) < most and not strength(left) < LEFT * whole:
            others = [value for value in failing if value not in taken]
            after = {value: strength(left & ~names[value]) for value in others}
            value = min(others, key=lambda each: after[each])
            left = left & ~names[value]
            taken.append(value)
        fewer = best is None or len(taken) < len(best[1])
        if taken and fewer and strength(left) < LEFT * whole:
            best = kind, tuple(taken), left, len(values)
    if best is None:
        return None
    kind, found, left, of = best
    groups = clusters_of(
        [prompt.composition for prompt, own in zip(prompts, left, strict=True) if own]
    )
    kept = levels[left], failures[left], successes[left]
    jack = jackknife(lambda index: auroc(kept[0][index], kept[1][index], kept[2][index]), groups)
    smaller = smaller_side(groups, kept[1], kept[2])
    without = jackknife_interval(
        jack.estimate, jack.variance, scale="share", n=int(left.sum()), smaller=smaller
    )
    # Half of a weak association may be gone by chance: what is left must be shown to be less.
    bound = without.upper if whole_area > 0.5 else 1 - without.lower
    if not bound < 0.5 + whole:
        return None
    named = np.stack([_naming(prompts, kind, v) for v in values_of(prompts)[kind]])
    p_value = _exchange_p(levels, failures, successes, named, rng=rng)
    return Support(kind, found, of, without, p_value)


def _naming(prompts: Sequence[Prompt], kind: str, value: str) -> BoolArray:
    return np.array(
        [any((p.kind, p.value) == (kind, value) for p in each.constituents) for each in prompts]
    )


def _exchange_p(
    levels: NDArray[np.intp],
    failures: FloatArray,
    successes: FloatArray,
    named: BoolArray,
    *,
    rng: Generator,
) -> float:
    """Two-sided p-value of the agreement of decodability and failure over values ``(k, n)``."""
    from scipy import stats

    ranks = stats.rankdata(levels)
    rates = failures / (failures + successes)
    counts = named.sum(axis=1)
    decoded = named @ (ranks - ranks.mean()) / counts
    failed = named @ (rates - rates.mean()) / counts

    def agreement(x: FloatArray, y: FloatArray, axis: int) -> FloatArray:
        return np.sum(x * y, axis=axis)

    found = stats.permutation_test(
        (decoded - decoded.mean(), failed - failed.mean()),
        agreement,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=EXCHANGES,
        alternative="two-sided",
        rng=rng,
    )
    return float(found.pvalue)
