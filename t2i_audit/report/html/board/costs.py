"""What the run of a row took, as numbers and texts."""

from __future__ import annotations

import math

from t2i_audit.printable import printable
from t2i_audit.report.styles import plain_words
from t2i_audit.results.cost import Cost
from t2i_audit.results.leaderboard import LeaderboardRow

MILLION = 1e6
GIBIBYTE = 2**30


def cost_of(row: LeaderboardRow) -> Cost:
    """The cost of `row`, in which nothing is known where the run recorded none."""
    return row.cost or Cost()


def millions_of_parameters(row: LeaderboardRow) -> float:
    """Of all components together; NaN where they are not known."""
    return math.nan if row.parameters is None else row.parameters / MILLION


def components(cost: Cost) -> str:
    """The parameters of each component."""
    return ", ".join(
        printable(f"{plain_words(name)} {count:,}") for name, count in cost.parameters.items()
    )


def peak_memory(cost: Cost) -> str:
    """In GiB; empty where it is not known."""
    peak = cost.peak_memory_bytes
    return "" if peak is None else f"{peak / GIBIBYTE:.2f} GiB"
