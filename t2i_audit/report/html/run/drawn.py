"""What was drawn instead: the captions that won, and which values were drawn for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from t2i_audit.judges.drawn import MISSING, OMISSION, Asked, Drawn, what_was_drawn
from t2i_audit.printable import counted, printable
from t2i_audit.report.html.chart import Chart, Table
from t2i_audit.report.html.intervals import Dot, dots, ends_text, share_text, specification
from t2i_audit.report.html.page import Section
from t2i_audit.report.html.run.contents import Contents
from t2i_audit.report.styles import plain_words
from t2i_audit.report.verdict import percent
from t2i_audit.results.interval import Interval
from t2i_audit.stats.shares import clustered_share

UNNAMED = "another caption"
MOST_CHANGES = 20
MOST_VALUES = 12  # of a kind; a larger picture cannot be read on a phone
MOST_CONFUSIONS = 30  # rows of a table
CELL = 30  # pixels
STRONGEST = 0.55  # of a cell's colour; the page's text can be read on it, light and dark
NAMES = {OMISSION: "one thing left out"}


def drawn_section(contents: Contents) -> Section:
    """What the judge saw in the place of what was asked for."""
    summary = contents.run.summary
    sentences: list[str] = []
    charts: list[Chart] = []
    if not contents.has_images:
        sentences.append("This run made no images, so nothing was drawn.")
    else:
        found = what_was_drawn(
            contents.prompts,
            [(row["prompt_id"], row["correct"], row["chosen"]) for row in contents.judgements],
        )
        if any(change for change, _ in found.changes):
            charts.append(_changes_chart(found))
        for index, (kind, asked) in enumerate(sorted(found.values.items())):
            charts.append(_confusion_chart(f"drawn-{index}", kind, asked))
        if not found.changes:
            sentences.append("No image is wrong, so nothing was drawn instead.")
        if not charts:
            judge = printable(summary.judge or "")
            sentences.append(
                f"The judge {judge} says what is wrong in an image, and not what stands there "
                "instead. A judge of captions (clip) names the caption that fits better."
            )
    return Section(
        "drawn-instead",
        "What was drawn instead",
        "run/drawn.html",
        {"sentences": sentences},
        charts=tuple(charts),
    )


def _changes_chart(found: Drawn) -> Chart:
    n = len(found.changes)
    owners = [composition for _, composition in found.changes]
    counts = Counter(change for change, _ in found.changes)
    rows: list[tuple[str, int, Interval]] = []
    for change, count in counts.most_common(MOST_CHANGES):
        share = clustered_share([each == change for each, _ in found.changes], owners)
        name = NAMES.get(change, plain_words(change)) if change else UNNAMED
        rows.append((printable(name), count, share))
    said = "; ".join(f"{name} {share_text(share)}" for name, _, share in rows[:6])
    return Chart(
        "winning-captions",
        f"Which caption the judge preferred to the prompt in the {counted(n, 'wrong image')}, by "
        "what is changed in it; shares with their 95% intervals.",
        f"Changes in the captions that won: {said}.",
        dots([Dot(name, share, "share", counted(n, "wrong image")) for name, _, share in rows],
             title="share of wrong images"),
        Table(
            "Captions that won over the prompt",
            ("change", "wrong images", "share", "95% interval"),
            tuple(
                (name, f"{count:,} of {n:,}", percent(share.estimate), ends_text(share))
                for name, count, share in rows
            ),
            frozenset({1, 2, 3}),
        ),
    )  # fmt: skip


def _confusion_chart(name: str, kind: str, asked: Sequence[Asked]) -> Chart:
    pairs = Counter((each.value, each.drawn) for each in asked)
    totals = Counter(each.value for each in asked)
    wrong = {pair: count for pair, count in pairs.items() if pair[0] != pair[1]}
    confused = Counter[str]()
    for (value, _), count in wrong.items():
        confused[value] += count
    shown = sorted(totals, key=lambda value: (-confused[value], value))[:MOST_VALUES]
    kept = sorted(shown)
    left = len(totals) - len(kept)
    what = printable(kind)
    n_wrong = sum(wrong.values())
    worst = max(wrong, key=lambda pair: wrong[pair]) if wrong else None
    most = ""
    if worst is not None:
        most = f" Most often {printable(worst[0])} was asked for and {printable(worst[1])} drawn."
    more = f" The {left} other values are in the table." if left else ""
    return Chart(
        name,
        f"{what}: asked for (rows) and drawn (columns), with the number of images; stronger colour "
        f"is a larger share of their row. It is another value in {n_wrong:,} of "
        f"{len(asked):,} cases.{more}",
        f"Values of {what} asked for and drawn, over {len(asked):,} cases; {n_wrong:,} are "
        f"another value.{most}",
        _heat_map(kept, pairs, totals),
        _confusion_table(what, asked, wrong, totals),
    )


def _heat_map(
    kept: Sequence[str], pairs: Counter[tuple[str, str]], totals: Counter[str]
) -> dict[str, Any]:
    import altair as alt

    others = {drawn for value, drawn in pairs if value in kept and drawn not in kept}
    columns = [*kept, *sorted(others)][: MOST_VALUES + 4]
    cells = [
        {
            "asked": printable(value),
            "drawn": printable(drawn),
            "count": pairs[value, drawn],
            "share": pairs[value, drawn] / totals[value],
            "said": f"{pairs[value, drawn]:,} of {totals[value]:,} "
            f"({percent(pairs[value, drawn] / totals[value])})",
        }
        for value in kept
        for drawn in columns
    ]
    x = alt.X(
        "drawn:N",
        sort=None,
        title="drawn",
        axis=alt.Axis(orient="top", labelAngle=-45, labelLimit=90, domain=False, ticks=False),
    )
    y = alt.Y(
        "asked:N",
        sort=None,
        title="asked for",
        axis=alt.Axis(labelLimit=110, domain=False, ticks=False),
    )
    base = alt.Chart(alt.Data(values=cells)).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("asked:N", title="asked for"),
            alt.Tooltip("drawn:N", title="drawn"),
            alt.Tooltip("said:N", title="images"),
        ],
    )
    squares = base.mark_rect().encode(
        opacity=alt.Opacity(
            "share:Q", scale=alt.Scale(domain=[0, 1], range=[0.02, STRONGEST]), legend=None
        )
    )
    numbers = base.mark_text(fontSize=12).encode(
        text=alt.condition("datum.count > 0", alt.Text("count:Q"), alt.value("")),
    )
    return specification((squares + numbers).properties(height=CELL * len(kept)))


def _confusion_table(
    kind: str,
    asked: Sequence[Asked],
    wrong: dict[tuple[str, str], int],
    totals: Counter[str],
) -> Table:
    rows = []
    for value, drawn in sorted(wrong, key=lambda pair: -wrong[pair])[:MOST_CONFUSIONS]:
        of_value = [each for each in asked if each.value == value]
        share = clustered_share(
            [each.drawn == drawn for each in of_value], [each.composition for each in of_value]
        )
        seen = "nothing (it is missing)" if drawn == MISSING else drawn
        count = f"{wrong[value, drawn]:,} of {totals[value]:,}"
        rows.append((value, seen, count, percent(share.estimate), ends_text(share)))
    more = f", the {MOST_CONFUSIONS} most frequent" if len(wrong) > MOST_CONFUSIONS else ""
    return Table(
        f"{kind}: what was drawn in the place of what was asked for{more}",
        ("asked for", "drawn", "cases", "share", "95% interval"),
        tuple(rows),
        frozenset({2, 3, 4}),
    )
