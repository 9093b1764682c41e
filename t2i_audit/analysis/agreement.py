"""How a judge's verdicts agree with labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from t2i_audit.analysis.labelled import Item, two_phase
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.judge_card import Agreement
from t2i_audit.stats.beyond_chance import beyond_chance
from t2i_audit.stats.jackknife import Jackknife
from t2i_audit.stats.two_phase import TwoPhase, ratio

FloatArray = NDArray[np.float64]
Chance = Callable[[FloatArray, int], FloatArray]


def agreement(items: Sequence[Item]) -> Agreement:
    """Compare verdicts with labels; the labels are weighted to stand for all `items`.

    Returns:
        Undefined figures, with the reason, where labels are too few or of one class.
    """
    sample = two_phase(items)
    if isinstance(sample, str):
        none = undefined(sum(item.truth is not None for item in items))
        return Agreement(none, none, none, none, none, none, none, sample)
    accuracy = ratio(
        sample,
        lambda truth, verdict: 1 - np.abs(truth - verdict),
        lambda truth, verdict: np.ones_like(truth),
    )
    one_class = _one_class(sample)
    kappa = alpha = undefined(accuracy.n)
    if not one_class:
        kappa, alpha = (
            _beyond_chance(sample, chance, accuracy)
            for chance in (cohens_chance, krippendorffs_chance)
        )
    return Agreement(
        sensitivity=ratio(sample, lambda y, f: y * f, lambda y, f: y),
        specificity=ratio(sample, lambda y, f: (1 - y) * (1 - f), lambda y, f: 1 - y),
        right_when_accepted=ratio(sample, lambda y, f: y * f, lambda y, f: f),
        wrong_when_rejected=ratio(sample, lambda y, f: (1 - y) * (1 - f), lambda y, f: 1 - f),
        accuracy=accuracy,
        kappa=kappa,
        alpha=alpha,
        reason=one_class,
    )


def cohens_chance(tables: FloatArray, n: int) -> FloatArray:
    """The disagreement that chance gives, of tables ``(..., 4)``: right and accepted, right and
    rejected, wrong and accepted, wrong and rejected (Cohen 1960)."""
    share = tables / tables.sum(axis=-1, keepdims=True)
    right, accepted = share[..., 0] + share[..., 1], share[..., 0] + share[..., 2]
    return right * (1 - accepted) + (1 - right) * accepted


def krippendorffs_chance(tables: FloatArray, n: int) -> FloatArray:
    """The same over the pooled values of both, without replacement (Krippendorff 2011)."""
    share = tables / tables.sum(axis=-1, keepdims=True)
    right = share[..., 0] + (share[..., 1] + share[..., 2]) / 2
    return 2 * right * (1 - right) * 2 * n / (2 * n - 1)


def _beyond_chance(sample: TwoPhase, chance: Chance, accuracy: Interval) -> Interval:
    """1 - disagreement / the disagreement of chance, with an interval over clusters."""
    own = sample.labelled
    n = int(own.sum())
    truth, verdict = sample.truth[own].astype(int), sample.verdict[own].astype(int)
    _, cluster = np.unique(sample.cluster[own], return_inverse=True)
    by_cluster = np.zeros((int(cluster.max()) + 1, 4))
    np.add.at(by_cluster, (cluster, 3 - 2 * truth - verdict), sample.calibrated()[own])
    table = by_cluster.sum(axis=0)
    without = Jackknife(float(_agreed(table, chance, n)), _agreed(table - by_cluster, chance, n))
    disagreed = (by_cluster[:, 1] + by_cluster[:, 2]) / by_cluster.sum(axis=1)
    return beyond_chance(accuracy, float(chance(table, n)), without, disagreed)


def _agreed(tables: FloatArray, chance: Chance, n: int) -> FloatArray:
    disagreed = (tables[..., 1] + tables[..., 2]) / tables.sum(axis=-1)
    expected = chance(tables, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - disagreed / expected, np.nan)


def _one_class(sample: TwoPhase) -> str:
    """Why some figures are undefined; empty where none is."""
    truth = sample.truth[sample.labelled]
    names = ((1, "right"), (0, "wrong"))
    labels = [f"no label says {name}" for value, name in names if value not in truth]
    verdicts = [
        f"the judge calls nothing {name}" for value, name in names if value not in sample.verdict
    ]
    return "; ".join((*labels, *verdicts))
