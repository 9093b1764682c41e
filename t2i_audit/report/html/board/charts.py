"""The charts of a group: success with its interval, and success against decodability and cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from t2i_audit.printable import counted, printable
from t2i_audit.report.html.board.costs import (
    components,
    cost_of,
    millions_of_parameters,
    peak_memory,
)
from t2i_audit.report.html.board.names import Group, NamedRow
from t2i_audit.report.html.board.scatter import Axis, Point, scatter_spec
from t2i_audit.report.html.chart import Chart, Table
from t2i_audit.report.html.dots import Dot, dots_spec
from t2i_audit.report.styles import plain_words
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.leaderboard import RunCorrelation

MOST_DOTS = 60  # lines of the chart of success


def success_chart(group: Group) -> Chart:
    """Success of each run, the best first, with its rank."""
    shown = group.rows[:MOST_DOTS]
    dots = [
        Dot(
            f"{each.row.rank}: {each.name}" if each.row.rank else each.name,
            each.row.success,
            {
                "run": each.run,
                "model": each.model,
                "success": str(each.row.success),
                "rank": "" if each.row.rank is None else str(each.row.rank),
            },
            link=each.link,
        )
        for each in shown
    ]
    caption = "Success of each run with its 95% interval, the best first."
    if group.ranked:
        caption += (
            " Before each name stands its rank: from the best place to the worst that the run may "
            "have. Two intervals may overlap although the runs are told apart, as runs are "
            "compared prompt by prompt."
        )
    if len(shown) < len(group.rows):
        caption += f" The best {MOST_DOTS} of {len(group.rows):,} are drawn; the table has all."
    table = Table(
        "Success and rank",
        ("model", "run", "rank", "success", "images"),
        tuple(
            (
                each.model,
                each.run,
                "" if each.row.rank is None else str(each.row.rank),
                str(each.row.success),
                f"{each.row.success.n:,}",
            )
            for each in shown
        ),
        frozenset({2, 3, 4}),
    )
    return Chart(
        f"success-{group.group.number}",
        caption,
        f"Success of {counted(len(shown), 'run')} as dots with intervals.",
        dots_spec(dots, title="share of images that are right", domain=(0, 1)),
        table,
    )


def decodability_chart(
    group: Group, correlation: RunCorrelation, *, is_alone: bool
) -> Chart | None:
    """Success against decodability at one station; None where fewer than two runs have both.

    Args:
        group: whose runs are drawn.
        correlation: of the group at the station.
        is_alone: whether it is the only group, so that the caption need not name it.
    """
    name = plain_words(correlation.station)
    finding = printable(correlation.sentence)
    if is_alone:
        finding = finding.removeprefix(f"{group.name}: ")
        finding = finding[:1].upper() + finding[1:]
    caption = (
        f"Success against decodability at the {name}, both with 95% intervals. A point is a run; "
        f"in the correlation each checkpoint counts once, with the mean of its runs. {finding}"
    )
    return _against_success(
        group,
        f"{correlation.station.replace('_', '-')}-{group.group.number}",
        caption,
        f"decodability at the {name}",
        lambda each: each.row.decodability.get(correlation.station, undefined()),
        str,
        most=1,
    )


def time_chart(group: Group) -> Chart | None:
    """Success against the time of an image."""
    return _against_success(
        group,
        f"seconds-{group.group.number}",
        "Success against seconds per image. Sampling and decoding are included, judging is left "
        "out. Times of different devices cannot be compared; the table names them.",
        "seconds per image",
        lambda each: _exact(cost_of(each.row).seconds_per_image),
        lambda found: f"{found.estimate:.3g}",
        more=(
            ("device", lambda each: printable(cost_of(each.row).device)),
            ("images timed", lambda each: f"{cost_of(each.row).images:,}"),
            ("peak memory", lambda each: peak_memory(cost_of(each.row))),
        ),
    )


def size_chart(group: Group) -> Chart | None:
    """Success against the number of parameters."""
    return _against_success(
        group,
        f"parameters-{group.group.number}",
        "Success against millions of parameters of all components of the pipeline.",
        "millions of parameters",
        lambda each: _exact(millions_of_parameters(each.row)),
        lambda found: f"{found.estimate:,.3g}",
        more=(("by component", lambda each: components(cost_of(each.row))),),
    )


def _against_success(
    group: Group,
    name: str,
    caption: str,
    title: str,
    of: Callable[[NamedRow], Interval],
    text: Callable[[Interval], str],
    most: float = math.inf,
    more: Sequence[tuple[str, Callable[[NamedRow], str]]] = (),
) -> Chart | None:
    rows = [each for each in group.rows if of(each).is_defined and each.row.success.is_defined]
    if len(rows) < 2:
        return None
    points = [
        Point(
            each.name,
            of(each),
            each.row.success,
            {"run": each.run, "model": each.model, title: text(of(each))}
            | {"success": str(each.row.success)}
            | {heading: cell(each) for heading, cell in more},
            each.link,
        )
        for each in rows
    ]
    spec = scatter_spec(
        points,
        Axis.of(title, [point.x for point in points], most=most),
        Axis.of("success", [point.y for point in points], most=1),
    )
    table = Table(
        caption.split(". ")[0] + ".",
        ("model", "run", title, "success", *(heading for heading, _ in more)),
        tuple(
            (
                *(each.model, each.run, text(of(each)), str(each.row.success)),
                *(cell(each) for _, cell in more),
            )
            for each in rows
        ),
        frozenset({2, 3}),
    )
    alt = f"{counted(len(points), 'point')} of success over {title}."
    return Chart(name, caption, alt, spec, table)


def _exact(value: float) -> Interval:
    """A number without an interval; NaN where it is not known."""
    return Interval(value, math.nan, math.nan, 0)
