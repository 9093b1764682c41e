"""Runs as points, with intervals both ways."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from t2i_audit.report.html.tooltips import text_fields, text_tooltip
from t2i_audit.results.interval import Interval

HEIGHT = 320  # pixels
MOST_NAMED = 12  # points; the names of more would cover each other
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


def scatter_spec(points: Sequence[Point], *, x_title: str, y_title: str) -> dict[str, Any]:
    """A Vega-Lite specification of `points`, which all have both estimates."""
    import altair as alt

    values = [point.x.estimate for point in points]
    is_wide = min(values) > 0 and max(values) / min(values) > WIDE_RANGE
    x_scale = alt.Scale(type="log") if is_wide else alt.Scale(zero=False, nice=True, padding=12)
    y_scale = alt.Scale(zero=False, nice=True)
    middle = math.sqrt(min(values) * max(values)) if is_wide else (min(values) + max(values)) / 2
    rows = [_row(point, middle) for point in points]
    x, y = (
        alt.X("x:Q", title=x_title, scale=x_scale),
        alt.Y("y:Q", title=y_title, scale=y_scale),
    )

    def over(values: Sequence[dict[str, Any]]) -> alt.Chart:
        return alt.Chart(alt.Data(values=list(values))).encode(
            x=x, y=y, tooltip=text_tooltip(points)
        )

    layers = []
    for ends, own in (("x", alt.X), ("y", alt.Y)):
        # Vega complains of an extent of nothing, so only rows with an interval have a line.
        known = [row for row in rows if f"{ends}_lower" in row]
        if known:
            lines = over(known).mark_rule(strokeWidth=1, opacity=0.5)
            title, scale = (x_title, x_scale) if ends == "x" else (y_title, y_scale)
            layers.append(
                lines.encode(
                    own(f"{ends}_lower:Q", title=title, scale=scale),
                    **{f"{ends}2": f"{ends}_upper:Q"},
                )
            )
    layers.append(over(rows).mark_point(size=70, filled=True, opacity=1))
    if len(points) <= MOST_NAMED:
        text = {"fontSize": 11, "baseline": "bottom", "dy": -4, "limit": 160}
        for side, shift in (("left", 6), ("right", -6)):
            own_side = [row for row in rows if row["side"] == side]
            if own_side:
                names = over(own_side).mark_text(align=side, dx=shift, **text)
                layers.append(names.encode(text="name:N"))
    return dict(
        alt.layer(*layers)
        .properties(
            width="container",
            height=HEIGHT,
            autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        )
        .to_dict()
    )


def _row(point: Point, middle: float) -> dict[str, Any]:
    ends: dict[str, float] = {}
    for name, interval in (("x", point.x), ("y", point.y)):
        ends[name] = interval.estimate
        if not math.isnan(interval.lower):
            ends |= {f"{name}_lower": interval.lower, f"{name}_upper": interval.upper}
    return {
        "name": point.name,
        "link": point.link,
        # A name stands on the side on which there is room for it.
        "side": "right" if point.x.estimate > middle else "left",
        **ends,
        **text_fields(point.tooltip),
    }
