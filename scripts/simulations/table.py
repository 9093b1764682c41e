"""The table of the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.manual import markdown_table, with_parts
from scripts.simulations.cells import MISSED, Cell, Goal, Kind, Measured
from scripts.simulations.stated import reason_of

PART = "validity table"
HEADINGS = ("cell", "figure", "draws", "goal", "before", "now", "stands")
TITLES = {
    "1a": "Success, compositions that have nothing in common",
    "1b": "Success, prompts that share pairs",
    "1c": "AUROC and Spearman's correlation",
    "1e": "Shares of the causes",
    "1f": "Decodability",
    "1g": "Correlations over runs",
    "1h": "Ranks of models",
    "2": "Association where there is none",
    "3": "The probe and its verdicts",
    "4": "Culprits",
    "5": "Repeatability",
    "6": "Comparing two runs",
    "7": "Use by intervention",
}


@dataclass(frozen=True)
class Row:
    """One figure of the table."""

    cell: Cell
    measured: Measured
    draws: int

    @property
    def key(self) -> str:
        """Names the figure among all."""
        return f"{self.cell.key}: {self.measured.figure.name}"

    @property
    def stands(self) -> str:
        """How it stands to its goal, and whether the page says why it misses it."""
        standing = self.measured.standing
        return f"{standing}, stated" if self.is_stated else standing

    @property
    def is_stated(self) -> bool:
        """Whether the goal is missed and the page says why."""
        return self.measured.is_missed and reason_of(self.key) is not None


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The lines of the table, section by section, and what it comes to."""
    yield from summary(rows)
    for section, title in TITLES.items():
        own = [row for row in rows if row.cell.section == section]
        if own:
            yield ""
            yield f"### {section}: {title}"
            yield ""
            yield from markdown_table(HEADINGS, map(_cells, own))


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """How many figures hold."""
    held_to = [row for row in rows if row.measured.figure.goal is not None]
    counts = {
        name: sum(row.measured.standing == name for row in held_to)
        for name in ("holds", "within error", "not given", *MISSED)
    }
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    yield f"Of {len(held_to)} figures that have a goal: {said}."


def missed_lines(rows: Sequence[Row]) -> list[str]:
    """A line for each figure that misses its goal and is not stated to."""
    return [
        f"{row.key}: {_now(row.measured)}, goal {_goal(row.measured.figure.goal, row.measured)}"
        for row in rows
        if row.measured.is_missed and not row.is_stated
    ]


def page_with(page: Path, rows: Sequence[Row]) -> str:
    """The text of `page` with the table in its place.

    Raises:
        ValueError: the page has no place for it.
    """
    return with_parts(page, [(PART, "\n".join(table(rows)))])


def _cells(row: Row) -> Sequence[str]:
    measured = row.measured
    figure = measured.figure
    before = "" if figure.old is None else _number(figure.old, figure.kind)
    draws = (
        str(row.draws) if measured.given > 0.995 else f"{row.draws} ({measured.given:.0%} give it)"
    )
    return (
        row.cell.name, figure.name, draws, _goal(figure.goal, measured), before, _now(measured),
        row.stands,
    )  # fmt: skip


def _now(measured: Measured) -> str:
    kind = measured.figure.kind
    if math.isnan(measured.estimate):
        return "not given"
    error = "" if math.isnan(measured.error) else f" ± {_number(measured.error, kind)}"
    return f"{_number(measured.estimate, kind)}{error}"


def _goal(goal: Goal | None, measured: Measured) -> str:
    if goal is None:
        return ""
    kind = measured.figure.kind
    if goal.low == goal.high:
        return _number(goal.low, kind)
    return f"{_number(goal.low, kind)} to {_number(goal.high, kind)}"


def _number(value: float, kind: Kind) -> str:
    if kind == "value":
        return f"{value:.3f}"
    return f"{100 * value:.1f}".removesuffix(".0")
