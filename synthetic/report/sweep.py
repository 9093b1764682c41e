"""The summary of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synthetic.evaluation.results import RunResult
from synthetic.evaluation.statistics import Correlation, correlate, places_of
from synthetic.records import record_of
from synthetic.report.figures import save, scaling, scatter
from synthetic.report.rows import SummaryRow, summary_row
from synthetic.report.tables import write_tables
from synthetic.settings import RunSettings
from t2i_audit.io import write_json
from t2i_audit.run.directory import SUMMARY

# The settings that name a row of the summary; runs of a row differ in the seed.
CELL_COLUMNS = ("family", "encoding", "support", "student", "width", "depth", "train_fraction")


@dataclass(frozen=True)
class SweepResult:
    """The summary of a sweep, or of one shard of it."""

    n_runs: int
    n_diverged: int
    rows: tuple[SummaryRow, ...]
    """One for each cell of the grid; intervals are over seeds."""
    correlations: tuple[Correlation, ...]


def summarise_sweep(out: Path, results: Sequence[RunResult]) -> SweepResult:
    """Write the tables, figures and ``summary.json`` of a sweep in `out`."""
    write_tables(out, results)
    cells: dict[str, list[RunResult]] = {}
    for result in results:
        cells.setdefault(_cell_name(result.settings), []).append(result)
    summary = SweepResult(
        n_runs=len(results),
        n_diverged=sum(result.status == "diverged" for result in results),
        rows=tuple(summary_row(name, members) for name, members in cells.items()),
        correlations=tuple(correlate(results, place) for place in places_of(results)),
    )
    if any(result.status == "finished" for result in results):
        save(out / "decodability", scatter(results, summary.correlations))
        save(out / "scaling", scaling(results))
    write_json(out / SUMMARY, summary)
    return summary


def _cell_name(run: RunSettings) -> str:
    record = record_of(run)
    record["train_fraction"] = f"{run.train_fraction:g}"
    return " ".join(str(record[column]) for column in CELL_COLUMNS)
