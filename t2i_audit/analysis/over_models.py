"""Does success go with decodability over models?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from t2i_audit.analysis.over_points import correlate_points, difference_of_correlations
from t2i_audit.results.associations import Point, PointCorrelation, StationDifference
from t2i_audit.results.decoding import STATIONS, StationSummary
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.measures import Measure

# Three points lie near some line more often than not.
FEWEST = 4
# Of these, the first is what success is said to go with; the others stand beside it.
WEAKEST = "weakest slot"
ACCURACY = "accuracy"
# Measures whose names are not what they are called.
CALLED = {"r2": "R2"}
BASELINES = ("random weights", "layer 0", "words alone")
PROMPTS = ("prompt length", "word frequency")


@dataclass(frozen=True)
class ModelFigures:
    """One run's figures for the comparison of models."""

    name: str
    checkpoint: str
    """What the runs of one checkpoint share; they are one point."""
    success: Interval
    figures: Mapping[str, Mapping[str, Interval]]
    """By station and name."""


def station_figures(station: StationSummary, prompts: Mapping[str, float]) -> dict[str, Interval]:
    """All that success is correlated with at one station of one run.

    Args:
        station: its summary.
        prompts: what is known of the prompts as this model gets them, by name.
    """
    slots = station.slots.values()
    found = {
        WEAKEST: station.decodability,
        ACCURACY: mean_interval(slot.estimates.balanced_accuracy for slot in slots),
    }
    names = dict.fromkeys(name for slot in slots for name in slot.measures)

    def of(name: str, part: Callable[[Measure], Interval]) -> Interval:
        return mean_interval(part(slot.measures[name]) for slot in slots if name in slot.measures)

    for name in names:
        called = CALLED.get(name, name.replace("_", " "))
        found[called] = of(name, lambda measure: measure.own)
    found |= {
        "random weights": mean_interval(
            s.estimates.random_weights_balanced_accuracy for s in slots
        ),
        "layer 0": mean_interval(s.estimates.layer_0_balanced_accuracy for s in slots),
        "words alone": mean_interval(s.estimates.presence_balanced_accuracy for s in slots),
    }
    for name, value in prompts.items():
        found[name] = Interval(value, math.nan, math.nan, station.decodability.n)
    return found


def model_correlations(
    runs: Sequence[ModelFigures],
) -> tuple[tuple[PointCorrelation, ...], tuple[StationDifference, ...]]:
    """The correlation of success with each figure at each station, and between stations.

    Several runs of one checkpoint are one point, their mean.
    """
    models = _checkpoints(runs)
    stations = [name for name in STATIONS if any(name in model.figures for model in models)]
    found: list[PointCorrelation] = []
    for station in stations:
        names = dict.fromkeys(n for model in models for n in model.figures.get(station, {}))
        for name in names:
            points = [
                Point(
                    model.name, model.figures.get(station, {}).get(name, undefined()), model.success
                )
                for model in models
            ]
            found.append(
                correlate_points(points, station=station, figure=name, of="models", fewest=FEWEST)
            )
    differences = [
        each
        for name in (WEAKEST, ACCURACY)
        if len(stations) > 1
        for each in _difference(models, name, stations[1], stations[0])
    ]
    return tuple(found), tuple(differences)


def _difference(
    models: Sequence[ModelFigures], name: str, first: str, second: str
) -> Iterable[StationDifference]:
    own = [
        (m.figures[first][name].estimate, m.figures[second][name].estimate, m.success.estimate)
        for m in models
        if first in m.figures and second in m.figures
    ]
    own = [row for row in own if not any(map(math.isnan, row))]
    if len(own) < FEWEST:
        return
    found = difference_of_correlations(*zip(*own, strict=True))
    one, two = first.replace("_", " "), second.replace("_", " ")
    if not found.is_defined:
        return
    if found.lower > 0:
        text = f"goes with success more closely at the {one} than at the {two}"
    elif found.upper < 0:
        text = f"goes with success more closely at the {two} than at the {one}"
    else:
        text = f"is not shown to go with success more closely at the {one} or at the {two}"
    yield StationDifference(
        name,
        first,
        second,
        found,
        f"Over {found.n} models, decodability ({name}) {text} (difference of the correlations "
        f"{found}).",
    )


def _checkpoints(runs: Sequence[ModelFigures]) -> list[ModelFigures]:
    by_checkpoint: dict[str, list[ModelFigures]] = {}
    for run in runs:
        by_checkpoint.setdefault(run.checkpoint, []).append(run)
    merged = []
    for own in by_checkpoint.values():
        figures = {
            station: {
                name: mean_interval(
                    run.figures[station][name] for run in own if station in run.figures
                )
                for name in names
            }
            for station, names in own[0].figures.items()
        }
        merged.append(
            ModelFigures(
                own[0].name, own[0].checkpoint, mean_interval(run.success for run in own), figures
            )
        )
    return merged


def mean_interval(intervals: Iterable[Interval]) -> Interval:
    """The mean of estimates that may rest on the same prompts: their ends are averaged too."""
    known = [each for each in intervals if each.is_defined]
    if not known:
        return undefined()
    estimate, lower, upper = (
        float(np.mean([getattr(each, end) for each in known]))
        for end in ("estimate", "lower", "upper")
    )
    return Interval(estimate, lower, upper, max(each.n for each in known))
