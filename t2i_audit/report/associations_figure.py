"""The figure of associations: success against decodability, a panel for each station."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit.io import write_bytes
from t2i_audit.printable import printable
from t2i_audit.report.styles import plain_words
from t2i_audit.results.associations import Associations, Point, PointCorrelation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from t2i_audit.results.interval import Interval

NAME = "associations"
PANEL = (5.5, 4.5)  # inches
FEW = 12  # points that are all named
# Of a name, as shares of the panel.
WIDTH, HEIGHT = 0.3, 0.035
ENDINGS = ("png", "svg")


def write_associations_figure(found: Associations, path: Path) -> None:
    """Draw the figure at `path`, as its ending says.

    Over models where there are several, else over the values of slots.
    """
    import matplotlib

    buffer = io.BytesIO()
    ending = path.suffix[1:].lower()
    # No date and no random ids: equal results give equal bytes. A name is never a formula.
    with matplotlib.rc_context({"svg.hashsalt": NAME, "text.parse_math": False}):
        metadata = {"Date": None} if ending == "svg" else {"Software": None}
        draw_associations(found).savefig(buffer, format=ending, dpi=120, metadata=metadata)
    write_bytes(path, buffer.getvalue())


def draw_associations(found: Associations) -> Figure:
    """The figure, a panel for each station."""
    from matplotlib.figure import Figure

    panels = panels_of(found)
    width = PANEL[0] * max(len(panels), 1)
    figure = Figure(figsize=(width, PANEL[1]), layout="constrained")
    axes = figure.subplots(1, max(len(panels), 1), squeeze=False, sharey=True)
    for axis, panel in zip(axes.flat, panels, strict=False):
        _draw(axis, panel)
    over = "models" if found.models else "the values of slots"
    figure.suptitle(printable(f"Success and decodability over {over}"))
    return figure


def panels_of(found: Associations) -> tuple[PointCorrelation, ...]:
    """What is drawn: the weakest slot over models, or all slots' values of a single run."""
    if found.models:
        first: dict[str, PointCorrelation] = {}
        for each in found.models:
            first.setdefault(each.station, each)
        return tuple(first.values())
    return tuple(together for together, *_ in found.runs[0].values.values())


def _draw(axis: Axes, panel: PointCorrelation) -> None:
    points = panel.points
    decoded = [point.decodability for point in points]
    success = [point.success for point in points]
    axis.errorbar(
        [each.estimate for each in decoded],
        [each.estimate for each in success],
        xerr=_ends(decoded),
        yerr=_ends(success),
        fmt="o",
        markersize=4,
        elinewidth=0.8,
    )
    _name(axis, points)
    title = f"{plain_words(panel.station)}: r = {panel.correlation}, n = {panel.correlation.n}"
    axis.set_title(title, loc="left", fontsize=10)
    axis.set_xlabel(f"decodability ({panel.figure}), 95% interval")
    axis.set_ylabel("share of images that are right, 95% interval")
    axis.set_ylim(-0.03, 1.03)


def _name(axis: Axes, points: Sequence[Point]) -> None:
    """Write names beside points, the least successful first; in a crowd some go without."""
    axis.margins(x=0.1)
    left, right = axis.get_xlim()
    taken: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda each: each.success.estimate):
        x, y = point.decodability.estimate, point.success.estimate
        inward = x < (left + right) / 2
        middle = x + (WIDTH if inward else -WIDTH) * (right - left) / 2
        for offset in (-HEIGHT, HEIGHT):
            covered = any(
                abs(middle - other) < WIDTH * (right - left) and abs(y + offset - height) < HEIGHT
                for other, height in taken
            )
            if not covered:
                break
        if covered and len(points) > FEW:
            continue
        taken.append((middle, y + offset))
        axis.annotate(
            printable(point.name),
            (x, y),
            xytext=(4 if inward else -4, 4 if offset > 0 else -10),
            textcoords="offset points",
            ha="left" if inward else "right",
            fontsize=7,
        )


def _ends(intervals: Sequence[Interval]) -> list[list[float]]:
    """How far the ends lie below and above each estimate; 0 where there is none."""
    below = [each.estimate - each.lower for each in intervals]
    above = [each.upper - each.estimate for each in intervals]
    return [[reach if reach > 0 else 0.0 for reach in side] for side in (below, above)]
