"""The figure of the page: success beside what is read and used, one point a generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scripts.scaling.correlations import mean_use
from scripts.scaling.rows import Row
from t2i_audit.io import atomic_file
from t2i_audit.results.interval import Interval

COLOURS = {
    "full": "#1f5fa8",
    "narrow": "#2a9d8f",
    "ring": "#8a6fbf",
    "disconnected": "#d1495b",
    "no orange": "#e08e1b",
}
MARKERS = {16: "v", 32: "o", 48: "s", 64: "D"}
"""By the UNet's width at 8 x 8."""
GREY = "#b0b0b0"

PANELS: tuple[tuple[str, Callable[[Row], Interval]], ...] = (
    ("Text encoder: accuracy, best places", lambda row: _station(row, "text_encoder", "accuracy")),
    ("Denoiser: accuracy, best places", lambda row: _station(row, "denoiser", "accuracy")),
    ("Denoiser with random weights", lambda row: _station(row, "denoiser", "random weights")),
    ("Last block, step 4: accuracy", lambda row: row.places["up_blocks.1 step 4"]["accuracy"]),
    ("Mid block, step 0: accuracy", lambda row: row.places["mid_block step 0"]["accuracy"]),
    ("Use by erasure, mean of slots", mean_use),
)


def draw_study(rows: Sequence[Row], path: Path) -> None:
    """Draw success on held-out compositions against six figures to the PNG file `path`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 3, sharey=True).flat
    for axes, (title, value) in zip(panels, PANELS, strict=True):
        _snapshots(axes, rows, value)
        for row in rows:
            _point(axes, row, value(row))
        axes.set_title(title, fontsize=10)
        axes.set_xlim(-0.05, 1.05)
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlabel(
            "drop in success" if title.startswith("Use") else "balanced accuracy, mean of slots"
        )
        axes.grid(color="#eeeeee", zorder=0)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel("success on held-out prompts")
    handles, names = _legend(panels[0], rows)
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    with atomic_file(path) as temporary:
        # The name of the program that drew it changes with the library and says nothing.
        figure.savefig(temporary, format="png", dpi=130, metadata={"Software": None})


def _station(row: Row, station: str, name: str) -> Interval:
    return row.stations[station][name]


def _snapshots(axes: Any, rows: Sequence[Row], value: Callable[[Row], Interval]) -> None:
    """A line through the generators of each training, in the order of their steps."""
    for name in dict.fromkeys(row.trained.training for row in rows):
        own = sorted(
            (row for row in rows if row.trained.training == name),
            key=lambda row: row.trained.step,
        )
        x = [value(row).estimate for row in own]
        y = [row.held_out.overall.estimate for row in own]
        axes.plot(x, y, color=GREY, linewidth=0.8, zorder=1)


def _point(axes: Any, row: Row, x: Interval) -> None:
    if not x.is_defined:
        return
    y = row.held_out.overall
    axes.errorbar(
        x.estimate,
        y.estimate,
        xerr=_reach(x),
        yerr=_reach(y),
        fmt=MARKERS[row.trained.widths[0]],
        color=COLOURS[row.trained.support],
        markersize=4 + 1.5 * (row.trained.compositions > 500),
        linewidth=0.7,
        zorder=2,
    )


def _reach(interval: Interval) -> list[list[float]] | None:
    """Both arms of an error bar; None without ends."""
    if interval.lower != interval.lower:
        return None
    low, high = interval.estimate - interval.lower, interval.upper - interval.estimate
    return [[max(0.0, low)], [max(0.0, high)]]


def _legend(axes: Any, rows: Sequence[Row]) -> tuple[list[Any], list[str]]:
    supports = [name for name in COLOURS if any(row.trained.support == name for row in rows)]
    widths = [width for width in MARKERS if any(row.trained.widths[0] == width for row in rows)]
    handles = [axes.plot([], [], "o", color=COLOURS[name])[0] for name in supports]
    handles += [axes.plot([], [], MARKERS[width], color="#555555")[0] for width in widths]
    return handles, [*supports, *(f"width {width}" for width in widths)]
