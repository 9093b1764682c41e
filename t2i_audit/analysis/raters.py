"""How the raters of images agree with each other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from t2i_audit.labels.label import Label
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.judge_card import RaterAgreement
from t2i_audit.stats.beyond_chance import beyond_chance
from t2i_audit.stats.jackknife import clusters_of, jackknife
from t2i_audit.stats.proportions import share_interval
from t2i_audit.stats.two_phase import clustered_variance

IntArray = NDArray[np.int64]
WHOLE = "overall"


def rater_agreements(
    labels: Iterable[Label],
    *,
    kind_of: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, RaterAgreement]:
    """Agreement on whole prompts (`WHOLE`) and on each kind of slot.

    Args:
        labels: of several raters.
        kind_of: by prompt id, the kind of each slot; None takes the last part of a slot's name.

    Returns:
        What at least two raters have rated; empty for one rater.
    """
    votes: dict[str, dict[tuple[str, int, str], list[bool]]] = {}
    for label in labels:
        said = [(WHOLE, "", label.correct)]
        kinds = None if kind_of is None else kind_of.get(label.prompt_id, {})
        for slot, right in label.slots.items():
            kind = slot.rpartition(".")[2] if kinds is None else kinds.get(slot)
            if kind is not None:
                said.append((kind, slot, right))
        for kind, slot, right in said:
            if right is not None:
                unit = label.prompt_id, label.seed, slot
                votes.setdefault(kind, {}).setdefault(unit, []).append(right)
    rated = {
        kind: {unit: own for unit, own in units.items() if len(own) > 1}
        for kind, units in votes.items()
    }
    return {
        kind: _agreement(units)
        for kind, units in sorted(rated.items(), key=lambda each: (each[0] != WHOLE, each[0]))
        if units
    }


def _agreement(units: Mapping[tuple[str, int, str], Sequence[bool]]) -> RaterAgreement:
    counts = np.array([[own.count(False), own.count(True)] for own in map(list, units.values())])
    prompts = np.array([prompt for prompt, _, _ in units])
    usual = Counter(counts.sum(axis=1).tolist()).most_common(1)[0][0]
    even = counts.sum(axis=1) == usual
    pairs = (counts, prompts, krippendorffs_alpha), (counts[even], prompts[even], fleiss_kappa)
    alpha, kappa = (_interval(*each) for each in pairs)
    reason = "" if alpha.is_defined else "all ratings are the same"
    return RaterAgreement(alpha, kappa, usual, reason)


def krippendorffs_alpha(counts: IntArray) -> float:
    """Krippendorff's alpha, nominal, of ``(n, 2)`` counts; NaN if all are one."""
    import krippendorff

    if (counts.sum(axis=0) == 0).any():
        return math.nan
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))


def fleiss_kappa(counts: IntArray) -> float:
    """Fleiss' kappa of ``(n, 2)`` counts; NaN if all are one."""
    from statsmodels.stats.inter_rater import fleiss_kappa as kappa

    return math.nan if (counts.sum(axis=0) == 0).any() else float(kappa(counts))


def _interval(
    counts: IntArray, prompts: NDArray[np.str_], statistic: Callable[[IntArray], float]
) -> Interval:
    """The statistic of ``(n, 2)`` counts with an interval over prompts."""
    estimate = statistic(counts)
    n = len(counts)
    if math.isnan(estimate):
        return undefined(n)
    groups = clusters_of(prompts)
    raters = counts.sum(axis=1)
    divided = 2 * counts[:, 0] * counts[:, 1] / (raters * (raters - 1))
    _, owner = np.unique(prompts, return_inverse=True)
    share = 1 - float(divided.mean())
    variance = clustered_variance((divided - divided.mean()) / n, owner)
    agreed = share_interval(share, variance, n=n, clusters=len(groups.members))
    right = counts[:, 1].sum() / counts.sum()
    return beyond_chance(
        agreed,
        2 * right * (1 - right) if share == 1 else (1 - share) / (1 - estimate),
        jackknife(lambda rows: statistic(counts[rows]), groups),
        np.bincount(owner, divided) / np.bincount(owner),
    )
