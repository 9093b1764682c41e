"""What the denoiser uses, slot by slot, and how much of success needs the encoder's context."""

from __future__ import annotations

from collections.abc import Sequence

from t2i_audit.printable import counted, printable
from t2i_audit.report.html.chart import Chart, Table
from t2i_audit.report.html.dots import Dot as Change
from t2i_audit.report.html.dots import dots_spec, side_of
from t2i_audit.report.html.intervals import Dot, dots, share_text
from t2i_audit.report.html.page import Section
from t2i_audit.report.use import selectivity_lines, site_name, size_line, unclear_lines
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.use import TEXT, ContextNeed, SlotUse, Use

NOT_MEASURED = (
    "What the denoiser uses was not measured: that a slot can be decoded does not say that it is "
    "drawn from. The command t2i-audit use measures it by drawing images anew."
)
POINTS = 100  # percentage points in a share


def use_section(use: Use | None) -> Section:
    """Use with its intervals; without it, how to measure it."""
    if use is None:
        return Section("use", "Use", "run/sentences.html", {"sentences": [NOT_MEASURED]})
    sites = dict.fromkeys(each.site for each in use.slots)
    # What the denoiser is given comes first.
    ordered = sorted(sites, key=lambda site: site != TEXT)
    charts: list[Chart] = []
    lines: list[str] = []
    for number, site in enumerate(ordered):
        own = [each for each in use.slots if each.site == site]
        charts += [_shares(own, number), _changes(own, number)]
        lines += [*unclear_lines(own), *selectivity_lines(own)]
    if use.context:
        charts.append(_context(use.context))
    context = {
        "size": printable(size_line(use)),
        "lines": [printable(line) for line in lines],
        "notes": [printable(note) for note in use.notes],
    }
    return Section("use", "Use", "run/use.html", context, tuple(charts))


def _shares(slots: Sequence[SlotUse], number: int) -> Chart:
    """Right without and with each intervention."""
    rows = []
    for each in slots:
        images = counted(each.unchanged.n, "image")
        for share, what in (
            (each.unchanged, "unchanged"),
            (each.random, "random subspace erased"),
            (each.erased, "slot erased"),
        ):
            rows.append(Dot(each.slot, share, what, images))
    where = site_name(slots[0].site)
    table = Table(
        printable(f"Share of images in which each slot is right, changes made in {where}"),
        ("slot", "images", "unchanged", "random subspace erased", "slot erased", "guess"),
        tuple(
            (
                printable(each.slot),
                f"{each.unchanged.n:,}",
                *map(share_text, (each.unchanged, each.random, each.erased)),
                f"{each.guess:.0%}",
            )
            for each in slots
        ),
        frozenset({1, 2, 3, 4, 5}),
    )
    said = "; ".join(
        f"{each.slot} unchanged {share_text(each.unchanged)}, random subspace erased "
        f"{share_text(each.random)}, slot erased {share_text(each.erased)}"
        for each in slots
    )
    return Chart(
        f"use-shares-{number}",
        printable(
            f"How often each slot is right, with 95% intervals, where something is erased from "
            f"{where}: the slot itself, or a random subspace of the same rank at the same tokens. "
            "All dots of a slot are of the same prompts and noise."
        ),
        printable(f"Shares of images: {said}."),
        dots(rows, title="share of images that are right"),
        table,
    )


def _changes(slots: Sequence[SlotUse], number: int) -> Chart:
    """Use, and whether an exchanged value is followed."""
    columns = ("slot", "what", "points", "images", "use is")
    found: list[tuple[str, str, Interval, str]] = []
    for each in slots:
        found.append((each.slot, "use", each.use, each.verdict))
        if each.followed is not None:
            found.append((each.slot, "followed", each.followed, each.verdict))
    rows = [
        (printable(slot), what, _points(change), f"{change.n:,}", verdict)
        for slot, what, change, verdict in found
    ]
    marks = [
        Change(
            printable(f"{slot}, {what}"),
            change,
            dict(zip(columns, row, strict=True)),
            side_of(change),
        )
        for (slot, what, change, _), row in zip(found, rows, strict=True)
    ]
    where = site_name(slots[0].site)
    table = Table(
        printable(f"Use of {where}, in percentage points, and the verdict on each slot"),
        (*columns, "decided by"),
        tuple(
            (*row, printable(slot_reason))
            for row, slot_reason in zip(rows, _reasons(slots), strict=True)
        ),
        frozenset({2, 3}),
    )
    said = "; ".join(f"{row[0]}, {row[1]}: {row[2]}" for row in rows)
    return Chart(
        f"use-changes-{number}",
        printable(
            f"Use of {where}, in percentage points with 95% intervals. Use is the share that is "
            "right with a random subspace erased, less that with the slot erased. Followed is the "
            "share that shows another value once it is put in the slot's place, less the share "
            "that shows it anyway. A triangle is surely on one side of zero."
        ),
        printable(f"Changes in points: {said}."),
        dots_spec(marks, title="percentage points", factor=POINTS),
        table,
    )


def _context(needs: Sequence[ContextNeed]) -> Chart:
    rows = []
    for each in needs:
        images = counted(each.unchanged.n, "image")
        rows.append(Dot(each.slot, each.unchanged, "unchanged", images))
        rows.append(Dot(each.slot, each.alone, "every word encoded by itself", images))
    said = "; ".join(f"{each.slot} needs it for {_points(each.need)} points" for each in needs)
    table = Table(
        "Share of images in which each slot is right, with and without the encoder's context",
        ("slot", "images", "unchanged", "words alone", "need in points"),
        tuple(
            (
                printable(each.slot),
                f"{each.unchanged.n:,}",
                share_text(each.unchanged),
                share_text(each.alone),
                _points(each.need),
            )
            for each in needs
        ),
        frozenset({1, 2, 3, 4}),
    )
    return Chart(
        "use-context",
        "What of success needs the encoder's context: how often each slot is right, unchanged and "
        "with every word encoded by itself, with 95% intervals.",
        printable(f"Shares of images: {said}."),
        dots(rows, title="share of images that are right"),
        table,
    )


def _reasons(slots: Sequence[SlotUse]) -> list[str]:
    """One for each row of the changes."""
    return [
        each.reason for each in slots for change in (each.use, each.followed) if change is not None
    ]


def _points(change: Interval) -> str:
    if not change.is_defined:
        return str(undefined())
    ends = [f"{POINTS * end:+.0f}" for end in (change.lower, change.upper)]
    shown = f"{POINTS * change.estimate:+.0f}"
    return shown if change.lower != change.lower else f"{shown} ({ends[0]} to {ends[1]})"
