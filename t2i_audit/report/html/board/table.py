"""The sortable table of a group."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from t2i_audit.printable import printable
from t2i_audit.report.html.board.costs import cost_of, millions_of_parameters
from t2i_audit.report.html.board.names import Group, NamedRow
from t2i_audit.report.leaderboard import DIFFERING
from t2i_audit.report.styles import plain_words
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.leaderboard import LeaderboardRow, Scalar


@dataclass(frozen=True)
class Cell:
    """What is shown, and what it is sorted by."""

    text: str
    key: str | float | None
    """None stands last in either direction."""
    link: str = ""


@dataclass(frozen=True)
class Column:
    """A column of the table."""

    heading: str
    cell: Callable[[NamedRow], Cell]
    numeric: bool = True
    least_first: bool = False
    """How it is sorted when its heading is pressed once."""


@dataclass(frozen=True)
class SortableTable:
    """The table of one group, whose rows stand by success, the best first."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


def group_table(group: Group) -> SortableTable:
    """The table of `group`; a column in which no run has anything is left out."""
    rows = [each.row for each in group.rows]
    columns = [
        column for column in _columns(rows) if any(column.cell(each).text for each in group.rows)
    ]
    return SortableTable(
        tuple(columns),
        tuple(tuple(column.cell(each) for column in columns) for each in group.rows),
    )


def _columns(rows: Sequence[LeaderboardRow]) -> list[Column]:
    differing = [name for name in DIFFERING if len({getattr(row.setup, name) for row in rows}) > 1]
    return [
        Column("rank", lambda each: _rank(each.row), least_first=True),
        Column(
            "model",
            lambda each: Cell(each.model, each.model),
            numeric=False,
            least_first=True,
        ),
        Column(
            "run",
            lambda each: Cell(each.run, each.run, each.link),
            numeric=False,
            least_first=True,
        ),
        _interval("success", lambda row: row.success),
        _interval("corrected", lambda row: row.corrected),
        *(_of("{} right", "success_by_kind", name) for name in _names(rows, "success_by_kind")),
        *(_of("{}", "success_by_split", name) for name in _names(rows, "success_by_split")),
        _interval("seen less held out", lambda row: row.held_out_gap),
        *(_of("{} decodability", "decodability", name) for name in _names(rows, "decodability")),
        *(_of("{} AUROC", "association", name) for name in _names(rows, "association")),
        _interval("repeatability", lambda row: row.repeatability),
        Column("culprit", lambda each: _scalar(each.row.culprit), numeric=False, least_first=True),
        *(_of("{} use", "use_by_slot", name) for name in _names(rows, "use_by_slot")),
        *(_blamed(name) for name in _names(rows, "use_culprit")),
        *(_setting(name) for name in differing),
        _number("seconds per image", lambda row: cost_of(row).seconds_per_image),
        _number("million parameters", millions_of_parameters),
        Column("prompts", lambda each: Cell(f"{each.row.n_prompts:,}", each.row.n_prompts)),
        Column("images", lambda each: Cell(f"{each.row.n_images:,}", each.row.n_images)),
        Column(
            "begun",
            lambda each: Cell(printable(each.row.created[:10]), printable(each.row.created)),
            numeric=False,
            least_first=True,
        ),
    ]


def _rank(row: LeaderboardRow) -> Cell:
    rank = row.rank
    if rank is None:
        return Cell("", None)
    return Cell(str(rank), rank.best + rank.worst / (rank.of + 1))


def _interval(heading: str, of: Callable[[LeaderboardRow], Interval]) -> Column:
    def cell(each: NamedRow) -> Cell:
        found = of(each.row)
        return Cell(str(found), found.estimate) if found.is_defined else Cell("", None)

    return Column(heading, cell)


def _number(heading: str, of: Callable[[LeaderboardRow], float]) -> Column:
    def cell(each: NamedRow) -> Cell:
        value = of(each.row)
        return Cell("", None) if math.isnan(value) else Cell(f"{value:,.3g}", value)

    return Column(heading, cell)


def _of(heading: str, field: str, name: str) -> Column:
    """One entry of a dictionary of intervals."""
    return _interval(
        heading.format(plain_words(name)), lambda row: getattr(row, field).get(name, undefined())
    )


def _blamed(slot: str) -> Column:
    """Who is to blame for one slot by intervention."""
    return Column(
        printable(f"{slot} culprit"),
        lambda each: _scalar(each.row.use_culprit.get(slot)),
        numeric=False,
        least_first=True,
    )


def _names(rows: Sequence[LeaderboardRow], field: str) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in getattr(row, field)))


def _setting(name: str) -> Column:
    return Column(
        DIFFERING[name],
        lambda each: _scalar(getattr(each.row.setup, name)),
        numeric=False,
        least_first=True,
    )


def _scalar(value: Scalar) -> Cell:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Cell("", None)
    return Cell(printable(str(value)), value if not isinstance(value, str) else printable(value))
