"""The permutation test of an AUROC over the compositions of a suite."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from t2i_audit.analysis.ranks import auroc

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def permutation_p(
    levels: IntArray,
    failures: FloatArray,
    successes: FloatArray,
    groups: NDArray[np.generic],
    labels: NDArray[np.str_],
    *,
    rng: np.random.Generator,
    permutations: int,
) -> float:
    """Two-sided p-value of the AUROC under exchange of compositions within prompt types.

    Differences between types stay as they are in every permutation, so the null distribution
    need not centre on 0.5, and the smaller of its two tails is doubled. Compositions move whole,
    because prompts of one composition share both their decodability and their failures. Prompts
    that share a pair of values but not the composition are taken as independent; `pair_test` does
    not do that.

    Args:
        levels: `levels_of` the decodability of `n` prompts, ``(n,)``.
        failures, successes: images of each, ``(n,)``.
        groups: compositions, ``(n,)``.
        labels: prompt types, ``(n,)``.
        rng: source of the permutations.
        permutations: how many.
    """
    strata = _exchangeable(groups, labels)
    observed = auroc(levels, failures, successes)
    null = np.empty(permutations)
    order = np.arange(levels.size)
    for trial in range(permutations):
        for members in strata:
            order[members] = members[rng.permutation(len(members))]
        null[trial] = auroc(levels[order], failures, successes)
    # Counts are whole or half numbers, hence exact; the slack is for the final division.
    above = 1 + int((null >= observed - 1e-12).sum())
    below = 1 + int((null <= observed + 1e-12).sum())
    return min(1.0, 2 * min(above, below) / (permutations + 1))


def _exchangeable(groups: NDArray[np.generic], labels: NDArray[np.str_]) -> list[IntArray]:
    """Index arrays `(compositions, prompts in each)`: rows of one array may change places.

    Only compositions with the same number of prompts of each type may, else the permutation
    would cross types or tear a composition apart.
    """
    strata: dict[tuple[str, ...], list[IntArray]] = {}
    by_group = np.lexsort((labels, groups))
    starts = np.flatnonzero(groups[by_group][1:] != groups[by_group][:-1]) + 1
    for members in np.split(by_group, starts):
        strata.setdefault(tuple(labels[members].tolist()), []).append(members)
    return [np.stack(rows) for rows in strata.values() if len(rows) > 1]
