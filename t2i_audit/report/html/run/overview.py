"""The first screen: the verdict, how often images are right, who is to blame, what is not known."""

from __future__ import annotations

from collections.abc import Iterator

from t2i_audit.analysis.culprit import CAUSES
from t2i_audit.printable import counted, printable
from t2i_audit.report.causes import LEGEND, cause_name, repeat_lines
from t2i_audit.report.html.chart import Chart, Table
from t2i_audit.report.html.intervals import Dot, dots, ends_text, share_text
from t2i_audit.report.html.page import Section
from t2i_audit.report.html.run.unknown import unknowns
from t2i_audit.report.styles import plain_words
from t2i_audit.report.use import use_sentence
from t2i_audit.report.verdict import percent, verdict_sentences
from t2i_audit.results.attribution import AttributionShares
from t2i_audit.results.run import Run
from t2i_audit.results.summary import RunSummary


def overview_section(run: Run) -> Section:
    """The first screen of the page."""
    summary = run.summary
    attribution = summary.attribution
    charts = () if attribution is None else tuple(_blame(attribution))
    notes = () if summary.corrected is None else summary.corrected.notes
    return Section(
        "verdict",
        "Verdict",
        "run/overview.html",
        {
            "sentences": [printable(sentence) for sentence in _sentences(run)],
            "facts": list(_facts(summary)),
            "said": () if attribution is None or not charts else list(repeat_lines(attribution)),
            "unknown": list(unknowns(summary)),
            "notes": [printable(note) for note in dict.fromkeys((*summary.notes, *notes))],
        },
        charts=charts,
    )


def _sentences(run: Run) -> Iterator[str]:
    yield from verdict_sentences(run.summary)
    if run.use is not None:
        yield use_sentence(run.use)


def _facts(summary: RunSummary) -> Iterator[tuple[str, str, str]]:
    """(what, figure, what it rests on) of the figures at the top."""
    if summary.success is not None:
        overall = summary.success.overall
        made = f"{overall.n:,} judged images"
        judged = "" if summary.judge is None else f", judged by {printable(summary.judge)}"
        size = f"{counted(summary.n_prompts, 'prompt')}, {counted(summary.n_seeds, 'seed')}"
        figure = percent(overall.estimate) if overall.is_defined else "undefined"
        between = f"95% interval {ends_text(overall)}; " if overall.is_defined else ""
        yield "Images that are right", figure, f"{between}{made} of {size}{judged}"
    if summary.corrected is not None:
        rate = summary.corrected.overall
        figure = percent(rate.rate.estimate) if not rate.reason else "none"
        between = rate.reason or f"95% interval {ends_text(rate.rate)}"
        labels = counted(summary.corrected.n_labels, "labelled image")
        yield (
            "Corrected for the judge's errors",
            figure,
            printable(f"{between}; {labels} ({summary.corrected.labels})"),
        )
    for name, station in summary.stations.items():
        found = station.decodability
        if found.is_defined:
            ends = f"95% interval {found.lower:.2f} to {found.upper:.2f}; "
            yield (
                f"Decodability at the {plain_words(name)}",
                f"{found.estimate:.2f}",
                f"{ends if found.lower == found.lower else ''}{counted(found.n, 'prompt')}; "
                "mean probability that a probe gives the true value of a prompt's weakest slot",
            )


def _blame(attribution: AttributionShares) -> Iterator[Chart]:
    shares = {cause: attribution.causes[cause] for cause in CAUSES if cause in attribution.causes}
    total = next(iter(shares.values())).n
    if not total:
        return
    of = "wrong image" if attribution.of == "images" else "failing prompt"
    items = counted(total, of)
    rows = [
        Dot(cause_name(cause), share, f"share of {of}s", items) for cause, share in shares.items()
    ]
    said = "; ".join(f"{row.name} {share_text(row.interval)}" for row in rows)
    table = Table(
        f"Causes of {items}",
        ("cause", f"share of {of}s", "95% interval", "meaning"),
        tuple(
            (
                cause_name(cause),
                percent(share.estimate),
                ends_text(share),
                LEGEND[cause] if attribution.of == "images" else "",
            )
            for cause, share in shares.items()
        ),
        frozenset({1, 2}),
    )
    yield Chart(
        "causes",
        f"Who is to blame: the share of the {items} that each cause accounts for, with its 95% "
        "interval. What each cause means is in the table.",
        f"Shares of {items} by cause: {said}.",
        dots(rows, title=f"share of {of}s"),
        table,
    )
