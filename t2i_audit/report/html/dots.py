"""Estimates as dots with their intervals, one line each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from t2i_audit.report.html.intervals import specification
from t2i_audit.report.html.tooltips import text_fields, text_tooltip
from t2i_audit.results.interval import Interval

LINE = 24  # pixels of a line
TICKS = 6  # about as many labels as a phone has room for
# Pixels of the longest label, which leave room for the dots on a phone.
LABEL_LIMIT = "windowSize()[0] < 600 ? 130 : 300"

# The shape says what the place does: it points to the side of zero where that is sure.
HIGHER, LOWER, NOT_SURE = "surely higher", "surely lower", "not told apart"
SHAPES = {HIGHER: "triangle-right", LOWER: "triangle-left", NOT_SURE: "circle"}


def side_of(change: Interval) -> str:
    """On which side of zero a difference surely lies; one of `SHAPES`."""
    if change.lower > 0:
        return HIGHER
    return LOWER if change.upper < 0 else NOT_SURE


@dataclass(frozen=True)
class Dot:
    """One line of the chart."""

    label: str
    """Unique in the chart."""
    interval: Interval
    tooltip: Mapping[str, str]
    """What is said of it, by headings."""
    side: str = ""
    """One of `SHAPES`, of a difference; empty for what is none."""
    link: str = ""
    """Where a click leads, for the page's script."""


def dots_spec(
    dots: Sequence[Dot],
    *,
    title: str,
    factor: float = 1,
    domain: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """A Vega-Lite specification of `dots` in their order; of differences with a line at zero.

    Args:
        dots: those without an estimate have a line and no dot.
        title: of the axis.
        factor: by which the values are multiplied, e.g. 100 for percentage points.
        domain: of the axis; from the values where it is None.
    """
    import altair as alt

    scale = alt.Scale(nice=True, zero=False) if domain is None else alt.Scale(domain=list(domain))
    y = alt.Y(
        "label:N",
        title=None,
        scale=alt.Scale(domain=[dot.label for dot in dots]),
        axis=alt.Axis(labelLimit=alt.ExprRef(LABEL_LIMIT), domain=False, ticks=False),
    )

    def x(field: str) -> alt.X:
        return alt.X(f"{field}:Q", title=title, scale=scale, axis=alt.Axis(tickCount=TICKS))

    rows = [_row(dot, factor) for dot in dots if dot.interval.is_defined]
    base = alt.Chart().encode(y=y, tooltip=text_tooltip(dots))
    marks = base.mark_point(size=80, filled=True, opacity=1).encode(x=x("estimate"))
    layers = []
    # Vega complains of an extent of nothing, so only estimates with an interval have a line.
    if any("lower" in row for row in rows):
        lines = base.transform_filter("isValid(datum.lower)").mark_rule(strokeWidth=2, opacity=0.6)
        layers.append(lines.encode(x=x("lower"), x2="upper:Q"))
    if any(dot.side for dot in dots):
        shape = alt.Shape(
            "side:N",
            title=None,
            scale=alt.Scale(domain=list(SHAPES), range=list(SHAPES.values())),
            legend=None,
        )
        marks = marks.encode(shape=shape)
        zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(strokeDash=[4, 3])
        layers.append(zero.encode(x=x("zero")))
    drawn = alt.layer(*layers, marks, data=alt.Data(values=rows))
    return specification(drawn.properties(height=LINE * len(dots)))


def _row(dot: Dot, factor: float) -> dict[str, Any]:
    interval = dot.interval
    ends = {} if math.isnan(interval.lower) else {"lower": interval.lower, "upper": interval.upper}
    return {
        "label": dot.label,
        "link": dot.link,
        "side": dot.side,
        **{name: factor * value for name, value in {"estimate": interval.estimate, **ends}.items()},
        **text_fields(dot.tooltip),
    }
