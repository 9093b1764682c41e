"""How often images are right: by slot, prompt type and split."""

from __future__ import annotations

from t2i_audit.printable import printable
from t2i_audit.report.calibration import corrected_rows
from t2i_audit.report.html.chart import Chart, Table
from t2i_audit.report.html.intervals import Dot, dots, share_text
from t2i_audit.report.html.page import Section
from t2i_audit.report.success import (
    GAP,
    named_rates,
    repeatability_sentence,
    success_table,
)
from t2i_audit.results.success import PairRates, SuccessRates
from t2i_audit.results.summary import RunSummary

MOST_ROWS = 40  # of the chart; the table has all
NO_IMAGES = "This run made no images: it only decodes prompts from the text encoder."


def success_section(summary: RunSummary) -> Section:
    """Success with its intervals."""
    success = summary.success
    if success is None:
        return Section("success", "Success", "run/sentences.html", {"sentences": [NO_IMAGES]})
    facts = summary.judge_facts.get(summary.judge or "")
    found = success_table(
        success,
        guessing=None if facts is None else facts.guessing,
        corrected=summary.corrected,
    )
    counts = [f"{rate.n:,}" for rate in named_rates(success).values()]
    rows = [(row[0], count, *row[1:]) for row, count in zip(found.rows, counts, strict=True)]
    headings = (found.headings[0], "n", *found.headings[1:])
    table = Table(
        "Share of images that are right; n counts images",
        headings,
        tuple(rows),
        frozenset(range(1, len(headings))),
    )
    repeats = summary.repeatability
    return Section(
        "success",
        "Success",
        "run/success.html",
        {
            "table": table,
            "gap": _gap(success),
            "pairs": _pairs(success.pairs),
            "repeats": "" if repeats is None else printable(repeatability_sentence(repeats)),
            "legend": [printable(line) for line in found.legend],
        },
        charts=(_chart(summary, success, table),) if success.overall.is_defined else (),
    )


def _chart(summary: RunSummary, success: SuccessRates, table: Table) -> Chart:
    rates = {name: rate for name, rate in named_rates(success).items() if name != GAP}
    corrected = {} if summary.corrected is None else dict(corrected_rows(summary.corrected))
    rows = []
    for name, rate in list(rates.items())[:MOST_ROWS]:
        rows.append(Dot(name, rate, "judged right", f"{rate.n:,} images"))
        if name in corrected and not corrected[name].reason:
            other = corrected[name].rate
            rows.append(Dot(name, other, "corrected for errors", f"{other.n:,} labels"))
    left = len(rates) - MOST_ROWS
    more = f" The chart shows {MOST_ROWS} of {len(rates)} rows." if left > 0 else ""
    slots = " A slot is right or wrong by itself." if success.by_slot else ""
    said = "; ".join(f"{name} {share_text(rate)}" for name, rate in list(rates.items())[:6])
    return Chart(
        "success-rates",
        f"Share of images that are right, with its 95% interval.{slots}{more}",
        f"Shares of images that are right: {said}.",
        dots(rows, title="share of images that are right"),
        table,
    )


def _gap(success: SuccessRates) -> str:
    gap = success.gap
    if not gap.is_defined:
        return ""
    points = f"{100 * gap.estimate:.0f} points (95% interval {100 * gap.lower:.0f} to "
    points += f"{100 * gap.upper:.0f}; {gap.n:,} images)"
    said = "Compositions that are called seen are drawn right more often than held-out ones by"
    if gap.lower <= 0 <= gap.upper:
        return f"{said} {points}, which may be no difference at all."
    return f"{said} {points}."


def _pairs(pairs: PairRates | None) -> str:
    if pairs is None:
        return ""
    return (
        f"For pairs of values in general, of which the suite has {pairs.pairs:,}, success is "
        f"{share_text(pairs.overall)}: what makes a pair hard makes all of its prompts hard, "
        "so this interval may be wider."
    )
