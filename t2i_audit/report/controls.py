"""The wide table of one station: every slot beside its baseline and its controls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from t2i_audit.printable import printable
from t2i_audit.report.styles import plain_words, print_legend, styled, verdict_cell
from t2i_audit.report.tables import make_table

if TYPE_CHECKING:
    from rich.console import Console

    from t2i_audit.results.decoding import SlotDecoding, StationSummary
    from t2i_audit.results.interval import Interval

VERDICTS = (
    "verdict: lost = the whole interval is below the threshold; saturated = above it, and random "
    "weights do as well, within 0.05; kept = above it, and better than random weights; below "
    "random weights = above it, and worse than they; unclear = none of these is certain"
)
THRESHOLD = (
    "threshold: (1 + guess) / 2, with the share that knowing all words of the prompt but not their "
    "order would guess right, at most 0.5"
)


@dataclass(frozen=True)
class _Column:
    """A column of a station's wide table."""

    heading: str
    legend: str
    cells: tuple[str, ...]


def print_controls(screen: Console, name: str, station: StationSummary) -> None:
    """One station's wide table: every slot and presence beside its baseline and controls."""
    if not station.slots:
        return
    screen.print()
    screen.print(styled(f"{plain_words(name).capitalize()}, beside its controls", "bold"))
    columns = list(_columns(station.slots))
    rows = [
        [slot, *cells, verdict_cell(decoding)]
        for (slot, decoding), *cells in zip(
            station.slots.items(), *(column.cells for column in columns), strict=True
        )
    ]
    headings = ["slot", *(column.heading for column in columns), "verdict"]
    screen.print(make_table(headings, rows, gap=1 if screen.width < 100 else 2))
    print_legend(
        screen,
        "slot: presence.KIND only asks whether a constituent of that kind occurs",
        *(f"{column.heading}: {column.legend}" for column in columns),
        VERDICTS,
        f"{THRESHOLD}; here {_thresholds(station)}",
    )
    gains = {slot: decoding.gain_over_random_weights for slot, decoding in station.slots.items()}
    said = [f"{slot} {gain}" for slot, gain in gains.items() if gain.is_defined]
    if said:
        screen.print(printable(f"Gain, decoded less random weights: {', '.join(said)}"))
    screen.print(f"Weakest slot, mean probability of its true value: {station.decodability}")


def _thresholds(station: StationSummary) -> str:
    """The thresholds of a station, each with the slots that have it where they differ."""
    slots: dict[str, list[str]] = {}
    for slot, decoding in station.slots.items():
        if not math.isnan(decoding.threshold):
            slots.setdefault(f"{decoding.threshold:.2f}", []).append(slot)
    if len(slots) == 1:
        return next(iter(slots))
    return ", ".join(f"{figure} for {', '.join(names)}" for figure, names in slots.items())


def _columns(slots: Mapping[str, SlotDecoding]) -> Iterator[_Column]:
    """The figures of a wide table; a control that was not run has no column."""
    estimates = [decoding.estimates for decoding in slots.values()]

    def column(
        heading: str, legend: str, values: Sequence[Interval], *, whole: bool = True
    ) -> Iterator[_Column]:
        if any(value.is_defined for value in values):
            cells = (str(value) if whole else _estimate(value) for value in values)
            yield _Column(heading, legend, tuple(cells))

    yield from column(
        "decoded",
        "balanced accuracy with 95% interval",
        [each.balanced_accuracy for each in estimates],
    )
    yield from column(
        "words alone",
        "baseline, from which words occur without their order",
        [each.presence_balanced_accuracy for each in estimates],
    )
    yield from column(
        "random weights",
        "control, from the same architecture with random weights",
        [each.random_weights_balanced_accuracy for each in estimates],
    )
    yield from column(
        "embeddings",
        "control, from the token embeddings alone",
        [each.layer_0_balanced_accuracy for each in estimates],
        whole=False,
    )
    yield from column(
        "shuffled labels",
        "control, trained on shuffled labels",
        [each.shuffled_balanced_accuracy for each in estimates],
        whole=False,
    )


def _estimate(interval: Interval) -> str:
    return f"{interval.estimate:.2f}" if interval.is_defined else "undefined"
