"""Who is surely better than whom."""

from __future__ import annotations

from collections.abc import Sequence

from t2i_audit.printable import counted
from t2i_audit.report.html.board.names import Group
from t2i_audit.report.html.chart import Table
from t2i_audit.results.leaderboard import RunPair

MOST = 40  # runs that a matrix shows
BETTER, WORSE, UNSURE = "\u25b2", "\u25bc", "\u2248"
READING = (
    f"Success of the row less that of the column, in percentage points. {BETTER}: the row is "
    f"surely better; {WORSE}: it is surely worse; {UNSURE}: they are not told apart."
)


def pairs_matrix(group: Group, pairs: Sequence[RunPair]) -> Table | None:
    """The pairs of `group` as a square, both in the order of success; None where there are none."""
    own = {(pair.run, pair.other): pair for pair in pairs if pair.group == group.group.number}
    known = {run for pair in own for run in pair}
    rows = [each for each in group.rows if each.row.run in known]
    if not rows:
        return None
    shown = rows[:MOST]
    left = len(rows) - len(shown)
    more = f" The best {MOST} are shown; {counted(left, 'run')} more are left out." if left else ""
    runs = [each.row.run for each in shown]
    numbers = range(1, len(shown) + 1)
    return Table(
        f"Pairs of {counted(len(shown), 'run')}.{more}",
        ("run", *map(str, numbers)),
        tuple(
            (f"{number} {each.name}", *(_cell(own, each.row.run, other) for other in runs))
            for number, each in zip(numbers, shown, strict=True)
        ),
        frozenset(numbers),
    )


def _cell(pairs: dict[tuple[str, str], RunPair], run: str, other: str) -> str:
    for key, sign, told_apart in (((run, other), 1, BETTER), ((other, run), -1, WORSE)):
        if key in pairs:
            pair = pairs[key]
            mark = told_apart if pair.told_apart else UNSURE
            return f"{mark} {100 * sign * pair.difference.estimate:+.1f}"
    return ""
