"""The figure of the page: every coverage beside the goal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.simulations.cells import COVERAGE
from scripts.simulations.table import TITLES, Row
from t2i_audit.io import atomic_file

BEFORE, NOW, BAND = "#b0b0b0", "#1f5fa8", "#dcebd8"
GAP = 4  # free places between sections


def draw_coverage(rows: Sequence[Row], path: Path) -> None:
    """Draw the coverages of `rows` to `path`, before and now, against the goal."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.axhspan(100 * COVERAGE.low, 100 * COVERAGE.high, color=BAND, zorder=0)
    place, ticks, names = 0, [], []
    for section in TITLES:
        own = [
            row.measured
            for row in rows
            if row.cell.section == section and row.measured.figure.kind == "coverage"
        ]
        if not own:
            continue
        spots = range(place, place + len(own))
        before = [(x, 100 * m.figure.old) for x, m in zip(spots, own, strict=True) if m.figure.old]
        axes.plot(*zip(*before, strict=True), "x", color=BEFORE, markersize=4)
        axes.errorbar(
            list(spots),
            [100 * each.estimate for each in own],
            yerr=[
                [100 * (each.estimate - each.reach[0]) for each in own],
                [100 * (each.reach[1] - each.estimate) for each in own],
            ],
            fmt="o",
            color=NOW,
            markersize=3,
            linewidth=0.7,
        )
        ticks.append(place + (len(own) - 1) / 2)
        names.append(section)
        place += len(own) + GAP
    axes.plot([], [], "x", color=BEFORE, label="before")
    axes.plot([], [], "o", color=NOW, markersize=3, label="now, with its interval over draws")
    axes.set_xticks(ticks, names)
    axes.set_xlim(-GAP, place)
    axes.set_ylim(0, 102)
    axes.set_ylabel("intervals that cover the truth, %")
    axes.set_xlabel("table")
    axes.legend(loc="lower left", frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    with atomic_file(path) as temporary:
        # The name of the program that drew it changes with the library and says nothing.
        figure.savefig(temporary, format="png", dpi=140, metadata={"Software": None})
