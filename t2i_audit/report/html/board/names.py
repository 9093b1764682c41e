"""What the runs of one group are called on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from t2i_audit.printable import printable
from t2i_audit.report.html.links import report_link
from t2i_audit.results.leaderboard import Leaderboard, LeaderboardRow, RunGroup


@dataclass(frozen=True)
class NamedRow:
    """A row of the board with its names in its group, which can be shown, and its link."""

    name: str
    """The model, and the run as well where the group has several of that model."""
    model: str
    run: str
    row: LeaderboardRow
    link: str
    """To the run's page; empty where it has none."""


@dataclass(frozen=True)
class Group:
    """A group with its rows, best success first."""

    group: RunGroup
    rows: tuple[NamedRow, ...]

    @property
    def name(self) -> str:
        """As the group is called on the page."""
        return printable(self.group.name)

    @property
    def notes(self) -> tuple[str, ...]:
        """Its notes, as the page shows them."""
        return tuple(map(printable, self.group.notes))

    @property
    def ranked(self) -> tuple[NamedRow, ...]:
        """Rows with a rank, of equal audits the first."""
        seen = {each.row.identity: each for each in reversed(self.rows) if each.row.rank}
        return tuple(each for each in self.rows if seen.get(each.row.identity) is each)


def groups_of(board: Leaderboard, root: Path) -> tuple[Group, ...]:
    """The groups of `board`; links are relative to the folder `root`."""
    members: dict[int, list[LeaderboardRow]] = {}
    for row in board.rows:
        members.setdefault(row.group, []).append(row)
    links = {row.run: report_link(row.run, root) or "" for row in board.rows}
    return tuple(
        Group(group, _named(members.get(group.number, []), links)) for group in board.groups
    )


def _named(rows: Sequence[LeaderboardRow], links: Mapping[str, str]) -> tuple[NamedRow, ...]:
    times = Counter(row.model for row in rows)

    def named(row: LeaderboardRow) -> NamedRow:
        model, run = printable(row.model), printable(row.run)
        name = model if times[row.model] == 1 else f"{model} ({run})"
        return NamedRow(name, model, run, row, links[row.run])

    return tuple(map(named, rows))
