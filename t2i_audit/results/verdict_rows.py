"""The rows of a run's table of verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from t2i_audit.results.run import Run
from t2i_audit.run.tables import read_rows, table_path

Row = Mapping[str, Any]


def primary_rows(run: Run) -> list[Row]:
    """The rows of the table ``judgements`` of the run's own judge, one per image."""
    return [row for row in all_rows(run) if row["judge"] == run.summary.judge]


def all_rows(run: Run) -> list[Row]:
    """The rows of the table ``judgements``, one per image and judge."""
    return list(read_rows(table_path(run.path, "judgements"), "judgements"))
