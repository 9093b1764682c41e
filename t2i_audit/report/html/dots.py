"""Estimates as dots with their intervals, one line each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from t2i_audit.results.interval import Interval

LINE = 24  # pixels of a line
LONGEST_LABEL = 150  # pixels, which leave room for the dots on a phone

# The shape says what the place does: it points to the side where that is sure.
SHAPES = {"surely higher": "triangle-right", "surely lower": "triangle-left", "not sure": "circle"}


@dataclass(frozen=True)
class Dot:
    """One line of the chart."""

    label: str
    """Unique in the chart."""
    interval: Interval
    tooltip: Mapping[str, str]
    """What is said of it, by headings."""
    text: str = ""
    """Beside the dot."""


def dots_spec(
    dots: Sequence[Dot],
    *,
    title: str,
    factor: float = 1,
    zero_line: bool = False,
    domain: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """A Vega-Lite specification of `dots` in their order.

    Args:
        dots: those without an estimate have a line and no dot.
        title: of the axis.
        factor: by which the values are multiplied, e.g. 100 for percentage points.
        zero_line: draw a line at zero, and show which side of it an interval surely lies on.
        domain: of the axis; from the values where it is None.
    """
    import altair as alt

    rows = [_row(dot, factor) for dot in dots]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y(
            "label:N",
            sort=None,
            title=None,
            scale=alt.Scale(domain=[dot.label for dot in dots]),
            axis=alt.Axis(labelLimit=LONGEST_LABEL, domain=False, ticks=False),
        )
    )
    scale = alt.Scale(nice=True, zero=False) if domain is None else alt.Scale(domain=list(domain))
    headings = dict.fromkeys(heading for dot in dots for heading in dot.tooltip)
    tooltip = [alt.Tooltip(f"{_field(heading)}:N", title=heading) for heading in headings]
    x = alt.X("estimate:Q", title=title, scale=scale)
    lines = base.mark_rule(strokeWidth=2, opacity=0.6).encode(
        x=alt.X("lower:Q", title=title, scale=scale), x2="upper:Q", tooltip=tooltip
    )
    if zero_line:
        marks = base.mark_point(size=90, filled=True, opacity=1).encode(
            x=x,
            shape=alt.Shape(
                "side:N",
                title=None,
                scale=alt.Scale(domain=list(SHAPES), range=list(SHAPES.values())),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=tooltip,
        )
    else:
        marks = base.mark_point(size=70, filled=True, opacity=1).encode(x=x, tooltip=tooltip)
    layers = [lines, marks]
    if zero_line:
        zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(strokeDash=[4, 3])
        layers.insert(0, zero.encode(x="zero:Q"))
    if any(dot.text for dot in dots):
        layers.append(
            base.mark_text(align="left", dx=6, fontSize=11).encode(
                x=alt.X("upper:Q", title=title, scale=scale), text="text:N"
            )
        )
    return dict(
        alt.layer(*layers)
        .properties(
            width="container",
            height=LINE * len(dots),
            autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        )
        .to_dict()
    )


def side_of_zero(interval: Interval) -> str:
    """One of `SHAPES`."""
    if interval.lower > 0:
        return "surely higher"
    return "surely lower" if interval.upper < 0 else "not sure"


def _row(dot: Dot, factor: float) -> dict[str, Any]:
    interval = dot.interval
    ends = {name: getattr(interval, name) for name in ("estimate", "lower", "upper")}
    return {
        "label": dot.label,
        "text": dot.text,
        "side": side_of_zero(interval),
        **{name: None if math.isnan(end) else factor * end for name, end in ends.items()},
        **{_field(heading): text for heading, text in dot.tooltip.items()},
    }


def _field(heading: str) -> str:
    """A field name in which Vega-Lite reads no path."""
    return f"tooltip_{heading.replace(' ', '_')}"
