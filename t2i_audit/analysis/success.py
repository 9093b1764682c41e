"""Success rates: overall and by slot, prompt type and split.

There are two ways to generalise, and an interval for each. Over compositions (`stats.shares`): to
other prompts about the suite's own pairs of values. Over pairs (`stats.pair_shares`): to pairs in
general, of which the suite's are a sample.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.success import PairRates, SuccessRates
from t2i_audit.stats.jackknife import pairs_of
from t2i_audit.stats.pair_shares import share_over_pairs
from t2i_audit.stats.shares import clustered_share, difference

FloatArray = NDArray[np.float64]


def success_rates(
    success: ArrayLike,
    clusters: ArrayLike,
    *,
    types: Sequence[str],
    splits: Sequence[str | None],
    slot_correct: Mapping[str, ArrayLike] | None = None,
    pairs: Sequence[Collection[Hashable]] | None = None,
) -> SuccessRates:
    """Rates of success with their intervals.

    Args:
        success: 1 for a right image, 0 for a wrong one, NaN for one left out, `(n, seeds)`.
        clusters: the composition of each prompt, `(n,)`.
        types: prompt type of each prompt.
        splits: ``seen``, ``held_out`` or None for each prompt.
        slot_correct: for each slot whether it is right in each image, `(n, seeds)`, NaN where
            the prompt lacks it or the image was left out.
        pairs: the pairs of values of each prompt (`Prompt.pairs`); without them nothing is said of
            pairs in general.
    """
    outcomes = outcome_array(success)
    groups = np.asarray(clusters)
    _require_length("clusters", len(groups), len(outcomes))
    _require_length("types", len(types), len(outcomes))
    _require_length("splits", len(splits), len(outcomes))

    def rates_by(labels: Sequence[str | None]) -> dict[str, Interval]:
        return {
            name: image_rate(outcomes[rows], groups[rows])
            for name, rows in _rows_by(labels).items()
        }

    slots = {name: outcome_array(values) for name, values in (slot_correct or {}).items()}
    for name, values in slots.items():
        _require_length(f"slot_correct[{name!r}]", len(values), len(outcomes))
    by_split = rates_by(splits)
    return SuccessRates(
        overall=image_rate(outcomes, groups),
        by_slot={name: image_rate(values, groups) for name, values in slots.items()},
        by_type=rates_by(types),
        by_split=by_split,
        gap=_gap(by_split),
        pairs=None if pairs is None else pair_rates(outcomes, groups, splits=splits, pairs=pairs),
    )


def pair_rates(
    success: ArrayLike,
    clusters: ArrayLike,
    *,
    splits: Sequence[str | None],
    pairs: Sequence[Collection[Hashable]],
) -> PairRates | None:
    """The rates for pairs in general; arguments as `success_rates` takes them.

    Returns:
        None where no image was judged, or a judged prompt has no pair.
    """
    outcomes, groups = outcome_array(success), np.asarray(clusters)
    _require_length("pairs", len(pairs), len(outcomes))
    wrong, right = judged_counts(outcomes)
    judged = wrong + right
    if not judged.any() or not all(
        own for own, images in zip(pairs, judged, strict=True) if images
    ):
        return None
    of_pair = pairs_of(pairs)

    def rate(rows: NDArray[np.bool_]) -> Interval:
        return share_over_pairs(right * rows, judged * rows, groups, of_pair).interval

    rows_by = _rows_by(splits)
    by_split = {name: rate(rows) for name, rows in rows_by.items()}
    used = [set(own) for own in pairs]
    every = set[Hashable]().union(*(own for own, n in zip(used, judged, strict=True) if n))
    seen = set[Hashable]().union(*(used[row] for row in np.flatnonzero(rows_by.get("seen", []))))
    return PairRates(
        pairs=len(every),
        held_out_pairs=len(every - seen) if "held_out" in rows_by else 0,
        overall=rate(np.ones(len(outcomes), dtype=bool)),
        by_split=by_split,
        gap=_gap(by_split),
    )


def with_readings(
    rates: SuccessRates, success: ArrayLike, clusters: ArrayLike, read_whole: ArrayLike
) -> SuccessRates:
    """`rates` with the rates of prompts that a text encoder reads whole, and of the others.

    Args:
        rates: of the same `success`.
        success: as `success_rates` takes it, `(n, seeds)`.
        clusters: the composition of each prompt, `(n,)`.
        read_whole: bool, `(n,)`.
    """
    outcomes, groups, whole = outcome_array(success), np.asarray(clusters), np.asarray(read_whole)
    if whole.all():
        return rates
    masks = {"read_whole": whole, "not_read_whole": ~whole}
    return replace(
        rates,
        by_reading={name: image_rate(outcomes[own], groups[own]) for name, own in masks.items()},
    )


def image_rate(
    outcomes: FloatArray, clusters: NDArray[np.generic], *, level: float = 0.95
) -> Interval:
    """The mean of the judged images of `outcomes`, `(n, seeds)`; `n` counts those images."""
    judged = ~np.isnan(outcomes)
    owners = np.repeat(clusters, judged.sum(axis=1))
    return clustered_share(outcomes[judged], owners, level=level)


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


def _rows_by(labels: Sequence[str | None]) -> dict[str, NDArray[np.bool_]]:
    """Which rows have each label, `(n,)`, in the order of the labels; None is no label."""
    column = np.array([label or "" for label in labels], dtype=str)
    return {name: column == name for name in sorted({label for label in labels if label})}


def _gap(by_split: Mapping[str, Interval]) -> Interval:
    seen, held_out = by_split.get("seen", undefined()), by_split.get("held_out", undefined())
    return difference(seen, held_out)


def _require_length(name: str, found: int, expected: int) -> None:
    if found != expected:
        raise ValueError(f"`{name}` should have one entry per prompt ({expected}); got {found}")
