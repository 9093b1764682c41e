"""Success rates corrected for a judge's errors, with labels of the same run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from t2i_audit.analysis.labelled import Item, slots_of, two_phase, whole
from t2i_audit.results.corrected import Corrected, CorrectedRate
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.judge_card import Agreement
from t2i_audit.stats.proportions import share_interval
from t2i_audit.stats.shares import clustered_share
from t2i_audit.stats.two_phase import TwoPhase, clustered_variance, rate, unseen_variance


def corrected_rates(
    items: Sequence[Item], errors: Agreement, *, judge: str, labels: str, notes: Sequence[str] = ()
) -> Corrected:
    """Correct the success rates of a run by labels of its own images.

    Args:
        items: all that the judge decided, with the labels that there are.
        errors: the judge's on whole prompts, by these labels.
        judge: its name.
        labels: where they came from.
        notes: as in the result.
    """
    prompts = whole(items)
    return Corrected(
        judge=judge,
        labels=labels,
        method="two_phase",
        n_labels=sum(item.truth is not None for item in prompts),
        n_images=len(prompts),
        sensitivity=errors.sensitivity,
        specificity=errors.specificity,
        overall=corrected_rate(prompts),
        by_slot={slot: corrected_rate(own) for slot, own in slots_of(items).items()},
        by_type=_by([item.type for item in prompts], prompts),
        by_split=_by([item.split for item in prompts], prompts),
        notes=tuple(notes),
    )


def corrected_rate(items: Sequence[Item]) -> CorrectedRate:
    """The share of `items` that is truly right; undefined, with the reason, for too few labels."""
    sample = two_phase(items)
    judged = judged_rate(items)
    if isinstance(sample, str):
        none = undefined(sum(item.truth is not None for item in items))
        return CorrectedRate(none, none, judged, sample)
    said = np.array([item.probability for item in items])
    powered = prediction_powered(sample, sample.verdict if np.isnan(said).any() else said)
    return CorrectedRate(rate(sample), powered, judged)


def judged_rate(items: Sequence[Item]) -> Interval:
    """The share of `items` that the judge calls right, with an interval over prompts."""
    if not items:
        return undefined()
    verdict = np.array([float(item.verdict) for item in items])
    return clustered_share(verdict, [item.image[0] for item in items])


def prediction_powered(sample: TwoPhase, said: np.ndarray, *, level: float = 0.95) -> Interval:
    """The power-tuned mean of prediction-powered inference.

    Angelopoulos et al. 2023 (Science 382, p. 669), tuned as by Angelopoulos, Duchi and Zrnic 2023
    (arXiv:2311.01453). The labelled items are among the predicted ones here, so that the best
    factor is the covariance of truth and prediction over the variance of the prediction, and the
    method is the regression estimator of Cochran 1977, chapter 7. The labels count by the weights
    of their drawing alone.

    Args:
        sample: the items.
        said: ``(n,)`` what the judge predicts of each, from 0 to 1.
        level: coverage of the interval.

    Returns:
        The estimate cut to [0, 1]; `n` counts labels.
    """
    own = sample.labelled
    weight = sample.weight[own] / sample.weight[own].sum()
    truth, predicted = sample.truth[own], said[own]
    apart = predicted - weight @ predicted
    spread = float(weight @ apart**2)
    factor = float(weight @ (apart * truth)) / spread if spread > 0 else 0.0
    factor = min(max(factor, 0.0), 1.0)
    rectified = truth - factor * predicted
    mean = float(weight @ rectified)
    influence = factor * (said - said.mean()) / len(said)
    influence[own] += weight * (rectified - mean)
    estimate = min(max(mean + factor * float(said.mean()), 0.0), 1.0)
    variance = clustered_variance(influence, sample.cluster)
    variance += unseen_variance(sample, lambda y, f: y)
    clusters = len(np.unique(sample.cluster[own]))
    return share_interval(estimate, variance, n=int(own.sum()), clusters=clusters, level=level)


def _by(names: Sequence[str], items: Sequence[Item]) -> dict[str, CorrectedRate]:
    return {
        name: corrected_rate([item for item, own in zip(items, names, strict=True) if own == name])
        for name in sorted(set(names))
        if name
    }
