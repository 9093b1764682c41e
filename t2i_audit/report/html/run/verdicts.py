"""The verdict of each slot at each station, with its reason and the recall of each value."""

from __future__ import annotations

import math
from collections.abc import Iterator

from t2i_audit.printable import printable
from t2i_audit.report.controls import THRESHOLD, VERDICTS
from t2i_audit.report.html.chart import Table
from t2i_audit.report.html.intervals import ends_text, share_text
from t2i_audit.report.html.page import Section
from t2i_audit.report.recalls import value_sentence
from t2i_audit.report.styles import plain_words
from t2i_audit.report.use import culprit_name
from t2i_audit.report.verdict import is_presence, percent
from t2i_audit.results.decoding import SlotDecoding, StationSummary
from t2i_audit.results.summary import RunSummary
from t2i_audit.results.use import SlotCulprit, Use


def verdicts_section(summary: RunSummary, use: Use | None = None) -> Section:
    """A table for each station, and with `use` one of who is to blame for each slot."""
    stations = {name: station for name, station in summary.stations.items() if station.slots}
    reason = ""
    if not summary.stations:
        reason = "No checkpoint was probed beside these images, so no slot has a verdict."
    elif not stations:
        reason = "There was nothing to read: the prompts have no slots that a probe could learn."
    return Section(
        "verdicts",
        "Verdicts",
        "run/verdicts.html",
        {
            "reason": reason,
            "legend": [part.strip() for part in VERDICTS.removeprefix("verdict: ").split(";")],
            "culprits": None if use is None or not use.culprits else _culprits(use),
            "decided": [] if use is None else [_decided(each) for each in use.culprits],
            "threshold": THRESHOLD.removeprefix("threshold: "),
            "stations": [
                (_table(name, station), _recalls(name, station))
                for name, station in stations.items()
            ],
        },
    )


def _table(name: str, station: StationSummary) -> Table:
    rows = tuple(
        (
            printable(slot),
            decoding.verdict,
            str(decoding.estimates.balanced_accuracy),
            "" if math.isnan(decoding.threshold) else f"{decoding.threshold:.2f}",
            _control(decoding),
            f"{decoding.estimates.balanced_accuracy.n:,}",
            printable("; ".join(_why(decoding))),
        )
        for slot, decoding in station.slots.items()
        if not is_presence(slot)
    )
    return Table(
        f"{plain_words(name).capitalize()}: balanced accuracy of a probe, with its 95% interval",
        ("slot", "verdict", "decoded", "threshold", "gain over random weights", "prompts", "why"),
        rows,
        frozenset({2, 3, 4, 5}),
    )


def _culprits(use: Use) -> Table:
    rows = tuple(
        (
            printable(each.slot),
            culprit_name(each.culprit),
            culprit_name(each.by_correlation),
            {True: "yes", False: "no", None: "undecided"}[each.agrees],
            share_text(each.failure_rate),
            share_text(each.lost),
            f"{each.failure_rate.n:,}",
            printable(", ".join(each.values)),
        )
        for each in use.culprits
    )
    columns = (
        "slot", "by intervention", "without interventions", "agree", "wrong", "of these lost",
        "images", "values that fail most",
    )  # fmt: skip
    return Table(
        "Who is to blame where a slot is wrong: by intervention, and by the rule without "
        "interventions; lost: at the text encoder",
        columns,
        rows,
        frozenset({4, 5, 6}),
    )


def _decided(each: SlotCulprit) -> str:
    return printable(f"{each.slot}: {culprit_name(each.culprit)}, as {each.reason}")


def _control(decoding: SlotDecoding) -> str:
    gain = decoding.gain_over_random_weights
    if not decoding.estimates.random_weights_balanced_accuracy.is_defined:
        return "not run"
    return str(gain) if gain.is_defined else "undefined"


def _why(decoding: SlotDecoding) -> Iterator[str]:
    if decoding.reason:
        yield decoding.reason
    values = value_sentence(decoding)
    if values:
        yield values


def _recalls(name: str, station: StationSummary) -> Table | None:
    rows = tuple(
        (
            printable(slot),
            printable(value),
            percent(recall.estimate) if recall.is_defined else "undefined",
            ends_text(recall),
            f"{recall.n:,}",
            printable(decoding.read_as.get(value, "")),
        )
        for slot, decoding in station.slots.items()
        if not is_presence(slot)
        for value, recall in decoding.recalls.items()
    )
    if not rows:
        return None
    return Table(
        f"{plain_words(name).capitalize()}: share of each value's prompts that are read right",
        ("slot", "value", "read right", "95% interval", "prompts", "mostly read as"),
        rows,
        frozenset({2, 3, 4}),
    )
