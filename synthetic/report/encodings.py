"""The table of encodings, beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthetic.evaluation.results import RunResult
from synthetic.report.rows import SummaryRow, grouped_results, summary_row
from synthetic.settings import EncodingName
from synthetic.suite import ENCODINGS


@dataclass(frozen=True)
class PaperRow:
    """What Redhardt, Akram and Schug report of an encoding (arXiv 2507.07207): R2, no interval."""

    generalization: float
    decodable_input: float
    decodable_hidden: float


# Their students are 1,024 wide, with 4 hidden layers and 300,000 steps.
PAPER: dict[EncodingName, PaperRow] = {
    "identity": PaperRow(1.00, 1.00, 0.95),
    "orthogonal": PaperRow(1.00, 1.00, 0.96),
    "language": PaperRow(1.00, 1.00, 0.99),
    "invertible": PaperRow(0.95, 0.56, 0.94),
    "interval-shuffle": PaperRow(0.98, 0.73, 0.96),
    "few-shot": PaperRow(0.97, -0.23, 0.90),
}


@dataclass(frozen=True)
class EncodingRow:
    """The runs of one encoding, and the paper's figures."""

    ours: SummaryRow
    paper: PaperRow


@dataclass(frozen=True)
class EncodingTable:
    """How well students of each encoding generalize."""

    n_runs: int
    """Number of runs that are finished."""
    n_planned: int
    n_diverged: int
    rows: tuple[EncodingRow, ...]
    """One for each encoding of which a run is finished."""


def tabulate(results: Sequence[RunResult], *, planned: int) -> EncodingTable:
    """Summarise the runs of a comparison of encodings that are finished."""
    by_run = {result.settings: result for result in results}
    groups = grouped_results(list(by_run), by_run, lambda run: run.task.encoding)
    return EncodingTable(
        n_runs=len(results),
        n_planned=planned,
        n_diverged=sum(result.status == "diverged" for result in results),
        rows=tuple(
            EncodingRow(summary_row(name, groups[name]), PAPER[name])
            for name in ENCODINGS
            if name in groups
        ),
    )
