"""The figure of use per slot and built-in checkpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.measured_use.table import USE_HEADINGS, Cells
from t2i_audit.io import atomic_file

# Each told apart by its shape as well as by its colour; by the column of the table.
MARKS = {
    "right": ("unchanged", "o", "#1f5fa8", -0.22),
    "control": ("random subspace erased", "s", "#c2571a", 0.0),
    "erased": ("slot erased", "^", "#2e7d32", 0.22),
}
SHOWN = re.compile(r"(-?[\d.]+) \[(-?[\d.]+), (-?[\d.]+)\]")  # an estimate with its interval


def draw_use(rows: Mapping[str, Sequence[Cells]], path: Path) -> None:
    """Draw to `path` how often each slot is right, a panel for each checkpoint.

    Args:
        rows: of the table of use, by checkpoint; so the figure shows what the table says.
        path: of the PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.2 * len(rows) + 2.2, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(rows), sharex=True, sharey=True, squeeze=False)[0]
    slots = list(dict.fromkeys(cells[1] for own in rows.values() for cells in own))
    for axes, (model, own) in zip(panels, rows.items(), strict=True):
        axes.set_title(model, fontsize=10)
        for cells in own:
            row = slots.index(cells[1])
            for column, (what, shape, colour, offset) in MARKS.items():
                share = SHOWN.fullmatch(cells[USE_HEADINGS.index(column)])
                if share is None:  # undefined
                    continue
                estimate, lower, upper = map(float, share.groups())
                axes.errorbar(
                    estimate, row + offset, xerr=[[estimate - lower], [upper - estimate]],
                    fmt=shape, color=colour, markersize=4, linewidth=1,
                    label=what if row == 0 else None,
                )  # fmt: skip
        axes.set_yticks(range(len(slots)), slots)
        axes.set_xlim(-0.02, 1.02)
        axes.grid(axis="x", color="#dddddd", linewidth=0.6)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    panels[0].invert_yaxis()
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="outside lower center",
        ncols=min(len(rows), 3),
        frameon=False,
        fontsize=9,
    )
    figure.suptitle("Share of images in which each slot is right", fontsize=10)
    with atomic_file(path) as temporary:
        # The name of the program that drew it changes with the library and says nothing.
        figure.savefig(temporary, format="png", dpi=140, metadata={"Software": None})
