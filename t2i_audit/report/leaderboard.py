"""A leaderboard on one screen, group by group."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit.report.styles import plain_words, print_legend
from t2i_audit.report.tables import console, make_table
from t2i_audit.reporter import Reporter

if TYPE_CHECKING:
    from t2i_audit.results.cost import Cost
    from t2i_audit.results.leaderboard import Leaderboard, LeaderboardRow, Scalar

# Shown where the rows of a group differ in it, under these headings.
DIFFERING = {
    "steps": "steps",
    "guidance_scale": "guidance",
    "scheduler": "scheduler",
    "size": "size",
    "dtype": "dtype",
    "quantization": "quantization",
    "device": "device",
    "lora": "LoRA",
    "embedding": "embedding",
    "base_seed": "base seed",
    "negative_prompt": "negative prompt",
    "commit": "commit",
    "t2i_audit": "t2i-audit",
}


def print_leaderboard(board: Leaderboard, output: Path, page: Path | None = None) -> None:
    """Print the groups of `board`, each with its rows and how success goes with decodability."""
    screen = console()
    for group in board.groups:
        rows = [row for row in board.rows if row.group == group.number]
        screen.print(f"{group.name}:")
        screen.print(make_table(*_table(rows)))
        if group.ranking:
            screen.print(group.ranking)
        for note in group.notes:
            screen.print(f"Note: {note}")
        if len(rows) > 1:
            for correlation in board.correlations:
                if correlation.group == group.number:
                    screen.print(correlation.sentence)
        screen.print()
    if board.rows:
        stations = ", ".join(map(plain_words, board.rows[0].decodability))
        print_legend(
            screen,
            "rank: from one more than the runs that are surely better, to all but those that are "
            "surely worse; none where a run's verdicts are not there, or nothing to compare with",
            "success: share of the judged images that are right, with 95% interval; corrected: the "
            "same for the judge's errors",
            f"{stations}: mean over prompts of the probability of the weakest slot's true value",
            "culprit: the cause that most wrong images are surely attributed to",
            *(("s/image: seconds to sample an image, and on what",) if _timed(board.rows) else ()),
        )
    for note in board.notes:
        screen.print(f"Note: {note}")
    screen.print(f"Table: {output}", soft_wrap=True)
    if page is not None:
        screen.print(f"Page: {page}", soft_wrap=True)


def write_to_stdout(board: Leaderboard, text: str, reporter: Reporter) -> None:
    """Write the table as CSV `text` to standard output, and report the notes."""
    for group in board.groups:
        for note in (*((group.ranking,) if group.ranking else ()), *group.notes):
            reporter.note(f"{group.name}: {note}")
    for note in board.notes:
        reporter.note(note)
    sys.stdout.write(text)
    sys.stdout.flush()


def _table(rows: Sequence[LeaderboardRow]) -> tuple[list[str], Iterator[list[str]]]:
    stations = list(rows[0].decodability)
    corrected = any(row.corrected.is_defined for row in rows)
    shown = [name for name in DIFFERING if len({getattr(row.setup, name) for row in rows}) > 1]
    ranked = any(row.rank is not None for row in rows)
    timed = _timed(rows)
    headings = [
        *(("rank",) if ranked else ()),
        *("run", "model", "success", *(("corrected",) if corrected else ())),
        *map(plain_words, stations),
        "culprit",
        *(("s/image",) if timed else ()),
        *(DIFFERING[name] for name in shown),
    ]

    def cells() -> Iterator[list[str]]:
        for row in rows:
            own = (str(row.corrected) if row.corrected.is_defined else "",) if corrected else ()
            rates = (row.decodability[name] for name in stations)
            rank = ("" if row.rank is None else str(row.rank),) if ranked else ()
            yield [
                *rank,
                *(row.run, row.model),
                *(str(row.success), *own),
                *map(str, rates),
                row.culprit or "",
                *((_cost(row.cost),) if timed else ()),
                *(_cell(getattr(row.setup, name)) for name in shown),
            ]

    return headings, cells()


def _cell(value: Scalar) -> str:
    return "" if value is None else str(value)


def _timed(rows: Sequence[LeaderboardRow]) -> bool:
    return any(row.cost is not None and row.cost.images for row in rows)


def _cost(cost: Cost | None) -> str:
    if cost is None or not cost.images:
        return ""
    return (
        f"{cost.seconds_per_image:.2g} ({cost.device})"
        if cost.device
        else f"{cost.seconds_per_image:.2g}"
    )
