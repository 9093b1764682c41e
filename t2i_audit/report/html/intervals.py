"""Estimates with their intervals: as text, and as dots in a chart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from t2i_audit.printable import printable
from t2i_audit.report.verdict import percent
from t2i_audit.results.interval import Interval

if TYPE_CHECKING:
    import altair as alt

ROW = 26  # pixels of a row of dots
LONGEST_NAME = 170  # pixels
SHAPES = ("circle", "square", "triangle-up", "cross", "diamond", "triangle-down")
"""Of the marks of a chart's categories, in their order."""


@dataclass(frozen=True)
class Dot:
    """An estimate in a chart of dots."""

    name: str
    """Of its row."""
    interval: Interval
    what: str
    """What it is an estimate of: dots of one row differ in it."""
    n: str
    """What it rests on, e.g. ``960 images``."""


def share_text(share: Interval) -> str:
    """E.g. ``46% (42% to 50%)``."""
    if not share.is_defined:
        return "undefined"
    return percent(share.estimate) + ("" if math.isnan(share.lower) else f" ({ends_text(share)})")


def ends_text(share: Interval) -> str:
    """E.g. ``42% to 50%``; ``undefined`` without ends."""
    if math.isnan(share.lower) or math.isnan(share.upper):
        return "undefined"
    return f"{percent(share.lower)} to {percent(share.upper)}"


def dots(rows: Sequence[Dot], *, title: str) -> dict[str, Any]:
    """A specification of shares as dots with their 95% intervals, a row for each name.

    Args:
        rows: in the order of the chart; undefined ones are left out.
        title: of the axis.
    """
    import altair as alt

    shown = [row for row in rows if row.interval.is_defined]
    kinds = list(dict.fromkeys(row.what for row in shown))
    data = alt.Data(
        values=[
            {
                "name": printable(row.name),
                "estimate": row.interval.estimate,
                "lower": number(row.interval.lower),
                "upper": number(row.interval.upper),
                "share": share_text(row.interval),
                "what": row.what,
                "n": row.n,
            }
            for row in shown
        ]
    )
    axis = alt.Axis(labelLimit=LONGEST_NAME, labelPadding=10, domain=False, ticks=False)
    y = alt.Y("name:N", sort=None, title=None, axis=axis)
    base = alt.Chart(data).encode(y=y)
    tooltip = [
        alt.Tooltip("name:N", title="of"),
        alt.Tooltip("what:N", title="what"),
        alt.Tooltip("share:N", title="95% interval"),
        alt.Tooltip("n:N", title="over"),
    ]
    encodings: dict[str, Any] = {"tooltip": tooltip}
    shapes: dict[str, Any] = {}
    if len(kinds) > 1:
        legend = alt.Legend(title=None, orient="bottom", columns=1, labelLimit=320)
        scale = alt.Scale(domain=kinds)
        encodings["yOffset"] = alt.YOffset("what:N", scale=scale)
        encodings["color"] = alt.Color("what:N", scale=scale, legend=legend)
        own = alt.Scale(domain=kinds, range=list(SHAPES[: len(kinds)]))
        shapes["shape"] = alt.Shape("what:N", scale=own, legend=legend)
    lines = base.mark_rule(strokeWidth=2, color=page_colour("accent")).encode(
        x="lower:Q", x2="upper:Q", **encodings
    )
    point = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=alt.X(
            "estimate:Q",
            title=title,
            scale=alt.Scale(domain=[0, 1], clamp=True),
            axis=alt.Axis(format=".0%", tickCount=5),
        ),
        **encodings,
        **shapes,
    )
    # A layer without a mark would be a picture without a name.
    reaching = any(not math.isnan(row.interval.lower) for row in shown)
    layers = alt.layer(lines, point) if reaching else alt.layer(point)
    return specification(layers.properties(height=ROW * len({row.name for row in shown})))


def specification(chart: alt.LayerChart | alt.Chart) -> dict[str, Any]:
    """The specification of a chart that is as wide as its place on the page."""
    import altair as alt

    fitted = chart.properties(
        width="container", autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    # Validation takes seconds where there are thousands of points.
    found: Mapping[str, Any] = fitted.to_dict(validate=False)
    # Altair's own sizes are for charts that have none, and its address would only be data.
    return {name: part for name, part in found.items() if name not in ("config", "$schema")}


def page_colour(name: str) -> str:
    """A colour of the page for a chart that is drawn as SVG; `page.css` has their names."""
    return f"var(--{name})"


def number(value: float) -> float | None:
    """`value` as JSON has it: null in place of an undefined one."""
    return None if math.isnan(value) else value
