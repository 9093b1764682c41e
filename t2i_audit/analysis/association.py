"""Does low decodability go with failure, over the prompts of one model?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.analysis.ranks import auroc, levels_of, spearman
from t2i_audit.analysis.success import judged_counts, outcome_array
from t2i_audit.analysis.verdicts import association_verdict
from t2i_audit.results.association import Association
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.success import Repeatability
from t2i_audit.stats.bootstrap import cluster_bootstrap
from t2i_audit.stats.shares import clustered_mean

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
_Statistic = Callable[[IntArray], float]


def weakest_slot(probability: Mapping[str, ArrayLike]) -> FloatArray:
    """A prompt's decodability: the least probability of the true value over its slots, `(n,)`.

    Args:
        probability: for each slot the out-of-fold probability of the true value, `(n,)`, NaN
            where the prompt lacks the slot or it was masked.

    Returns:
        NaN for a prompt none of whose slots was read.
    """
    if not probability:
        raise ValueError("`probability` should hold at least one slot; got none")
    table = np.stack([np.asarray(values, dtype=np.float64) for values in probability.values()])
    least = np.where(np.isnan(table), np.inf, table).min(axis=0)
    return np.where(np.isinf(least), np.nan, least)


def mean_decodability(decodability: ArrayLike, clusters: ArrayLike) -> Interval:
    """The mean over prompts of `decodability`, `(n,)`: a station's one figure for a model."""
    return clustered_mean(decodability, clusters)


def associate(
    decodability: ArrayLike,
    success: ArrayLike,
    clusters: ArrayLike,
    *,
    types: Sequence[str],
    repeatability: Repeatability,
    presence: ArrayLike | None = None,
    rng: np.random.Generator,
    resamples: int = 1000,
    permutations: int = 1000,
) -> Association:
    """Relate the decodability of prompts to their failures.

    Args:
        decodability: `weakest_slot` at one station, `(n,)`; NaN where nothing was read.
        success: 1 for a right image, 0 for a wrong one, NaN for one left out, `(n, seeds)`.
        clusters: the composition of each prompt, `(n,)`.
        types: prompt type of each prompt; permutations stay within it.
        repeatability: of the same `success`; no predictor can do better than it allows.
        presence: the same as `decodability` for the words-alone baseline, `(n,)`.
        rng: source of resamples and permutations.
        resamples: bootstrap resamples of each interval.
        permutations: permutations behind the p-value.

    Returns:
        NaN figures and the verdict ``undefined`` where failures or decodability do not vary.
    """
    data = _used(decodability, success, clusters, types=types, presence=presence)
    reason = _undefined_because(data.values, data.failures, data.successes)
    if reason:
        return _undefined(data.n_images, f"Association is undefined: {reason}.")

    levels = levels_of(data.values)
    rates = levels_of(data.failures / (data.failures + data.successes))

    def area(of: IntArray, index: IntArray) -> float:
        return auroc(of[index], data.failures[index], data.successes[index])

    def interval(statistic: _Statistic) -> Interval:
        return cluster_bootstrap(statistic, data.groups, rng=rng, resamples=resamples)

    observed = interval(lambda index: area(levels, index))
    correlation = interval(lambda index: spearman(levels[index], rates[index]))
    p_value = _permutation_p(levels, data, rng=rng, permutations=permutations)
    presence_auroc = gain = undefined()
    if not np.isnan(data.presence).any():
        base = levels_of(data.presence)
        presence_auroc = interval(lambda index: area(base, index))
        gain = interval(lambda index: area(levels, index) - area(base, index))
    verdict, sentence = association_verdict(
        observed, p_value=p_value, gain_over_presence=gain, repeatability=repeatability
    )
    return Association(
        observed, correlation, p_value, presence_auroc, gain, data.n_images, verdict, sentence
    )


@dataclass(frozen=True, eq=False)
class _Used:
    """The prompts that have both a judged image and a decodability; all arrays `(m,)`."""

    values: FloatArray
    """Decodability."""
    presence: FloatArray
    """The same for the words-alone baseline; NaN where that was not given."""
    failures: FloatArray
    """Wrong images."""
    successes: FloatArray
    groups: NDArray[np.generic]
    """Compositions."""
    labels: NDArray[np.str_]
    """Prompt types."""

    @property
    def n_images(self) -> int:
        """Judged images."""
        return int(self.failures.sum() + self.successes.sum())


def _used(
    decodability: ArrayLike,
    success: ArrayLike,
    clusters: ArrayLike,
    *,
    types: Sequence[str],
    presence: ArrayLike | None,
) -> _Used:
    values = np.asarray(decodability, dtype=np.float64)
    failures, successes = judged_counts(outcome_array(success))
    baseline = np.full(values.shape, np.nan) if presence is None else np.asarray(presence, float)
    groups, labels = np.asarray(clusters), np.asarray(types, dtype=str)
    if not len(values) == len(failures) == len(groups) == len(labels) == len(baseline):
        raise ValueError(
            "`decodability`, `success`, `clusters`, `types` and `presence` should agree on the "
            f"number of prompts; got {len(values)}, {len(failures)}, {len(groups)}, "
            f"{len(labels)} and {len(baseline)}"
        )
    used = ~np.isnan(values) & (failures + successes > 0)
    return _Used(
        values[used], baseline[used], failures[used], successes[used], groups[used], labels[used]
    )


def _undefined(n_images: int, sentence: str) -> Association:
    nothing = undefined()
    return Association(
        nothing, nothing, float("nan"), nothing, nothing, n_images, "undefined", sentence
    )


def _undefined_because(values: FloatArray, failures: FloatArray, successes: FloatArray) -> str:
    if not values.size:
        return "no prompt has both a judged image and a decodability"
    if not failures.any():
        return "no image is wrong"
    if not successes.any():
        return "every image is wrong"
    if np.ptp(values) == 0:
        return "decodability is the same for every prompt"
    return ""


def _permutation_p(
    levels: IntArray, data: _Used, *, rng: np.random.Generator, permutations: int
) -> float:
    """Two-sided p-value of the AUROC under exchange of compositions within prompt types.

    Differences between types stay as they are in every permutation, so the null distribution
    need not centre on 0.5, and the smaller of its two tails is doubled. Compositions move whole,
    because prompts of one composition share both their decodability and their failures.
    """
    strata = _exchangeable(data.groups, data.labels)
    observed = auroc(levels, data.failures, data.successes)
    null = np.empty(permutations)
    order = np.arange(levels.size)
    for trial in range(permutations):
        for members in strata:
            order[members] = members[rng.permutation(len(members))]
        null[trial] = auroc(levels[order], data.failures, data.successes)
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
