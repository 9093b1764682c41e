"""The figure of a forecast's reliability: forecast risk against the share that was wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit.report.figure_files import write_png_and_svg
from t2i_audit.results.forecast import Trust

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDING = "-reliability"


def write_reliability(trust: Trust, stem: Path) -> tuple[Path, ...]:
    """Draw the curve as PNG and SVG, to `stem` with ``-reliability`` added; returns the files.

    Nothing is drawn where no prompt was forecast.
    """
    if not trust.reliability:
        return ()
    import matplotlib

    # No random ids: equal forecasts give equal bytes.
    with matplotlib.rc_context({"svg.hashsalt": ENDING}):
        figure = draw_reliability(trust)
        return write_png_and_svg(figure, stem.with_name(f"{stem.name}{ENDING}"))


def draw_reliability(trust: Trust) -> Figure:
    """The curve with the interval of each point, beside the diagonal of a perfect forecast."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8, label="as forecast")
    points = [point for point in trust.reliability if point.failed.is_defined]
    risks = [point.risk for point in points]
    shares = [point.failed.estimate for point in points]
    reaches = [
        [point.failed.estimate - point.failed.lower for point in points],
        [point.failed.upper - point.failed.estimate for point in points],
    ]
    axes.errorbar(risks, shares, yerr=reaches, fmt="o-", markersize=4, label="found, 95% interval")
    for point in points:
        axes.annotate(
            f"{point.failed.n:,}",
            (point.risk, 0),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            color="0.35",
        )
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xlabel("forecast risk, compositions left out (images below)")
    axes.set_ylabel("share of images that is wrong")
    axes.legend(loc="upper left", fontsize=8)
    return figure
