"""Does low decodability go with failure, over the prompts of one model?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.analysis.ranks import auroc, levels_of, spearman
from t2i_audit.analysis.repeatability import Repeatability
from t2i_audit.analysis.success import judged_counts, outcome_array
from t2i_audit.analysis.verdicts import AssociationVerdict, association_verdict
from t2i_audit.stats.bootstrap import cluster_bootstrap, cluster_bootstrap_mean
from t2i_audit.stats.interval import Interval, undefined

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
_Statistic = Callable[[IntArray], float]


@dataclass(frozen=True)
class Association:
    """How the decodability of prompts at one station goes with their failures.

    Every interval is a bootstrap over compositions, and its `n` counts prompts.
    """

    auroc: Interval
    """Chance that a failed image's prompt is less decodable than a right image's, ties one half;
    above 0.5, low decodability goes with failure."""
    spearman: Interval
    """Rank correlation of decodability with the failure rate over seeds; below 0 where low
    decodability goes with failure."""
    p_value: float
    """Two-sided, for `auroc`, from permuting decodability over compositions within types."""
    presence_auroc: Interval
    """The same figure for what a bag of words guesses; NaN where that was not given."""
    gain_over_presence: Interval
    """`auroc` less `presence_auroc`, on the same resamples."""
    n_images: int
    """Judged images that the figures rest on."""
    verdict: AssociationVerdict
    sentence: str
    """The verdict in words, with the figures it rests on."""


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


def mean_decodability(
    decodability: ArrayLike,
    clusters: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = 1000,
) -> Interval:
    """The mean over prompts of `decodability`, `(n,)`: a station's one figure for a model."""
    return cluster_bootstrap_mean(decodability, clusters, rng=rng, resamples=resamples)


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
        repeatability: of the same `success`: the ceiling that the verdict is read against.
        presence: the same as `decodability` for the presence-only probe, `(n,)`.
        rng: source of resamples and permutations.
        resamples: bootstrap resamples of each interval.
        permutations: permutations behind the p-value.

    Returns:
        NaN figures and the verdict ``undefined`` where failures or decodability do not vary.
    """
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
    values, baseline, groups, labels = values[used], baseline[used], groups[used], labels[used]
    failures, successes = failures[used], successes[used]
    n_images = int(failures.sum() + successes.sum())
    reason = _undefined_because(values, failures, successes)
    if reason:
        return Association(
            undefined(),
            undefined(),
            float("nan"),
            undefined(),
            undefined(),
            n_images,
            "undefined",
            f"Association is undefined: {reason}.",
        )

    levels = levels_of(values)
    rates = levels_of(failures / (failures + successes))

    def area(of: IntArray, index: IntArray) -> float:
        return auroc(of[index], failures[index], successes[index])

    def interval(statistic: _Statistic) -> Interval:
        return cluster_bootstrap(statistic, groups, rng=rng, resamples=resamples)

    observed = interval(lambda index: area(levels, index))
    correlation = interval(lambda index: spearman(levels[index], rates[index]))
    p_value = _permutation_p(
        levels, failures, successes, groups, labels, rng=rng, permutations=permutations
    )
    presence_auroc = gain = undefined()
    if not np.isnan(baseline).any():
        base = levels_of(baseline)
        presence_auroc = interval(lambda index: area(base, index))
        gain = interval(lambda index: area(levels, index) - area(base, index))
    verdict, sentence = association_verdict(
        observed, p_value=p_value, gain_over_presence=gain, repeatability=repeatability
    )
    return Association(
        observed, correlation, p_value, presence_auroc, gain, n_images, verdict, sentence
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
    because prompts of one composition share both their decodability and their failures.
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
