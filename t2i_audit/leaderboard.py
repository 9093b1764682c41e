"""Runs side by side in one CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from t2i_audit.analysis import Leaderboard, leaderboard
from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import write_text
from t2i_audit.run.directory import read_manifest, read_summary

SEED = 0


def write_leaderboard(runs: Sequence[Path], output: Path) -> Leaderboard:
    """Write one row a run to `output` and return the rows with their correlations.

    Raises `RunDirectoryError` for a folder that is no finished audit.
    """
    summaries = []
    for run in runs:
        manifest = read_manifest(run)
        if manifest.settings.get("command") != "audit":
            raise RunDirectoryError(
                f"{run} is the run of a probe and has no success to rank; give runs of "
                "t2i-audit audit"
            )
        summaries.append((read_summary(run), {"settings": dict(manifest.settings)}))
    board = leaderboard(summaries, rng=np.random.default_rng(SEED))
    rows = [row.to_row() for row in board.rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(output, text.getvalue())
    return board
