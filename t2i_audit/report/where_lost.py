"""The figure "where each constituent is lost": decodability along the way from text to image."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompts.structure import PRESENCE
from t2i_audit.io import write_bytes
from t2i_audit.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from t2i_audit.stats.interval import Interval

FOLDER = "figures"
NAME = "where_lost"
IMAGE = "image"
COLUMNS = 2
PANEL = (6.0, 2.6)  # inches
MOST_LABELS = 40  # names of layers under a panel


def write_where_lost(
    run: Path, rows: Sequence[Mapping[str, Any]], drawn: Mapping[str, Interval]
) -> tuple[Path, ...]:
    """Draw the figure as PNG and SVG into the run directory; returns the files.

    Args:
        run: the run directory.
        rows: of the table ``probes``.
        drawn: slot -> share of images in which it is right, where the judge tells.
    """
    slots = sorted({row["slot"] for row in rows if not row["slot"].startswith(PRESENCE + ".")})
    if not slots:
        return ()
    import matplotlib

    files = []
    # No date and no random ids: equal runs give equal bytes. A slot's name is never a formula.
    with matplotlib.rc_context({"svg.hashsalt": NAME, "text.parse_math": False}):
        figure = _figure(rows, slots, drawn)
        for ending in ("png", "svg"):
            buffer = io.BytesIO()
            metadata = {"Date": None} if ending == "svg" else {"Software": None}
            figure.savefig(buffer, format=ending, dpi=120, metadata=metadata)
            path = run / FOLDER / f"{NAME}.{ending}"
            path.parent.mkdir(exist_ok=True)
            write_bytes(path, buffer.getvalue())
            files.append(path)
    return tuple(files)


def stops(rows: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, str, str], ...]:
    """The (station, component, layer)s on the way, in the order in which the data passes them."""
    order: dict[tuple[str, str, str], None] = {}
    for row in rows:
        order.setdefault((row["station"], row["encoder"], row["layer"]))
    # The denoiser's rows are sorted by step, then by depth as they come.
    return tuple(sorted(order, key=lambda stop: (stop[0] == "denoiser", _step(stop[2]))))


def best_readings(
    rows: Iterable[Mapping[str, Any]], slot: str
) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    """For each stop the row of the position at which `slot` is read best there."""
    best: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for row in rows:
        stop = (row["station"], row["encoder"], row["layer"])
        value = row["balanced_accuracy"]
        # NaN equals nothing: what could not be read is no candidate.
        read = row["slot"] == slot and value == value
        if read and (stop not in best or value > best[stop]["balanced_accuracy"]):
            best[stop] = row
    return best


def _figure(
    rows: Sequence[Mapping[str, Any]], slots: Sequence[str], drawn: Mapping[str, Interval]
) -> Figure:
    from matplotlib.figure import Figure

    lines = -(-len(slots) // COLUMNS)
    size = PANEL[0] * COLUMNS, PANEL[1] * lines + 1.6
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(lines, COLUMNS, sharex=True, sharey=True, squeeze=False)
    way = stops(rows)
    for index, slot in enumerate(slots):
        panel = axes[index // COLUMNS][index % COLUMNS]
        _panel(panel, way, best_readings(rows, slot), drawn.get(slot))
        panel.set_title(printable(slot), loc="left", fontsize=10, fontweight="bold", pad=14)
        _label(panel, way, below=index + COLUMNS >= len(slots))
    for panel in axes.flat[len(slots) :]:
        panel.set_axis_off()
    for row in axes:
        row[0].set_ylabel("balanced accuracy")
    figure.suptitle(
        "Where each constituent is lost: how well it is read at each layer's best place"
    )
    # Outside the panels, where it hides no line; only slots that a judge tells have every entry.
    every = [axis.get_legend_handles_labels() for axis in axes.flat]
    handles, labels = max(every, key=lambda pair: len(pair[1]))
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8)
    return figure


def _panel(
    panel: Axes,
    way: Sequence[tuple[str, str, str]],
    readings: Mapping[tuple[str, str, str], Mapping[str, Any]],
    drawn: Interval | None,
) -> None:
    places = [index for index, stop in enumerate(way) if stop in readings]
    read = [readings[way[index]] for index in places]

    def values(column: str) -> list[float]:
        return [row[column] for row in read]

    panel.fill_between(
        places,
        values("balanced_accuracy_lower"),
        values("balanced_accuracy_upper"),
        alpha=0.25,
        linewidth=0,
    )
    panel.plot(places, values("balanced_accuracy"), "o-", markersize=3, label="decoded, 95% band")
    panel.plot(
        places, values("random_weights_balanced_accuracy"), ":", label="random weights (control)"
    )
    panel.plot(places, values("presence_balanced_accuracy"), "--", label="words alone (baseline)")
    panel.plot(places, values("chance"), "-", color="0.7", linewidth=0.8, label="chance")
    if drawn is not None and drawn.estimate == drawn.estimate:
        error = [[drawn.estimate - drawn.lower], [drawn.upper - drawn.estimate]]
        panel.errorbar(
            [len(way)],
            [drawn.estimate],
            yerr=error,
            fmt="s",
            color="black",
            label="drawn right, 95% interval",
        )
    panel.set_ylim(0, 1.05)


def _label(panel: Axes, way: Sequence[tuple[str, str, str]], *, below: bool) -> None:
    """Name the layers under a panel, and part the components and the denoiser's steps by lines."""
    parts = [(component, _step(layer)) for _, component, layer in way]
    starts = [index for index, part in enumerate(parts) if index == 0 or part != parts[index - 1]]
    for start in (*starts[1:], len(way)):
        panel.axvline(start - 0.5, color="0.8", linewidth=0.8)
    for start in starts:
        component, station = parts[start][0], way[start][0]
        name = f"{component}, step {parts[start][1]}" if station == "denoiser" else component
        panel.text(start - 0.3, 1.06, name, fontsize=7, color="0.35", va="bottom")
    # Of a deep network as many names as can be read side by side.
    every = -(-len(way) // MOST_LABELS)
    ticks = range(0, len(way), every)
    labels = [way[index][2].partition("@")[0] for index in ticks]
    panel.set_xticks([*ticks, len(way)], [*labels, IMAGE], rotation=90, fontsize=7)
    panel.tick_params(axis="x", labelbottom=below)


def _step(layer: str) -> int:
    """The sampling step in a layer's name; 0 for a text encoder's."""
    _, _, step = layer.partition("@step_")
    return int(step) if step.isdigit() else 0
