"""Success rates: overall and by slot, prompt type and split, with intervals over compositions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.success import SuccessRates
from t2i_audit.stats.bootstrap import cluster_bootstrap_mean

FloatArray = NDArray[np.float64]


def success_rates(
    success: ArrayLike,
    clusters: ArrayLike,
    *,
    types: Sequence[str],
    splits: Sequence[str | None],
    slot_correct: Mapping[str, ArrayLike] | None = None,
    rng: np.random.Generator,
    resamples: int = 1000,
) -> SuccessRates:
    """Rates of success with cluster-bootstrap intervals.

    Args:
        success: 1 for a right image, 0 for a wrong one, NaN for one left out, `(n, seeds)`.
        clusters: the composition of each prompt, `(n,)`.
        types: prompt type of each prompt.
        splits: ``seen``, ``held_out`` or None for each prompt.
        slot_correct: for each slot whether it is right in each image, `(n, seeds)`, NaN where
            the prompt lacks it or the image was left out.
        rng: source of the resamples.
        resamples: bootstrap resamples of each interval.
    """
    outcomes = outcome_array(success)
    groups = np.asarray(clusters)
    _require_length("clusters", len(groups), len(outcomes))
    _require_length("types", len(types), len(outcomes))
    _require_length("splits", len(splits), len(outcomes))

    def rate_where(values: FloatArray, mask: NDArray[np.bool_] | None = None) -> Interval:
        rows = slice(None) if mask is None else mask
        return image_rate(values[rows], groups[rows], rng=rng, resamples=resamples)

    def rates_by(labels: Sequence[str | None]) -> dict[str, Interval]:
        column = np.array([label or "" for label in labels], dtype=str)
        names = sorted({label for label in labels if label})
        return {name: rate_where(outcomes, column == name) for name in names}

    slots = {name: outcome_array(values) for name, values in (slot_correct or {}).items()}
    for name, values in slots.items():
        _require_length(f"slot_correct[{name!r}]", len(values), len(outcomes))
    return SuccessRates(
        overall=rate_where(outcomes),
        by_slot={name: rate_where(values) for name, values in slots.items()},
        by_type=rates_by(types),
        by_split=rates_by(splits),
    )


def with_readings(
    rates: SuccessRates,
    success: ArrayLike,
    clusters: ArrayLike,
    read_whole: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = 1000,
) -> SuccessRates:
    """`rates` with the rates of prompts that a text encoder reads whole, and of the others.

    Args:
        rates: of the same `success`.
        success: as `success_rates` takes it, `(n, seeds)`.
        clusters: the composition of each prompt, `(n,)`.
        read_whole: bool, `(n,)`.
        rng: source of the resamples.
        resamples: bootstrap resamples of each interval.
    """
    outcomes, groups, whole = outcome_array(success), np.asarray(clusters), np.asarray(read_whole)
    if whole.all():
        return rates
    masks = {"read_whole": whole, "not_read_whole": ~whole}
    return replace(
        rates,
        by_reading={
            name: image_rate(outcomes[mask], groups[mask], rng=rng, resamples=resamples)
            for name, mask in masks.items()
        },
    )


def image_rate(
    outcomes: FloatArray,
    clusters: NDArray[np.generic],
    *,
    rng: np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """The mean of the judged images of `outcomes`, `(n, seeds)`; `n` counts those images."""
    judged = ~np.isnan(outcomes)
    owners = np.repeat(clusters, judged.sum(axis=1))
    return proportion(outcomes[judged], owners, rng=rng, resamples=resamples, level=level)


def proportion(
    values: FloatArray,
    clusters: NDArray[np.generic],
    *,
    rng: np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """The mean of zeros and ones, `(n,)`, with an interval that keeps its width at 0 and 1.

    A bootstrap of values that are all equal has no width, however few they are. There the open
    end is the exact binomial one (Clopper and Pearson 1934) with each cluster one trial, since
    images of one composition may all fail together.

    Returns:
        NaN throughout for no values.
    """
    if values.size == 0:
        return undefined()
    first = float(values[0])
    if np.any(values != first):
        return cluster_bootstrap_mean(values, clusters, rng=rng, resamples=resamples, level=level)
    reach = ((1 - level) / 2) ** (1 / len(np.unique(clusters)))
    if first == 0:
        return Interval(0.0, 0.0, 1 - reach, values.size)
    return Interval(1.0, reach, 1.0, values.size)


def outcome_array(success: ArrayLike) -> FloatArray:
    """`success` as floats, `(n, seeds)`, each 0, 1 or NaN; ValueError for anything else."""
    outcomes = np.asarray(success, dtype=np.float64)
    if outcomes.ndim != 2:
        raise ValueError(f"outcomes should have shape (n, seeds); got {outcomes.shape}")
    if not np.all(np.isnan(outcomes) | (outcomes == 0) | (outcomes == 1)):
        raise ValueError("outcomes should be 0, 1 or NaN for an image that was left out")
    return outcomes


def judged_counts(outcomes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Wrong and right images of each prompt, two `(n,)` arrays."""
    return (outcomes == 0).sum(axis=1).astype(float), (outcomes == 1).sum(axis=1).astype(float)


def _require_length(name: str, found: int, expected: int) -> None:
    if found != expected:
        raise ValueError(f"`{name}` should have one entry per prompt ({expected}); got {found}")
