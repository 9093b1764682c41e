"""Where each slot is lost on its way: along the encoder, the denoiser's steps, and the image."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from t2i_audit.printable import printable
from t2i_audit.report.blocks import blocks_sentence
from t2i_audit.report.html.chart import Chart, Table
from t2i_audit.report.html.intervals import number, page_colour, share_text, specification
from t2i_audit.report.html.page import Section
from t2i_audit.report.html.run.contents import Contents
from t2i_audit.report.styles import plain_words
from t2i_audit.report.vae import vae_sentence
from t2i_audit.report.verdict import is_presence
from t2i_audit.report.where_lost import Stop, best_readings, stops
from t2i_audit.results.interval import Interval
from t2i_audit.results.readings import ProbeReading
from t2i_audit.results.vae import VaeSummary

LINES = ("decoded", "random weights", "words alone", "chance")
COLOURS = [page_colour(f"category-{place}") for place in (1, 2, 3, 6)]
DASHES = [[1, 0], [2, 3], [8, 4], [1, 0]]
IMAGE = "drawn right"
FIRST = 8  # charts beside each other before the others are folded away
HEIGHT = 200  # pixels


def where_lost_section(contents: Contents) -> Section:
    """A chart for each slot that was probed."""
    readings = contents.readings
    slots = [slot for slot in dict.fromkeys(r.slot for r in readings) if not is_presence(slot)]
    way = stops(readings)
    success = contents.run.summary.success
    drawn = {} if success is None else success.by_slot
    charts = []
    for index, slot in enumerate(sorted(slots)):
        found = best_readings(readings, slot)
        if found:
            charts.append(_chart(f"lost-{index}", slot, way, found, drawn.get(slot)))
    vae, blocks = contents.run.summary.vae, contents.run.summary.blocks
    controlled = any(not math.isnan(r.random_weights_balanced_accuracy) for r in readings)
    return Section(
        "where-lost",
        "Where each slot is lost",
        "run/where_lost.html",
        {
            "first": FIRST,
            "controlled": controlled,
            "with_image": bool(drawn),
            "components": [
                printable(name) for name in dict.fromkeys(stop.component for stop in way)
            ],
            "reason": "" if charts else _why_none(contents),
            "blocks": None if blocks is None else printable(blocks_sentence(blocks)),
            "vae": None if vae is None else printable(vae_sentence(vae)),
            "pairs": None if vae is None else _pairs(vae),
        },
        charts=tuple(charts),
    )


def _pairs(vae: VaeSummary) -> Table:
    return Table(
        f"What the VAE keeps apart, of {vae.n_prompts} prompts: the share told apart by a linear "
        "probe, where a guess is right in half.",
        ("values", "latents", "image encoded again", "loss", "lost"),
        tuple(
            (
                printable(f"{pair.kind}: {pair.values[0]}, {pair.values[1]}"),
                str(pair.before),
                str(pair.behind),
                str(pair.loss),
                "yes" if pair.lost else "no",
            )
            for pair in vae.pairs
        ),
        numeric=frozenset({1, 2, 3}),
    )


def _why_none(contents: Contents) -> str:
    if not contents.run.summary.stations:
        return "No checkpoint was probed beside these images, so this run does not show it."
    return "No slot could be decided in this run; the reasons stand under Verdicts."


def _chart(
    name: str,
    slot: str,
    way: Sequence[Stop],
    readings: Mapping[Stop, ProbeReading],
    drawn: Interval | None,
) -> Chart:
    shown = printable(slot)
    last = readings[max(readings, key=way.index)].balanced_accuracy
    image = "" if drawn is None else f" In the image it is right in {share_text(drawn)}."
    return Chart(
        name,
        f"{shown}: how accurately a linear probe reads it at each layer.",
        f"Balanced accuracy of a probe for {shown} along {len(readings)} layers, {last} at the "
        f"last of them.{image}",
        _specification(way, readings, drawn),
        _table(shown, way, readings, drawn),
    )


def _specification(
    way: Sequence[Stop], readings: Mapping[Stop, ProbeReading], drawn: Interval | None
) -> dict[str, Any]:
    import altair as alt

    lines, bands = [], []
    for index, stop in enumerate(way):
        if stop not in readings:
            continue
        reading = readings[stop]
        own = reading.balanced_accuracy
        where = printable(stop_name(stop))
        bands.append({"at": index, "lower": number(own.lower), "upper": number(own.upper)})
        values = (
            own.estimate,
            reading.random_weights_balanced_accuracy,
            reading.presence_balanced_accuracy,
            reading.chance,
        )
        for line, value in zip(LINES, values, strict=True):
            if not math.isnan(value):
                said = str(own) if line == "decoded" else f"{value:.2f}"
                row = {"at": index, "line": line, "value": value, "said": said, "where": where}
                lines.append(row)
    end = len(way) - (drawn is None)
    x = alt.X(
        "at:Q",
        title=None,
        scale=alt.Scale(domain=[-0.5, end + 0.5], nice=False),
        axis=_axis(way, drawn),
    )
    y = alt.Y("value:Q", title="balanced accuracy", scale=alt.Scale(domain=[0, 1]))
    band = (
        alt.Chart(alt.Data(values=bands))
        .mark_area(opacity=0.2, interpolate="linear")
        .encode(x=x, y=alt.Y("lower:Q", title="balanced accuracy"), y2="upper:Q")
    )
    tooltip = [
        alt.Tooltip("where:N", title="at"),
        alt.Tooltip("line:N", title="what"),
        alt.Tooltip("said:N", title="accuracy"),
    ]
    base = alt.Chart(alt.Data(values=lines)).encode(
        x=x,
        y=y,
        color=alt.Color("line:N", scale=alt.Scale(domain=LINES, range=COLOURS), legend=None),
        tooltip=tooltip,
    )
    drawn_lines = base.mark_line(strokeWidth=2).encode(
        strokeDash=alt.StrokeDash(
            "line:N", scale=alt.Scale(domain=LINES, range=DASHES), legend=None
        )
    )
    points = base.transform_filter("datum.line == 'decoded'").mark_point(
        filled=True, size=30, opacity=1
    )
    starts = [{"at": at - 0.5} for at in _starts(way)[1:]]
    marks = [{"at": at - 0.4, "part": printable(_part(way[at]))} for at in _starts(way)]
    layers = [
        band,
        drawn_lines,
        points,
        alt.Chart(alt.Data(values=marks))
        .mark_text(align="left", baseline="bottom", fontSize=11, limit=90)
        .encode(x=x, y=alt.value(-4), text="part:N"),
    ]
    if starts:  # a chart's empty layer would be a picture without a name
        layers.append(
            alt.Chart(alt.Data(values=starts)).mark_rule(opacity=0.35, strokeWidth=1).encode(x=x)
        )
    if drawn is not None and drawn.is_defined:
        layers += _image(drawn, end, x)
    return specification(alt.layer(*layers).properties(height=HEIGHT))


def _image(drawn: Interval, at: int, x: Any) -> list[Any]:
    import altair as alt

    row = {
        "at": at,
        "value": drawn.estimate,
        "lower": number(drawn.lower),
        "upper": number(drawn.upper),
        "said": share_text(drawn),
        "where": "image",
        "n": f"{drawn.n:,} images",
    }
    base = alt.Chart(alt.Data(values=[row])).encode(
        x=x,
        tooltip=[
            alt.Tooltip("where:N", title="at"),
            alt.Tooltip("said:N", title=IMAGE),
            alt.Tooltip("n:N", title="over"),
        ],
    )
    return [
        base.mark_rule(strokeWidth=2).encode(y="lower:Q", y2="upper:Q"),
        base.mark_point(shape="square", filled=True, size=90, opacity=1).encode(y="value:Q"),
    ]


def _axis(way: Sequence[Stop], drawn: Interval | None) -> Any:
    import altair as alt

    names = [printable(stop.layer) for stop in way] + ([] if drawn is None else ["image"])
    # JSON's strings are strings of Vega's expressions too, whatever a layer is called.
    label = f"{json.dumps(names)}[datum.value]"
    return alt.Axis(
        values=list(range(len(names))),
        labelExpr=label,
        labelAngle=-90,
        labelAlign="right",
        labelBaseline="middle",
        labelOverlap="greedy",
        labelLimit=110,
        grid=False,
        labelFontSize=10,
    )


def _starts(way: Sequence[Stop]) -> list[int]:
    """Where another component or another step begins."""
    parts = [(stop.component, stop.step) for stop in way]
    return [index for index, part in enumerate(parts) if index == 0 or part != parts[index - 1]]


def _part(stop: Stop) -> str:
    return plain_words(stop.component) if stop.step is None else f"step {stop.step}"


def stop_name(stop: Stop) -> str:
    """E.g. ``text_encoder, block_3`` and ``unet, mid_block, step 4``."""
    step = "" if stop.step is None else f", step {stop.step}"
    return f"{stop.component}, {stop.layer}{step}"


def _table(
    slot: str, way: Sequence[Stop], readings: Mapping[Stop, ProbeReading], drawn: Interval | None
) -> Table:
    rows = [
        (
            stop_name(stop),
            str(reading.balanced_accuracy),
            _plain(reading.random_weights_balanced_accuracy),
            _plain(reading.presence_balanced_accuracy),
            _plain(reading.chance),
            f"{reading.balanced_accuracy.n:,} prompts",
        )
        for stop, reading in ((stop, readings[stop]) for stop in way if stop in readings)
    ]
    if drawn is not None:
        rows.append(("image, drawn right", str(drawn), "", "", "", f"{drawn.n:,} images"))
    return Table(
        f"{slot} along the way, at the best position of each layer, with 95% intervals",
        ("at", *LINES, "n"),
        tuple(rows),
        frozenset({1, 2, 3, 4, 5}),
    )


def _plain(value: float) -> str:
    return "not run" if math.isnan(value) else f"{value:.2f}"
