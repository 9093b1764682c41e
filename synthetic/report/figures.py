"""Figures, each as PNG and as SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthetic.evaluation.results import RunResult
from synthetic.evaluation.statistics import Correlation
from synthetic.settings import RunSettings
from t2i_audit.io import atomic_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from synthetic.evaluation.construction import ConstructionReport
    from synthetic.report.rows import SummaryRow
    from synthetic.report.validation import Validation
    from synthetic.suite import ValidationSuite

DOTS_PER_INCH = 110
GENERALIZATION = "R2 on held-out compositions"
MARKERS = "osv^DP*X"
FEW_RUNS = 5  # a place with no more runs than this gets no panel, unless there is no other


def draw_validation(
    out: Path,
    suite: ValidationSuite,
    results: Mapping[RunSettings, RunResult],
    validation: Validation,
) -> None:
    """Write ``decodability``, ``scaling``, ``supports`` and ``construction`` in `out`."""
    scale = [results[run] for run in suite.scale]
    save(out / "decodability", scatter(scale, validation.correlations))
    save(out / "scaling", scaling(scale))
    save(out / "supports", support_bars(validation.supports))
    save(out / "construction", construction_error(validation.construction))


def scatter(results: Sequence[RunResult], correlations: Sequence[Correlation]) -> Figure:
    """Decodability against generalization: one panel per place and one point per run.

    The colour of a point is the width, its marker the number of trained compositions.
    """
    shown = [one for one in correlations if one.pearson.n > FEW_RUNS] or list(correlations)
    figure, axes = _panels(len(shown), share_y=True)
    widths = sorted({result.settings.width for result in results})
    amounts = sorted({result.n_trained for result in results})
    colours = dict(zip(widths, _colours(len(widths)), strict=True))
    markers = dict(zip(amounts, cycle(MARKERS), strict=False))
    for panel, one in zip(axes, shown, strict=True):
        for result in results:
            if probe := result.probe(one.place):
                panel.scatter(
                    probe.r2_held_out,
                    result.score_held_out,
                    color=colours[result.settings.width],
                    marker=markers[result.n_trained],
                    s=14,
                )
        over_all, within = one.pearson, one.pearson_within
        panel.set_title(
            f"{one.place.replace('_', ' ')}: {over_all.estimate:.2f} over {over_all.n} runs,\n"
            f"{within.estimate:.2f} [{within.lower:.2f}, {within.upper:.2f}] equally many trained",
            fontsize=7,
        )
        panel.set_xlabel("decodability, probe R2")
        # All panels have the same scale, so that a saturated place is seen to be one.
        panel.set_xlim(min(-0.15, one.lowest_r2 - 0.05), 1.05)
    axes[0].set_ylabel(GENERALIZATION)
    keys = [
        *((f"width {width}", colour, "o") for width, colour in colours.items()),
        *((f"{amount} trained", "grey", marker) for amount, marker in markers.items()),
    ]
    for label, colour, marker in keys:
        axes[0].scatter([], [], color=colour, marker=marker, s=14, label=label)
    axes[0].legend(fontsize=6)
    return figure


def scaling(results: Sequence[RunResult]) -> Figure:
    """Generalization against the number of trained compositions, width and depth; the dashed
    lines are the additive floor."""
    figure, axes = _panels(3, share_y=True)
    depths = [result.settings.depth for result in results]
    most_common = max(set(depths), key=depths.count)
    common = [result for result in results if result.settings.depth == most_common]
    others = [result.settings for result in results if result.settings.depth != most_common]
    cells = {(run.width, run.train_fraction) for run in others}
    comparable = [r for r in results if (r.settings.width, r.settings.train_fraction) in cells]
    _lines(axes[0], common, lambda r: r.n_trained, lambda r: f"width {r.settings.width}")
    axes[0].set_xlabel("trained compositions")
    _lines(axes[1], common, lambda r: r.settings.width, lambda r: f"{r.n_trained} compositions")
    axes[1].set_xlabel("width")
    axes[1].set_xscale("log", base=2)
    if comparable:
        _lines(
            axes[2],
            comparable,
            lambda r: r.settings.depth,
            lambda r: f"width {r.settings.width}",
        )
    axes[2].set_xlabel("hidden layers")
    axes[0].set_ylabel(GENERALIZATION)
    return figure


def support_bars(rows: Sequence[SummaryRow]) -> Figure:
    """Generalization under each support, next to its additive floor."""
    figure, (panel,) = _panels(1)
    figure.set_size_inches(6.5, 3.6)
    places = range(len(rows))
    for shift, name, label in ((-0.2, "held_out", "student"), (0.2, "additive_floor", "adding up")):
        values = [getattr(row, name) for row in rows]
        panel.bar(
            [place + shift for place in places],
            [value.estimate for value in values],
            0.4,
            label=label,
            yerr=[
                [value.estimate - value.lower for value in values],
                [value.upper - value.estimate for value in values],
            ],
            capsize=2,
        )
    panel.set_xticks(
        list(places),
        [f"{row.name}\n({row.train_fraction:.2f} trained)" for row in rows],
        rotation=30,
        ha="right",
        fontsize=7,
    )
    panel.axhline(0, color="black", linewidth=0.6)
    panel.set_ylabel(GENERALIZATION, fontsize=8)
    panel.legend(fontsize=8)
    return figure


def curve_and_probe(result: RunResult) -> Figure:
    """One student's loss curve, and the probe's R2 at each place."""
    figure, (curve, probes) = _panels(2)
    figure.set_size_inches(7, 3)
    curve.plot(*zip(*result.curve, strict=True) if result.curve else ((), ()))
    curve.set_xlabel("step")
    curve.set_ylabel("training loss")
    if result.curve:
        curve.set_yscale("log")
    places = [probe.place for probe in result.probes]
    for field, label in (("r2_in_distribution", "trained"), ("r2_held_out", "held-out")):
        probes.plot(
            places,
            [getattr(probe, field) for probe in result.probes],
            "o-",
            label=f"{label} compositions",
        )
    probes.tick_params(axis="x", rotation=45)
    probes.set_ylabel("probe R2")
    probes.legend(fontsize=7)
    return figure


def construction_error(report: ConstructionReport) -> Figure:
    """Measured error of the constructed networks against their neurons, and its bound."""
    figure, (panel,) = _panels(1)
    figure.set_size_inches(4.2, 3.2)
    neurons = [size.neurons for size in report.sizes]
    panel.loglog(
        neurons,
        [size.bound for size in report.sizes],
        "--",
        label=f"bound, slope {report.bound_slope:.2f}",
    )
    panel.loglog(
        neurons,
        [size.measured for size in report.sizes],
        "o-",
        label=f"measured, slope {report.slope:.2f}",
    )
    panel.set_xlabel("hidden neurons")
    panel.set_ylabel("largest error of an output")
    panel.legend(fontsize=7)
    return figure


def save(path: Path, figure: Figure) -> None:
    """Write `figure` to `path` with the suffixes ``.png`` and ``.svg``, atomically."""
    import matplotlib

    # With a fixed salt and no date the same figure gives the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "t2i-audit"}):
        for suffix, metadata in ((".png", {}), (".svg", {"Date": None})):
            with atomic_file(path.with_suffix(suffix)) as temporary:
                figure.savefig(temporary, format=suffix[1:], dpi=DOTS_PER_INCH, metadata=metadata)


def _panels(count: int, *, share_y: bool = False) -> tuple[Figure, list[Axes]]:
    """A figure with a row of panels; unlike those of `pyplot`, it is part of no global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.6 * count, 3.0), layout="constrained")
    axes: Any = figure.subplots(1, count, squeeze=False, sharey=share_y)
    return figure, list(axes[0])


