"""Which models are best and whether that is sure, in two sentences."""

from __future__ import annotations

from collections.abc import Sequence

from t2i_audit.printable import counted, listed
from t2i_audit.report.html.board.names import Group, NamedRow

MOST_NAMED = 5


def verdict(group: Group) -> str:
    """The two sentences on the runs of one group, and a third where some are not ranked."""
    rows, ranked = group.rows, group.ranked
    if not rows:
        return "There is no run in this group."
    if len(rows) == 1:
        return (
            f"There is one run, of {rows[0].name}, with a success of {rows[0].row.success}. "
            "Nothing is ranked."
        )
    if len({each.row.identity for each in rows}) == 1:
        return (
            f"All {len(rows)} runs are the same audit of {rows[0].model}, with a success of "
            f"{rows[0].row.success}. Nothing is ranked."
        )
    if len(ranked) < 2:
        return (
            f"{rows[0].name} has the highest success ({rows[0].row.success}) of "
            f"{counted(len(rows), 'run')}. Whether it is surely the best is not known: the runs "
            "were not compared prompt by prompt."
        )
    unranked = sum(each.row.rank is None for each in rows)
    left = "" if not unranked else f" {counted(unranked, 'more run')} could not be ranked."
    return _of_ranked(ranked) + left


def _of_ranked(ranked: Sequence[NamedRow]) -> str:
    best = [each for each in ranked if each.row.rank is not None and each.row.rank.best == 1]
    others = [each for each in ranked if each not in best]
    if len(best) == 1:
        return (
            f"{_with_success(best)} is surely the best of {len(ranked):,} runs. The next is "
            f"{_with_success(others[:1])}."
        )
    if not others:
        return (
            f"No run is surely the best: each of the {len(ranked):,} may be. The highest success "
            f"is that of {_with_success(best[:1])}, the lowest that of {_with_success(best[-1:])}."
        )
    what = "run is" if len(others) == 1 else "runs are"
    return (
        f"Which is the best of {_with_success(best)} is not sure. The other {len(others):,} "
        f"{what} surely not the best."
    )


def _with_success(rows: Sequence[NamedRow]) -> str:
    names = [f"{each.name} ({each.row.success})" for each in rows[:MOST_NAMED]]
    left = len(rows) - len(names)
    return listed([*names, f"{left:,} more"] if left else names)
