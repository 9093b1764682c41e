"""Does low decodability go with failure, over the prompts of one model?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prompts.structure import Prompt
from t2i_audit.analysis.adjusted import odds_ratio
from t2i_audit.analysis.ceiling import auroc_ceiling
from t2i_audit.analysis.pair_test import pair_test
from t2i_audit.analysis.permutation import permutation_p
from t2i_audit.analysis.ranks import auroc, levels_of, spearman
from t2i_audit.analysis.shared_content import SharedContent
from t2i_audit.analysis.success import judged_counts, outcome_array
from t2i_audit.analysis.support import named_values, support, values_of
from t2i_audit.analysis.verdicts import association_verdict
from t2i_audit.results.association import Association
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.success import Repeatability
from t2i_audit.stats.jackknife import (
    Groups,
    Scale,
    clusters_of,
    jackknife,
    jackknife_interval,
    smaller_side,
)
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
    prompts: Sequence[Prompt] | None = None,
    held_fixed: Mapping[str, ArrayLike] | None = None,
    rng: np.random.Generator,
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
        prompts: the `n` prompts; without them nothing is known of the pairs and values that they
            share, and the verdict rests on the permutation of compositions alone.
        held_fixed: by name what the odds ratio holds fixed beside the prompt type, `(n,)`.
        rng: source of permutations.
        permutations: permutations behind the p-value.

    Returns:
        NaN figures and the verdict ``undefined`` where failures or decodability do not vary.
    """
    data = _used(decodability, success, clusters, types=types, presence=presence)
    reason = _undefined_because(data, np.asarray(success).shape[0])
    if reason:
        return _undefined(data.n_images, f"Association is undefined: {reason}.")
    own = None if prompts is None else [prompts[row] for row in np.flatnonzero(data.rows).tolist()]
    content = None if own is None else SharedContent.of(own)
    figures = _Figures.of(data)
    failing = smaller_side(figures.groups, data.failures, data.successes)
    free = permutation_p(
        levels_of(data.values),
        data.failures,
        data.successes,
        data.groups,
        data.labels,
        rng=rng,
        permutations=permutations,
    )
    over_pairs = pair_test(data.values, data.failures, data.successes, data.labels, content)
    found = Association(
        auroc=figures.area,
        spearman=figures.rank_correlation,
        p_value=free,
        presence_auroc=figures.presence_area,
        gain_over_presence=figures.gain,
        n_images=data.n_images,
        verdict="undefined",
        sentence="",
        p_pairs=float("nan") if content is None else over_pairs.p_value,
        n_pairs=0 if content is None else content.n_pairs,
        n_values={} if own is None else {kind: len(v) for kind, v in values_of(own).items()},
        smallest_detectable=over_pairs.smallest_detectable,
        ceiling=auroc_ceiling(data.failures.sum() / data.n_images, repeatability.overall),
    )
    if own is not None and content is not None:
        others = {name: np.asarray(v)[data.rows] for name, v in (held_fixed or {}).items()}
        counts = data.failures, data.successes
        found = replace(
            found,
            p_within_values=_within_values(data, own, content),
            rests_on=support(data.values, *counts, own, rng=rng),
            odds_ratio=odds_ratio(data.values, *counts, data.labels, others, content),
        )
    verdict, sentence = association_verdict(
        found,
        repeatability=repeatability,
        n_types=len(np.unique(data.labels)),
        fewest_failing=failing,
    )
    # What a difference from one half rests on is not asked where none is shown.
    shown = verdict in ("predicts", "reversed")
    return replace(
        found, verdict=verdict, sentence=sentence, rests_on=found.rests_on if shown else None
    )


def _within_values(data: _Used, prompts: Sequence[Prompt], content: SharedContent) -> float:
    named = named_values(prompts)
    if named is None:
        return float("nan")
    counts = data.failures, data.successes
    return pair_test(data.values, *counts, data.labels, content, values=named).p_value


@dataclass(frozen=True, eq=False)
class _Figures:
    """The estimates of the prompts used."""

    area: Interval
    rank_correlation: Interval
    presence_area: Interval
    gain: Interval
    groups: Groups
    """Compositions."""

    @classmethod
    def of(cls, data: _Used) -> _Figures:
        groups = clusters_of(data.groups)
        levels = levels_of(data.values)
        rates = levels_of(data.failures / (data.failures + data.successes))
        smaller = smaller_side(groups, data.failures, data.successes)

        def area(of: IntArray, index: IntArray) -> float:
            return auroc(of[index], data.failures[index], data.successes[index])

        def interval(statistic: _Statistic, scale: Scale) -> Interval:
            jack = jackknife(statistic, groups)
            return jackknife_interval(
                jack.estimate, jack.variance, scale=scale, n=len(levels), smaller=smaller
            )

        presence_area = gain = undefined()
        if not np.isnan(data.presence).any():
            base = levels_of(data.presence)
            presence_area = interval(lambda index: area(base, index), "share")
            gain = interval(lambda index: area(levels, index) - area(base, index), "difference")
        return cls(
            interval(lambda index: area(levels, index), "share"),
            interval(lambda index: spearman(levels[index], rates[index]), "correlation"),
            presence_area,
            gain,
            groups,
        )


@dataclass(frozen=True, eq=False)
class _Used:
    """The prompts that have both a judged image and a decodability; arrays `(m,)`."""

    rows: NDArray[np.bool_]
    """Which of all prompts these are, `(n,)`."""
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
        used,
        values[used],
        baseline[used],
        failures[used],
        successes[used],
        groups[used],
        labels[used],
    )


def _undefined(n_images: int, sentence: str) -> Association:
    nothing = undefined()
    return Association(
        nothing, nothing, float("nan"), nothing, nothing, n_images, "undefined", sentence
    )


def _undefined_because(data: _Used, n: int) -> str:
    if not data.values.size:
        return "no prompt has both a judged image and a decodability"
    m = len(data.values)
    # Others may have failed, whose words were not found in what the text encoder reads.
    which = "" if m == n else f" of the {m} of {n} prompts that have a decodability"
    if not data.failures.any():
        return f"no image{which} is wrong"
    if not data.successes.any():
        return f"every image{which} is wrong"
    if np.ptp(data.values) == 0:
        return "decodability is the same for every prompt"
    return ""
