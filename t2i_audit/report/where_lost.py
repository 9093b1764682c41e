"""The figure ``where_lost``: how well each slot is decoded along the way from text to image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from t2i_audit.printable import printable
from t2i_audit.report.figure_files import write_png_and_svg
from t2i_audit.report.verdict import is_presence
from t2i_audit.results.decoding import DENOISER
from t2i_audit.results.readings import ProbeReading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from t2i_audit.results.interval import Interval
    from t2i_audit.results.success import SuccessRates

FOLDER = "figures"
NAME = "where_lost"
TITLE = "How well each slot is decoded, at the best position of each layer"
DECODED = "decoded, 95% band"
BASELINE = "words alone (baseline)"
CONTROL = "random weights (control)"
CONTROL_NOT_RUN = "random weights (control): not run"
COLUMNS = 2
PANEL = (6.0, 2.6)  # inches
MOST_LABELS = 40  # names of layers under a panel
LONGEST_LABEL = 30  # letters of a slot's name under the panel of success


class Stop(NamedTuple):
    """One layer on the way, at one sampling step of the denoiser."""

    station: str
    component: str
    layer: str
    step: int | None


def write_where_lost(
    run: Path, rows: Iterable[Mapping[str, Any]], success: SuccessRates | None
) -> tuple[Path, ...]:
    """Draw the figure as PNG and SVG into the run directory; returns the files.

    Args:
        run: the run directory.
        rows: of the table ``probes``.
        success: of the run's images; None if it made none.
    """
    readings = [ProbeReading.from_row(row) for row in rows]
    if all(is_presence(reading.slot) for reading in readings):
        return ()
    import matplotlib

    (run / FOLDER).mkdir(exist_ok=True)
    # No random ids: equal runs give equal bytes. A slot's name is never a formula.
    with matplotlib.rc_context({"svg.hashsalt": NAME, "text.parse_math": False}):
        figure = draw_where_lost(readings, success)
        return write_png_and_svg(figure, run / FOLDER / NAME)


def stops(readings: Iterable[ProbeReading]) -> tuple[Stop, ...]:
    """The layers on the way, in the order in which the data passes them."""
    order = dict.fromkeys(map(_stop, readings))
    # The denoiser's readings are sorted by step, then by depth as they come.
    return tuple(sorted(order, key=lambda stop: (stop.station == DENOISER, stop.step or 0)))


def best_readings(readings: Iterable[ProbeReading], slot: str) -> dict[Stop, ProbeReading]:
    """For each stop the reading at the position at which `slot` is decoded best there."""
    best: dict[Stop, ProbeReading] = {}
    for reading in readings:
        stop, figure = _stop(reading), reading.balanced_accuracy
        if reading.slot != slot or not figure.is_defined:
            continue
        if stop not in best or figure.estimate > best[stop].balanced_accuracy.estimate:
            best[stop] = reading
    return best


def _stop(reading: ProbeReading) -> Stop:
    place = reading.place
    return Stop(reading.station, place.encoder, place.layer, place.step)


def draw_where_lost(readings: Sequence[ProbeReading], success: SuccessRates | None) -> Figure:
    """The figure: a panel for each slot, and one for success where images were judged."""
    from matplotlib.figure import Figure

    slots = sorted({reading.slot for reading in readings if not is_presence(reading.slot)})
    controlled = any(
        not math.isnan(reading.random_weights_balanced_accuracy) for reading in readings
    )
    judged = success is not None and success.overall.is_defined
    lines = -(-(len(slots) + judged) // COLUMNS)
    size = PANEL[0] * COLUMNS, PANEL[1] * lines + 1.6
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(lines, COLUMNS, sharey=True, squeeze=False)
    panels = list(axes.flat)
    way = stops(readings)
    for index, (panel, slot) in enumerate(zip(panels, slots, strict=False)):
        _draw_slot(panel, way, best_readings(readings, slot), controlled=controlled)
        _label(panel, way, below=index + COLUMNS >= len(slots))
        panel.set_title(printable(slot), loc="left", fontsize=10, fontweight="bold", pad=14)
        panel.set_ylabel("balanced accuracy")
    for panel in panels[len(slots) :]:
        panel.set_axis_off()
    handles, labels = panels[0].get_legend_handles_labels()
    if success is not None and judged:
        panel = panels[len(slots)]
        panel.set_axis_on()
        drawn = _draw_success(panel, success)
        handles, labels = [*handles, drawn], [*labels, drawn.get_label()]
    figure.suptitle(TITLE)
    # Outside the panels, where it hides no line.
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8)
    return figure


def _draw_slot(
    panel: Axes, way: Sequence[Stop], readings: Mapping[Stop, ProbeReading], *, controlled: bool
) -> None:
    places = [index for index, stop in enumerate(way) if stop in readings]
    read = [readings[way[index]] for index in places]
    figures = [reading.balanced_accuracy for reading in read]
    panel.fill_between(
        places,
        [figure.lower for figure in figures],
        [figure.upper for figure in figures],
        alpha=0.25,
        linewidth=0,
    )
    estimates = [figure.estimate for figure in figures]
    panel.plot(places, estimates, "o-", markersize=3, label=DECODED)
    random = [reading.random_weights_balanced_accuracy for reading in read]
    panel.plot(places, random, ":", label=CONTROL if controlled else CONTROL_NOT_RUN)
    baseline = [reading.presence_balanced_accuracy for reading in read]
    panel.plot(places, baseline, "--", label=BASELINE)
    chance = [reading.chance for reading in read]
    panel.plot(places, chance, "-", color="0.7", linewidth=0.8, label="chance")
    panel.set_ylim(0, 1.05)


def _draw_success(panel: Axes, success: SuccessRates) -> Any:
    """The share of images that are right: all of them, and each slot's; returns the handle."""
    rates: dict[str, Interval] = {"all images": success.overall, **success.by_slot}
    rates = {name: rate for name, rate in rates.items() if rate.is_defined}
    estimates = [rate.estimate for rate in rates.values()]
    error = [
        [rate.estimate - rate.lower for rate in rates.values()],
        [rate.upper - rate.estimate for rate in rates.values()],
    ]
    drawn = panel.errorbar(
        range(len(rates)),
        estimates,
        yerr=error,
        fmt="s",
        color="black",
        label="drawn right, 95% interval",
    )
    panel.set_xticks(range(len(rates)), list(map(_short, rates)), rotation=90, fontsize=7)
    panel.set_xlim(-0.5, len(rates) - 0.5)
    panel.set_ylabel("share of images")
    panel.tick_params(axis="y", labelleft=True)
    panel.set_title("Drawn right", loc="left", fontsize=10, fontweight="bold", pad=14)
    return drawn


def _short(name: str) -> str:
    shown = printable(name)
    return shown if len(shown) <= LONGEST_LABEL else f"{shown[: LONGEST_LABEL - 1]}…"


def _label(panel: Axes, way: Sequence[Stop], *, below: bool) -> None:
    """Name the layers under a panel, and separate components and sampling steps by lines."""
    parts = [(stop.component, stop.step) for stop in way]
    starts = [index for index, part in enumerate(parts) if index == 0 or part != parts[index - 1]]
    for start in starts[1:]:
        panel.axvline(start - 0.5, color="0.8", linewidth=0.8)
    for start in starts:
        component, step = parts[start]
        name = component if step is None else f"{component}, step {step}"
        panel.text(start - 0.3, 1.06, name, fontsize=7, color="0.35", va="bottom")
    # Of a deep network as many names as can be read side by side.
    ticks = range(0, len(way), -(-len(way) // MOST_LABELS))
    panel.set_xticks(list(ticks), [way[index].layer for index in ticks], rotation=90, fontsize=7)
    panel.set_xlim(-0.5, len(way) - 0.5)
    panel.tick_params(axis="x", labelbottom=below)
