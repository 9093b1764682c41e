"""The figure of use per slot and built-in checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from t2i_audit.io import atomic_file
from t2i_audit.results.interval import Interval
from t2i_audit.results.use import Use

# Each told apart by its shape as well as by its colour.
MARKS = {
    "unchanged": ("o", "#1f5fa8", -0.22),
    "random subspace erased": ("s", "#c2571a", 0.0),
    "slot erased": ("^", "#2e7d32", 0.22),
}


def draw_use(uses: Mapping[str, Use], path: Path) -> None:
    """Draw to `path` how often each slot is right, a panel for each checkpoint."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.2 * len(uses) + 2.2, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(uses), sharex=True, sharey=True, squeeze=False)[0]
    slots = list(dict.fromkeys(each.slot for use in uses.values() for each in use.given))
    for axes, (model, use) in zip(panels, uses.items(), strict=True):
        axes.set_title(model, fontsize=10)
        for each in use.given:
            row = slots.index(each.slot)
            shares = (each.unchanged, each.random, each.erased)
            for share, (what, (shape, colour, offset)) in zip(shares, MARKS.items(), strict=True):
                label = what if row == 0 else None
                axes.errorbar(
                    share.estimate, row + offset, xerr=_reach(share), fmt=shape, color=colour,
                    markersize=4, linewidth=1, label=label,
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
        ncols=min(len(uses), 3),
        frameon=False,
        fontsize=9,
    )
    figure.suptitle("Share of images in which each slot is right", fontsize=10)
    with atomic_file(path) as temporary:
        # The name of the program that drew it changes with the library and says nothing.
        figure.savefig(temporary, format="png", dpi=140, metadata={"Software": None})


def _reach(share: Interval) -> list[list[float]]:
    return [[share.estimate - share.lower], [share.upper - share.estimate]]
