"""What success goes with over the generators of the study.

Snapshots of one training are not independent, so for every interval all of them count as one point
for each training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from scripts.scaling.rows import Row
from t2i_audit.analysis.over_models import ACCURACY, FEWEST, mean_interval
from t2i_audit.analysis.over_points import correlate_points, standard_error
from t2i_audit.results.associations import Point, PointCorrelation
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.stats.correlations import spearman_interval
from t2i_audit.stats.errors_in_variables import true_correlation

Outcome = Literal["held out", "seen"]
OUTCOMES: tuple[Outcome, ...] = ("held out", "seen")
USE = "use"
USE_PLACE = "what the denoiser is given"
MEAN_SLOT = "mean of slots"


@dataclass(frozen=True)
class Correlation:
    """The correlation of success with one figure over generators."""

    outcome: Outcome
    pearson: PointCorrelation
    """With its points; its interval counts trainings."""
    spearman: Interval
    exact: Interval
    """Pearson's, of what both figures would be without the points' errors; NaN where the figure has
    no error that is known."""
    trainings: int

    @property
    def place(self) -> str:
        """Where the figure was read."""
        return self.pearson.station

    @property
    def figure(self) -> str:
        """What it is."""
        return self.pearson.figure


Figure = Callable[[Row], Interval]


def correlations(rows: Sequence[Row]) -> tuple[Correlation, ...]:
    """Of success on both kinds of compositions with every figure, place by place."""
    named = dict(_figures(rows))
    return tuple(
        correlate(rows, outcome, place, name, figure)
        for (place, name), figure in named.items()
        for outcome in OUTCOMES
    )


def slot_correlations(rows: Sequence[Row]) -> tuple[Correlation, ...]:
    """Of each slot's success on held-out compositions with its own use, and with how well it is
    decoded at each place of the denoiser."""
    slots = sorted({slot for row in rows for slot in row.held_out.by_slot})
    places = [name for name in _names(rows, "places") if " step " in name]
    found = []
    for slot in slots:

        def success(row: Row, slot: str = slot) -> Interval:
            return row.held_out.by_slot.get(slot, undefined())

        def use(row: Row, slot: str = slot) -> Interval:
            return row.use.get(slot, {}).get(USE, undefined())

        found.append(correlate(rows, "held out", USE_PLACE, slot, use, success=success))
        for place in places:
            figure = _at("places", place, slot)
            found.append(correlate(rows, "held out", place, slot, figure, success=success))
    return tuple(found)


def correlate(
    rows: Sequence[Row],
    outcome: Outcome,
    place: str,
    name: str,
    figure: Figure,
    *,
    success: Figure | None = None,
) -> Correlation:
    """Of success with `figure` over the rows that have both.

    Args:
        rows: the generators.
        outcome: on which compositions.
        place: where `figure` was read.
        name: what it is called.
        figure: its value for a row.
        success: a row's success; by default that of whole prompts on the compositions of `outcome`.
    """
    of = success or (
        lambda row: row.held_out.overall if outcome == "held out" else row.seen.overall
    )
    used = [row for row in rows if figure(row).is_defined and of(row).is_defined]
    trainings = len({row.trained.training for row in used})
    points = [Point(row.name, figure(row), of(row)) for row in used]
    pearson = correlate_points(
        points,
        station=place,
        figure=name,
        of="generators",
        fewest=FEWEST,
        independent=trainings,
    )
    if not pearson.correlation.is_defined:
        return Correlation(outcome, pearson, undefined(len(used)), undefined(len(used)), trainings)
    x = [point.decodability for point in points]
    y = [point.success for point in points]
    values = [[each.estimate for each in side] for side in (x, y)]
    errors = [[standard_error(each) for each in side] for side in (x, y)]
    return Correlation(
        outcome,
        pearson,
        spearman_interval(*values, independent=trainings),
        true_correlation(*values, *errors, independent=trainings),
        trainings,
    )


def last_of_each_training(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The row of each training with most steps; these are independent."""
    last: dict[str, Row] = {}
    for row in sorted(rows, key=lambda each: each.trained.step):
        last[row.trained.training] = row
    return tuple(last.values())


def mean_use(row: Row) -> Interval:
    """The mean use of a row's slots."""
    return mean_interval(slot[USE] for slot in row.use.values())


def _figures(rows: Sequence[Row]) -> Iterator[tuple[tuple[str, str], Figure]]:
    yield (USE_PLACE, f"{USE}, {MEAN_SLOT}"), mean_use
    for place in _names(rows, "places"):
        for name in (ACCURACY, "random weights"):
            yield (place, name), _at("places", place, name)
    for station in _names(rows, "stations"):
        called = f"{station.replace('_', ' ')}, best places"
        for name in dict.fromkeys(n for row in rows for n in row.stations.get(station, {})):
            yield (called, name), _at("stations", station, name)


def _names(rows: Sequence[Row], part: str) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in getattr(row, part)))


def _at(part: str, place: str, name: str) -> Figure:
    return lambda row: getattr(row, part).get(place, {}).get(name, undefined())
