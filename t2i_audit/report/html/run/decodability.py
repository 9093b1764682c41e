"""Decodability against failure: a point for each prompt, at each station."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from t2i_audit.printable import counted, printable
from t2i_audit.report.causes import cause_name
from t2i_audit.report.html.chart import Chart, Table
from t2i_audit.report.html.intervals import SHAPES, ends_text, specification
from t2i_audit.report.html.page import Section
from t2i_audit.report.html.run.contents import Contents
from t2i_audit.report.styles import plain_words
from t2i_audit.report.verdict import percent
from t2i_audit.results.decoding import DENOISER, TEXT_ENCODER
from t2i_audit.stats.shares import clustered_share

COLUMNS = {TEXT_ENCODER: "text_decodability", DENOISER: "denoiser_decodability"}
RIGHT = "no wrong image"
UNATTRIBUTED = "wrong, no cause named"
MOST_IN_SVG = 1_500  # points; more are drawn on a canvas, which takes thousands
# About 2 MB of the page. All points of 100,000 prompts would leave no room for an image.
MOST_POINTS = 5_000
LONGEST_TEXT = 160  # letters of a prompt beside its point
SPREAD = 0.07  # up and down, so that prompts with the same share do not hide each other
HEIGHT = 300  # pixels
BINS = 10


@dataclass(frozen=True)
class _Point:
    prompt_id: str
    text: str
    composition: str
    decodability: float
    success: float
    judged: int
    weakest: str
    group: str


def decodability_section(contents: Contents) -> Section:
    """A chart for each station that was probed, with what the association says."""
    summary = contents.run.summary
    said = {
        name: printable(f"{plain_words(name).capitalize()}: {association.sentence}")
        for name, association in (summary.associations or {}).items()
    }
    charts = []
    for station in summary.stations:
        points = _points(contents, station)
        if points:
            charts.append(_chart(station, points, said.get(station, "")))
    return Section(
        "decodability",
        "Decodability against failure",
        "run/decodability.html",
        {"reason": "" if charts else _why_none(contents)},
        charts=tuple(charts),
        script="run/decodability.js" if charts else "",
    )


def _why_none(contents: Contents) -> str:
    if not contents.has_images:
        return "This run made no images, so decodability cannot be set against failure."
    if not contents.run.summary.stations:
        return "No checkpoint was probed beside these images, so no prompt has a decodability."
    return "No prompt has both a decodability and a judged image."


def _points(contents: Contents, station: str) -> list[_Point]:
    prompts = {prompt.id: prompt for prompt in contents.prompts}
    weakest: dict[str, tuple[float, str]] = {}
    for row in contents.decodability:
        if row["station"] == station and not math.isnan(row["probability"]):
            found = row["probability"], row["slot"]
            weakest[row["prompt_id"]] = min(weakest.get(row["prompt_id"], found), found)
    points = []
    for row in contents.attributions:
        decodability, success = row[COLUMNS[station]], row["success_rate"]
        if math.isnan(decodability) or math.isnan(success):
            continue
        prompt = prompts[row["prompt_id"]]
        probability, slot = weakest.get(prompt.id, (math.nan, ""))
        points.append(
            _Point(
                prompt.id,
                _shortened(prompt.text),
                prompt.composition,
                decodability,
                success,
                row["judged"],
                f"{printable(slot)} ({probability:.2f})",
                _group(row),
            )
        )
    return points


def _group(row: Mapping[str, Any]) -> str:
    if not row["failing"]:
        return RIGHT
    cause = row["cause"]
    return UNATTRIBUTED if cause is None else f"wrong: {cause_name(cause)}"


def _shortened(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= LONGEST_TEXT else f"{shown[: LONGEST_TEXT - 1]}…"


def _chart(station: str, points: list[_Point], sentence: str) -> Chart:
    where = plain_words(station)
    said = sentence.removeprefix(f"{where.capitalize()}: ") or "No association was computed."
    drawn = _drawn(points)
    prompts = counted(len(points), "prompt")
    if len(drawn) < len(points):
        prompts = f"{len(drawn):,} of {prompts}, spread evenly over the suite"
    return Chart(
        f"decodability-{station.replace('_', '-')}",
        f"{where.capitalize()}, {prompts}: {said}",
        f"{prompts} by decodability at the {where} and share of right images. {said}",
        _specification(drawn),
        _table(where, points),
    )


def _drawn(points: list[_Point]) -> list[_Point]:
    """Those of `points` that the chart shows; the table beside it counts all."""
    if len(points) <= MOST_POINTS:
        return points
    return [points[place] for place in np.linspace(0, len(points) - 1, MOST_POINTS, dtype=int)]


def _specification(points: list[_Point]) -> dict[str, Any]:
    import altair as alt

    groups = sorted({point.group for point in points}, key=lambda group: (group != RIGHT, group))
    rows = [
        {
            "prompt_id": point.prompt_id,
            "text": point.text,
            "x": round(point.decodability, 4),
            "y": round(point.success + _moved(point.prompt_id), 4),
            "right": f"{round(point.success * point.judged)} of {point.judged}",
            "weakest": point.weakest,
            "group": point.group,
        }
        for point in points
    ]
    legend = alt.Legend(title=None, orient="bottom", columns=1, labelLimit=300)
    scale = alt.Scale(domain=groups)
    shapes = alt.Scale(domain=groups, range=list(SHAPES[: len(groups)]))
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(size=36, opacity=0.8, strokeWidth=1.5, cursor="pointer")
        .encode(
            x=alt.X(
                "x:Q",
                title="probability of the weakest slot's true value",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(tickCount=5),
            ),
            y=alt.Y(
                "y:Q",
                title="share of images that are right",
                scale=alt.Scale(domain=[-SPREAD, 1 + SPREAD], nice=False),
                axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".0%"),
            ),
            color=alt.Color("group:N", scale=scale, legend=legend),
            shape=alt.Shape("group:N", scale=shapes, legend=legend),
            tooltip=[
                alt.Tooltip("text:N", title="prompt"),
                alt.Tooltip("weakest:N", title="weakest slot"),
                alt.Tooltip("right:N", title="images right"),
                alt.Tooltip("group:N", title="cause"),
            ],
        )
        .properties(height=HEIGHT)
    )
    found = specification(chart)
    if len(points) > MOST_IN_SVG:
        found["usermeta"] = {"embedOptions": {"renderer": "canvas"}}
    return found


def _moved(prompt_id: str) -> float:
    """How far a point is moved, the same at every station and in every report."""
    digest = hashlib.sha256(prompt_id.encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:4], "big") / 2**32 - 0.5) * 2 * SPREAD * 0.9


def _table(where: str, points: list[_Point]) -> Table:
    """The prompts by tenths of decodability, each with the share of images that are right."""
    bins: dict[int, list[_Point]] = {}
    for point in points:
        bins.setdefault(min(int(point.decodability * BINS), BINS - 1), []).append(point)
    rows = []
    for index, inside in sorted(bins.items()):
        right: list[int] = []
        owners: list[str] = []
        for point in inside:
            hits = round(point.success * point.judged)
            right += [1] * hits + [0] * (point.judged - hits)
            owners += [point.composition] * point.judged
        share = clustered_share(right, owners)
        rows.append(
            (
                f"{index / BINS:.1f} to {(index + 1) / BINS:.1f}",
                f"{len(inside):,}",
                f"{share.n:,}",
                percent(share.estimate),
                ends_text(share),
            )
        )
    return Table(
        f"Share of images that are right, by decodability at the {where}",
        ("decodability", "prompts", "images", "right", "95% interval"),
        tuple(rows),
        frozenset({1, 2, 3, 4}),
    )
