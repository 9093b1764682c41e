"""A run on one screen, from what ``summary.json`` holds."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.io import dump_json
from t2i_audit.printable import counted
from t2i_audit.report.tables import UNDEFINED, console, format_interval, make_table
from t2i_audit.run.results import read_summary

if TYPE_CHECKING:
    from rich.console import Console

DECODED = "balanced_accuracy"
# Estimates of a slot that stand beside `DECODED`, with their headings.
CONTROLS = {
    "presence_balanced_accuracy": "words alone",
    "random_weights_balanced_accuracy": "random weights",
}
# Shown without their intervals, and only where there is room.
LESSER_CONTROLS = {
    "layer_0_balanced_accuracy": "layer 0",
    "shuffled_balanced_accuracy": "shuffled",
}
WIDE = 100  # letters a line from which the lesser controls fit


def print_run(path: Path, *, as_json: bool = False) -> None:
    """Print the finished run in `path`: its summary on one screen, or as JSON.

    Raises:
        RunDirectoryError: there is no finished run in `path`.
    """
    summary = read_summary(path)
    if as_json:
        sys.stdout.write(dump_json(summary))
    else:
        print_summary(summary, path)


def print_summary(summary: Mapping[str, Any], run_path: Path, *, to: Console | None = None) -> None:
    """Print a run's summary on one screen.

    Args:
        summary: what ``summary.json`` holds, keyed as `t2i_audit.analysis.summary.RunSummary`.
        run_path: the run directory.
        to: where to print; stdout if None.
    """
    screen = console() if to is None else to
    for line in _head(summary):
        screen.print(line)
    for station, record in summary["stations"].items():
        screen.print()
        _print_station(screen, station, record)
    if summary.get("success") is not None:
        screen.print()
        _print_success(screen, summary["success"])
    screen.print()
    for line in _findings(summary):
        screen.print(line)
    for note in summary.get("notes") or ():
        screen.print(f"Note: {note}")
    screen.print(f"Run directory: {run_path}", soft_wrap=True)


def _head(summary: Mapping[str, Any]) -> Iterator[str]:
    judge = summary.get("judge")
    yield f"{summary['model']} on {summary['suite']}" + (f", judged by {judge}" if judge else "")
    prompts = counted(summary["n_prompts"], "prompt")
    if not summary["n_images"]:
        yield f"{prompts}, no images"
        return
    rests = (
        f"{prompts}, {counted(summary['n_seeds'], 'seed')}, {counted(summary['n_images'], 'image')}"
    )
    left_out = summary.get("n_excluded") or 0
    yield rests + (f" ({left_out} not judged, left out)" if left_out else "")


def _print_station(screen: Console, station: str, record: Mapping[str, Any]) -> None:
    if not record["slots"]:
        screen.print(f"{_words(station).capitalize()}: there was nothing to read")
        return
    screen.print(
        f"{_words(station).capitalize()}: weakest slot decodable with probability "
        f"{format_interval(record.get('decodability'))}"
    )
    slots: Mapping[str, Any] = record["slots"]
    shown = [name for name in CONTROLS if _any_has(slots, name)]
    lesser = [name for name in LESSER_CONTROLS if _any_has(slots, name)]
    if screen.width < WIDE:
        lesser = []
    headings = (
        "slot",
        "decoded",
        *(CONTROLS[name] for name in shown),
        *(LESSER_CONTROLS[name] for name in lesser),
        "verdict",
    )
    rows = []
    for slot, decoding in slots.items():
        estimates = decoding["estimates"]
        rows.append(
            (
                slot,
                *(format_interval(estimates.get(name)) for name in (DECODED, *shown)),
                *(_estimate(estimates.get(name)) for name in lesser),
                decoding["verdict"],
            )
        )
    # The figures just fit into 80 letters if one letter stands between them.
    screen.print(make_table(headings, rows, gap=2 if screen.width >= WIDE else 1))
    for reason, names in _undefined(slots).items():
        screen.print(f"Undefined: {', '.join(names)} ({reason})")


def _undefined(slots: Mapping[str, Any]) -> dict[str, list[str]]:
    """Reason -> the slots that are undefined for it."""
    reasons: dict[str, list[str]] = {}
    for slot, decoding in slots.items():
        if decoding.get("reason"):
            reasons.setdefault(decoding["reason"], []).append(slot)
    return reasons


def _print_success(screen: Console, success: Mapping[str, Any]) -> None:
    overall = success["overall"]
    screen.print(f"Success: {format_interval(overall)} of {counted(overall['n'], 'judged image')}")
    groups: dict[str, Any] = {}
    for name in ("by_type", "by_split", "by_reading"):
        groups |= success.get(name) or {}
    by_slot = success.get("by_slot") or {}
    if by_slot:
        headings = ("slot", "drawn right")
        screen.print(
            make_table(headings, [(slot, format_interval(rate)) for slot, rate in by_slot.items()])
        )
    if groups:
        figures = (f"{_words(name)} {format_interval(rate)}" for name, rate in groups.items())
        screen.print("Of these " + "; ".join(figures))


def _findings(summary: Mapping[str, Any]) -> Iterator[str]:
    for station, association in (summary.get("associations") or {}).items():
        yield (
            f"Association, {_words(station)}: AUROC {format_interval(association['auroc'])}, "
            f"words alone {format_interval(association.get('presence_auroc'))}, "
            f"Spearman {format_interval(association['spearman'])}, "
            f"p = {_p_value(association.get('p_value'))}"
        )
        yield f"  {association['sentence']}"
    repeatability = summary.get("repeatability")
    if repeatability is not None:
        line = (
            f"Repeatability of failures over seeds: ICC {format_interval(repeatability['overall'])}"
        )
        reason = repeatability.get("reason")
        yield f"{line} ({reason.rstrip('.')})" if reason else line
    attribution = summary.get("attribution")
    if attribution is not None:
        yield f"Culprit: {attribution['culprit']}"
        causes = attribution["causes"]
        failing = max((share["n"] for share in causes.values()), default=0)
        yield f"  of {counted(failing, 'failing prompt')}: " + "; ".join(
            f"{_words(name)} {format_interval(share)}" for name, share in causes.items()
        )
        if attribution.get("details"):
            yield "  at the denoiser: " + "; ".join(
                f"{_words(name)} {format_interval(share)}"
                for name, share in attribution["details"].items()
            )


def _any_has(slots: Mapping[str, Any], name: str) -> bool:
    """Whether any slot has the estimate: a control that was not run gets no column."""
    return any(
        (decoding["estimates"].get(name) or {}).get("estimate") is not None
        for decoding in slots.values()
    )


def _estimate(interval: Mapping[str, Any] | None) -> str:
    if interval is None or interval.get("estimate") is None:
        return UNDEFINED
    return f"{interval['estimate']:.2f}"


def _p_value(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.3g}"


def _words(name: str) -> str:
    return name.replace("_", " ")
