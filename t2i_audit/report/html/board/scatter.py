"""Runs as points, with intervals both ways."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from t2i_audit.report.html.dots import TICKS
from t2i_audit.report.html.intervals import specification
from t2i_audit.report.html.tooltips import text_fields, text_tooltip
from t2i_audit.results.interval import Interval

HEIGHT = 320  # pixels
MARGIN = 0.05  # of the range of the values, on either side of it
MOST_NAMED = 12  # points; the names of more would cover each other
# Shares of the range within which the names of two points would cover each other on a phone.
NEAR_X, NEAR_Y = 0.5, 0.07
WIDE_RANGE = 20  # times the least value, from which an axis is logarithmic


@dataclass(frozen=True)
class Point:
    """One run."""

    name: str
    x: Interval
    y: Interval
    tooltip: Mapping[str, str]
    """What is said of it, by headings."""
    link: str = ""
    """Where a click leads, for the page's script."""


@dataclass(frozen=True)
class Axis:
    """One of the two directions."""

    title: str
    low: float
    high: float
    is_log: bool = False

    @classmethod
    def of(cls, title: str, values: Sequence[Interval], *, most: float = math.inf) -> Axis:
        """An axis that holds the `values`, which are not negative, with their intervals.

        Args:
            title: of the axis.
            values: of which all have an estimate.
            most: what no value exceeds, e.g. 1 of shares.
        """
        ends = [end for each in values for end in (each.estimate, each.lower, each.upper)]
        known = [end for end in ends if not math.isnan(end)]
        low, high = min(known), max(known)
        if low > 0 and high / low > WIDE_RANGE:
            return cls(title, low / (1 + MARGIN), high * (1 + MARGIN), is_log=True)
        margin = MARGIN * (high - low or high or 1)
        return cls(title, max(0, low - margin), min(most, high + margin))

    def place(self, value: float) -> float:
        """Where `value` lies, from 0 to 1."""
        low, high, at = (math.log(x) if self.is_log else x for x in (self.low, self.high, value))
        return (at - low) / (high - low)


def scatter_spec(points: Sequence[Point], x: Axis, y: Axis) -> dict[str, Any]:
    """A Vega-Lite specification of `points`, which all have both estimates."""
    import altair as alt

    base = alt.Chart().encode(
        x=alt.X("x:Q", title=x.title, scale=_scale(x), axis=alt.Axis(tickCount=TICKS)),
        y=alt.Y("y:Q", title=y.title, scale=_scale(y)),
        tooltip=text_tooltip(points),
    )
    rows = [_row(point, points, x, y) for point in points]
    layers = []
    for name, axis in (("x", x), ("y", y)):
        # Vega complains of an extent of nothing, so only points with an interval have a line.
        if any(f"{name}_lower" in row for row in rows):
            channel = (alt.X if name == "x" else alt.Y)(
                f"{name}_lower:Q", title=axis.title, scale=_scale(axis)
            )
            lines = base.transform_filter(f"isValid(datum.{name}_lower)")
            lines = lines.mark_rule(strokeWidth=1, opacity=0.5)
            layers.append(lines.encode(channel, **{f"{name}2": f"{name}_upper:Q"}))
    layers.append(base.mark_point(size=70, filled=True, opacity=1))
    if len(points) <= MOST_NAMED:
        for align, baseline in sorted({(row["align"], row["baseline"]) for row in rows}):
            corner = base.transform_filter(
                f"datum.align == '{align}' && datum.baseline == '{baseline}'"
            )
            shift = {"dx": 6 if align == "left" else -6, "dy": -4 if baseline == "bottom" else 4}
            names = corner.mark_text(
                align=align, baseline=baseline, fontSize=11, limit=160, **shift
            )
            layers.append(names.encode(text="name:N"))
    drawn = alt.layer(*layers, data=alt.Data(values=rows))
    return specification(drawn.properties(height=HEIGHT))


def _scale(axis: Axis) -> Any:
    import altair as alt

    kind = {"type": "log"} if axis.is_log else {"zero": False}
    return alt.Scale(domain=[axis.low, axis.high], nice=False, **kind)


def _row(point: Point, points: Sequence[Point], x: Axis, y: Axis) -> dict[str, Any]:
    ends: dict[str, float] = {}
    for name, interval in (("x", point.x), ("y", point.y)):
        ends[name] = interval.estimate
        if not math.isnan(interval.lower):
            ends |= {f"{name}_lower": interval.lower, f"{name}_upper": interval.upper}
    across, up = x.place(point.x.estimate), y.place(point.y.estimate)
    is_covered = len(points) <= MOST_NAMED and any(
        abs(x.place(other.x.estimate) - across) < NEAR_X
        and 0 <= y.place(other.y.estimate) - up < NEAR_Y
        for other in points
        if other is not point
    )
    return {
        "name": point.name,
        "link": point.link,
        # A name stands where there is room for it: towards the middle, and below the point where
        # another point's name is just above.
        "align": "right" if across > 0.5 else "left",
        "baseline": "top" if is_covered else "bottom",
        **ends,
        **text_fields(point.tooltip),
    }
