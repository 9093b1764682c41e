"""The sections of the page, in their order."""

from __future__ import annotations

from pathlib import Path

from t2i_audit.printable import counted, printable
from t2i_audit.report.html.board.charts import (
    decodability_chart,
    size_chart,
    success_chart,
    time_chart,
)
from t2i_audit.report.html.board.matrix import READING, pairs_matrix
from t2i_audit.report.html.board.names import Group, groups_of
from t2i_audit.report.html.board.table import group_table
from t2i_audit.report.html.board.verdict import verdict
from t2i_audit.report.html.chart import Chart
from t2i_audit.report.html.page import Section, render_page
from t2i_audit.results.leaderboard import Leaderboard

# Groups with charts; a board of more has rarely more than a run or two in the others.
MOST_DRAWN = 8
MOST_OPEN = 12  # rows of a matrix that is not folded away


def board_page(board: Leaderboard, *, root: Path) -> str:
    """The page of `board` as HTML.

    Args:
        board: of any number of runs.
        root: the folder in which the page will lie; it links to the pages of those runs that have
            one.
    """
    groups = groups_of(board, root)
    drawn = groups[:MOST_DRAWN]
    sections = [
        _best(board, groups),
        _ranks(groups),
        _pairs(board, drawn),
        _decodability(board, drawn),
        _cost(drawn),
        _notes(board, groups),
    ]
    return render_page("Leaderboard", [each for each in sections if each is not None])


def _best(board: Leaderboard, groups: tuple[Group, ...]) -> Section:
    first, others = groups[:1], groups[1:]
    context = {
        "verdict": verdict(first[0]) if first else "There is no run on this board.",
        "counts": f"{counted(len(board.rows), 'run')} in {counted(len(groups), 'group')}",
        "first": first[0].name if first else "",
        "apart": counted(sum(len(each.rows) for each in others), "run") if others else "",
    }
    heading = "Which models are best"
    return Section("best", heading, "board/best.html", context)


def _ranks(groups: tuple[Group, ...]) -> Section | None:
    if not groups:
        return None
    charts = tuple(success_chart(each) for each in groups[:MOST_DRAWN])
    context = {
        "groups": [
            (each, group_table(each), charts[number] if number < len(charts) else None)
            for number, each in enumerate(groups)
        ],
        "verdicts": [verdict(each) for each in groups],
    }
    template, script = "board/ranks.html", "board/board.js"
    return Section("ranks", "Ranks", template, context, charts, script=script)


def _pairs(board: Leaderboard, groups: tuple[Group, ...]) -> Section | None:
    found = [(each, pairs_matrix(each, board.pairs)) for each in groups]
    matrices = [(each.name, matrix) for each, matrix in found if matrix is not None]
    if not matrices:
        return None
    context = {
        "matrices": matrices,
        "most_open": MOST_OPEN,
        "reading": READING,
        "is_alone": len(board.groups) == 1,
    }
    return Section("pairs", "Who is surely better than whom", "board/pairs.html", context)


def _decodability(board: Leaderboard, groups: tuple[Group, ...]) -> Section | None:
    by_number = {each.group.number: each for each in groups if len(each.rows) > 1}
    charts: list[Chart] = []
    for correlation in board.correlations:
        if correlation.group in by_number:
            group = by_number[correlation.group]
            chart = decodability_chart(group, correlation, is_alone=len(board.groups) == 1)
            charts += [] if chart is None else [chart]
    return _charts("decodability", "Success against decodability", charts)


def _cost(groups: tuple[Group, ...]) -> Section | None:
    charts = [chart for each in groups for chart in (time_chart(each), size_chart(each))]
    return _charts("cost", "Success against cost", [each for each in charts if each is not None])


def _charts(name: str, heading: str, charts: list[Chart]) -> Section | None:
    if not charts:
        return None
    return Section(name, heading, "board/scatters.html", charts=tuple(charts))


def _notes(board: Leaderboard, groups: tuple[Group, ...]) -> Section:
    allowed = dict.fromkeys(name for row in board.rows for name in row.allowed)
    gone = sum(not row.found for row in board.rows)
    context = {
        "rankings": [
            (each.name, printable(each.group.ranking)) for each in groups if each.group.ranking
        ],
        "lacks_pairs": not board.pairs and any(len(each.ranked) > 1 for each in groups),
        "allowed": [printable(name) for name in allowed],
        "gone": counted(gone, "run") if gone else "",
        "notes": [printable(note) for note in board.notes],
    }
    return Section("notes", "How this board was made", "board/notes.html", context)
