"""Which constituents occur together, as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit.errors import SuiteError
from t2i_audit.io import atomic_file
from t2i_audit.printable import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prompts.analysis.statistics import Statistics

FORMATS = (".png", ".svg")
MOST = 80  # constituents that are drawn; the labels of more could not be read
INCHES_PER_CELL = 0.16


def draw_together(statistics: Statistics, path: Path) -> None:
    """Draw the numbers of prompts in which two constituents occur, the most frequent ones.

    Raises `SuiteError` for another format than PNG or SVG, and where there is nothing to draw.
    """
    if path.suffix.lower() not in FORMATS:
        raise SuiteError(f"--figure should end in {' or '.join(FORMATS)}, not {path.name!r}")
    if not statistics.constituents:
        raise SuiteError("there are no constituents to draw; the prompts are text only")
    import matplotlib

    # Text stays text, and neither date nor random ids get in: same counts, same file.
    settings = {"svg.fonttype": "none", "svg.hashsalt": "t2i-audit", "text.parse_math": False}
    kind = path.suffix.lower().removeprefix(".")
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with matplotlib.rc_context(settings), atomic_file(path) as temporary:
        _figure(statistics).savefig(temporary, format=kind, dpi=150, metadata=metadata)


def _figure(statistics: Statistics) -> Figure:
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    names = sorted(name for name, _ in statistics.constituents.most_common(MOST))
    place = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for (one, other), count in statistics.together.items():
        if one in place and other in place:
            counts[place[one], place[other]] = counts[place[other], place[one]] = count
    for name in names:
        counts[place[name], place[name]] = statistics.constituents[name]
    side = max(4.0, INCHES_PER_CELL * len(names) + 2)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shown = np.ma.masked_equal(counts, 0)
    image = axes.imshow(shown, cmap="viridis", norm=LogNorm(vmin=1))
    labels = [printable(name.replace(":", ": ")) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=90, fontsize=6)
    axes.set_yticks(range(len(names)), labels, fontsize=6)
    drawn = f", the {len(names)} most frequent of {len(statistics.constituents)}"
    axes.set_title(
        f"Prompts with both constituents, of {statistics.prompts:,}"
        + (drawn if len(statistics.constituents) > len(names) else ""),
        fontsize=9,
    )
    figure.colorbar(image, ax=axes, shrink=0.6, label="prompts (white: none)")
    return figure
