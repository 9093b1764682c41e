"""Differences of success and of decodability, as charts with their tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from t2i_audit.printable import printable
from t2i_audit.report.html.chart import Chart, Table
from t2i_audit.report.html.dots import NOT_SURE, Dot, dots_spec, side_of
from t2i_audit.report.styles import plain_words
from t2i_audit.results.comparison import Comparison, Flips, PairedRate
from t2i_audit.results.interval import Interval

POINTS = 100  # percentage points in a share
AXIS = "difference in points"
READING = (
    "Each mark is the candidate less the base in percentage points, with its 95% interval. A "
    "triangle is a difference that is sure by Holm's correction over all parts, and points to the "
    "higher side; a circle is one that may be chance."
)
NUMERIC = frozenset({1, 2, 3, 4})


def success_chart(comparison: Comparison) -> Chart:
    """The difference of success of all images, and by slot, type and split."""
    lines = [
        ("all images", comparison.overall),
        *_named("slot", comparison.by_slot),
        *_named("type", comparison.by_type),
        *_named("split", {plain_words(each): rate for each, rate in comparison.by_split.items()}),
    ]
    return _chart(
        "success-differences",
        f"Difference of success, of all images and of parts of them. {READING}",
        lines,
        counts="images",
    )


def decodability_charts(comparison: Comparison) -> tuple[Chart, ...]:
    """The difference of decodability, a chart for each station that both runs probed."""
    charts = []
    for number, (station, rate) in enumerate(comparison.decodability.items()):
        slots = comparison.slot_decodability.get(station, {})
        lines = [("weakest slot", rate), *_named("slot", slots)]
        if any(each.difference.is_defined for _, each in lines):
            caption = (
                f"Decodability at the {plain_words(station)}: the probability of the true value, "
                f"mean over prompts, of each prompt's weakest slot and of each slot. {READING}"
            )
            charts.append(_chart(f"decodability-{number}", caption, lines, counts="prompts"))
    return tuple(charts)


def use_chart(comparison: Comparison) -> Chart:
    """The difference of the use of each slot that was measured in both runs."""
    caption = (
        "Use of what the denoiser is given: the share of images in which a slot is right with a "
        "random subspace erased, less that with the slot erased. Each mark is the candidate less "
        "the base in percentage points, with its 95% interval. A triangle is a difference that is "
        "sure for that slot alone; a circle is one that may be chance."
    )
    return _chart("use-differences", caption, _named("slot", comparison.use), counts="images")


def flips_table(flips: Flips) -> Table:
    """How many prompts went which way."""
    return Table(
        "Prompts by what became of their images. The p-value is exact and two-sided: how often "
        "chance alone would send as many one way, of those that went either way.",
        ("fewer right in the candidate", "more right", "as many", "p-value"),
        ((f"{flips.worse:,}", f"{flips.better:,}", f"{flips.same:,}", p_text(flips.p_value)),),
        frozenset({0, 1, 2, 3}),
    )


def points(difference: Interval) -> str:
    """A difference in percentage points, e.g. ``-3.1 [-5.0, -1.2]``."""
    if not difference.is_defined:
        return "undefined"
    shown = [f"{POINTS * each:+.1f}" for each in (difference.lower, difference.upper)]
    ends = "" if math.isnan(difference.lower) else f" [{', '.join(shown)}]"
    return f"{POINTS * difference.estimate:+.1f}{ends}"


def p_text(value: float) -> str:
    """A p-value; what is far below any level that one would choose is not spelled out."""
    if math.isnan(value):
        return "undefined"
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def _chart(
    name: str, caption: str, lines: Sequence[tuple[str, PairedRate]], *, counts: str
) -> Chart:
    columns = ("what", "base", "candidate", "difference in points", counts, "reading")
    rows = [
        (
            label,
            str(rate.base),
            str(rate.candidate),
            points(rate.difference),
            f"{rate.difference.n:,}",
            _side(rate),
        )
        for label, rate in lines
    ]
    dots = [
        Dot(label, rate.difference, dict(zip(columns, row, strict=True)), _side(rate))
        for (label, rate), row in zip(lines, rows, strict=True)
    ]
    table = Table(caption.split(". ")[0] + ".", columns, tuple(rows), NUMERIC)
    spec = dots_spec(dots, title=AXIS, factor=POINTS)
    found = "; ".join(f"{row[0]} {row[3]}" for row in rows)
    return Chart(name, caption, f"Dots with intervals around a line at 0: {found}.", spec, table)


def _side(rate: PairedRate) -> str:
    """Where the difference surely lies; one that is of all prompts needs no correction."""
    is_one_of_many = not math.isnan(rate.p_holm)
    return NOT_SURE if is_one_of_many and not rate.is_sure else side_of(rate.difference)


def _named(part: str, rates: Mapping[str, PairedRate]) -> list[tuple[str, PairedRate]]:
    return [(printable(f"{part} {name}"), rate) for name, rate in rates.items()]
