"""Does success go with decodability over the values of slots, and over prompt types?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.analysis.over_points import correlate_points
from t2i_audit.results.associations import Point, PointCorrelation
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.proportions import share_interval

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

FEWEST = 5
ALL_SLOTS = "all slots"  # figures of values within their slot


def value_correlations(
    station: str,
    prompts: Sequence[Prompt],
    probability: Mapping[str, FloatArray],
    success: FloatArray,
    slot_correct: Mapping[str, FloatArray],
) -> tuple[PointCorrelation, ...]:
    """One correlation for each slot over its values, after one over the values of all slots.

    In that over all slots, values are compared within their slot only, and a value counts once
    however many slots it fills: the colour green is not two colours. Of each kind one degree of
    freedom goes to the mean.

    Args:
        station: where `probability` was read.
        prompts: the `n` prompts.
        probability: by slot, of the true value, ``(n,)``, NaN where it was not read.
        success: of images, ``(n, seeds)``, NaN where not judged.
        slot_correct: the same of each slot that the judge judges; a value of another slot counts as
            right where the whole image is.
    """
    found: list[PointCorrelation] = []
    points: list[Point] = []
    slots: list[str] = []
    distinct: dict[str, set[str]] = {}
    for slot in sorted(probability):
        parts = [prompt.constituent(slot) for prompt in prompts]
        values = sorted({part.value for part in parts if part is not None})
        outcome = slot_correct.get(slot, success)
        own = [
            _point(
                f"{slot}={value}",
                np.array([part is not None and part.value == value for part in parts]),
                probability[slot],
                outcome,
                prompts,
            )
            for value in values
        ]
        kind = next((part.kind for part in parts if part is not None), slot)
        distinct.setdefault(kind, set()).update(values)
        points += own
        slots += [slot] * len(own)
        found.append(
            correlate_points(
                own, station=station, figure=slot, of=f"values of {slot}", fewest=FEWEST
            )
        )
    independent = sum(len(values) - 1 for values in distinct.values()) + 1
    together = correlate_points(
        points,
        station=station,
        figure=ALL_SLOTS,
        of="values of slots",
        fewest=FEWEST,
        strata=slots,
        independent=independent,
    )
    return together, *found


def type_correlation(
    station: str, prompts: Sequence[Prompt], decodability: FloatArray, success: FloatArray
) -> PointCorrelation:
    """The correlation of success with the weakest slot's probability, ``(n,)``, over types."""
    types = np.array([prompt.type for prompt in prompts])
    points = [
        _point(str(name), types == name, decodability, success, prompts)
        for name in np.unique(types)
    ]
    return correlate_points(
        points, station=station, figure="weakest slot", of="prompt types", fewest=FEWEST
    )


def _point(
    name: str,
    rows: BoolArray,
    probability: FloatArray,
    outcome: FloatArray,
    prompts: Sequence[Prompt],
) -> Point:
    owners = np.array([prompt.composition for prompt in prompts])[rows]
    return Point(name, _mean(probability[rows][:, None], owners), _mean(outcome[rows], owners))


def _mean(values: FloatArray, owners: NDArray[np.str_]) -> Interval:
    """The mean of values from 0 to 1, ``(m, seeds)``, with its interval over compositions."""
    known = ~np.isnan(values)
    n = int(known.sum())
    if not n:
        return undefined()
    estimate = float(values[known].mean())
    _, owner = np.unique(owners, return_inverse=True)
    left = np.where(known, values - estimate, 0.0).sum(axis=1)
    sums = np.bincount(owner.reshape(-1), left)
    count = len(sums)
    variance = float(sums @ sums) / n**2 * count / max(count - 1, 1)
    return share_interval(estimate, variance, n=n, clusters=count)