def _lines(
    panel: Axes,
    results: Sequence[RunResult],
    x_of: Callable[[RunResult], float],
    group_of: Callable[[RunResult], str],
) -> None:
    groups: dict[str, dict[float, list[RunResult]]] = {}
    for result in sorted(results, key=x_of):
        groups.setdefault(group_of(result), {}).setdefault(x_of(result), []).append(result)
    for (name, points), colour in zip(
        sorted(groups.items(), key=_by_number), _colours(len(groups)), strict=True
    ):
        for field, style in (("score_held_out", "o-"), ("additive_floor", "--")):
            means = [
                sum(getattr(one, field) for one in point) / len(point) for point in points.values()
            ]
            label = name if field == "score_held_out" else None
            panel.plot(list(points), means, style, color=colour, label=label, markersize=3)
        for x, point in points.items():
            panel.plot(
                [x] * len(point),
                [one.score_held_out for one in point],
                ".",
                color=colour,
                alpha=0.5,
            )
    panel.legend(fontsize=6)


def _by_number(item: tuple[str, object]) -> int:
    return int("".join(letter for letter in item[0] if letter.isdigit()))


def _colours(count: int) -> list[Any]:
    import matplotlib

    return [
        matplotlib.colormaps["viridis"](index / max(1, count - 1) * 0.9) for index in range(count)
    ]
