"""What the commands print on the terminal."""

from __future__ import annotations

import math

from synthetic.evaluation.results import RunResult
from synthetic.evaluation.statistics import Correlation
from synthetic.report.encodings import EncodingTable
from synthetic.report.rows import SummaryRow, format_interval
from synthetic.report.sweep import SweepResult
from synthetic.report.validation import Validation
from t2i_audit.report.tables import console, print_table


def show_validation(validation: Validation) -> None:
    """Print the result of `validate`."""
    _print_correlations(validation.correlations)
    screen = console()
    for heading, rows in (
        ("encoding", validation.encodings),
        ("support", validation.supports),
        ("floor", validation.floors),
    ):
        screen.print()
        _print_rows(heading, rows)
    screen.print()
    for check in validation.checks:
        screen.print(f"{'shown' if check.passed else 'NOT SHOWN'}: {check.sentence}")
    if validation.n_diverged:
        screen.print(f"{validation.n_diverged} runs diverged and are excluded.")
    screen.print(validation.verdict)


def show_student(result: RunResult) -> None:
    """Print one student's probes and generalization."""
    print_table(
        ("place", "R2, trained", "R2, held out", "accuracy, held out", "tasks"),
        [
            (
                probe.place,
                f"{probe.r2_in_distribution:.2f}",
                f"{probe.r2_held_out:.2f}",
                "" if math.isnan(probe.accuracy_held_out) else f"{probe.accuracy_held_out:.2f}",
                str(probe.n_held_out),
            )
            for probe in result.probes
        ],
    )
    screen = console()
    if result.status == "diverged":
        screen.print("The training diverged, so there is nothing to test; lower --learning-rate.")
    else:
        floors = [
            f"{name}: {value:.2f}"
            for name, value in (
                ("adding up alone", result.additive_floor),
                ("with another task's code", result.score_other_code),
            )
            if not math.isnan(value)
        ]
        floor_text = f" ({'; '.join(floors)})" if floors else ""
        screen.print(
            f"Generalization: {result.score_held_out:.2f} on {result.n_held_out} held-out "
            f"compositions{floor_text}, {result.score_in_distribution:.2f} on {result.n_trained} "
            "trained ones; one run, so there is no interval"
        )


def show_sweep(result: SweepResult) -> None:
    """Print a sweep's cells and correlations."""
    _print_rows("grid", result.rows)
    screen = console()
    screen.print()
    _print_correlations(result.correlations)
    screen.print(f"{result.n_runs} runs, of which {result.n_diverged} diverged and are excluded")


def show_encodings(table: EncodingTable) -> None:
    """Print the table of encodings."""
    print_table(
        (
            *("encoding", "runs", "trained", "held out", "paper", "adding up"),
            *("input", "paper", "last hidden", "paper"),
        ),
        [
            (
                row.ours.name,
                str(row.ours.n_runs),
                format_interval(row.ours.in_distribution),
                format_interval(row.ours.held_out),
                f"{row.paper.generalization:.2f}",
                format_interval(row.ours.additive_floor),
                format_interval(row.ours.probe_input),
                f"{row.paper.decodable_input:.2f}",
                format_interval(row.ours.probe_last),
                f"{row.paper.decodable_hidden:.2f}",
            )
            for row in table.rows
        ],
    )
    console().print(
        f"{table.n_runs} of {table.n_planned} runs, of which {table.n_diverged} diverged and are "
        "excluded"
    )


def _print_correlations(correlations: tuple[Correlation, ...]) -> None:
    print_table(
        (
            "decodable at",
            "Pearson with generalization",
            "Spearman",
            "Pearson, equally many trained",
            "probe R2 from",
            "to",
            "runs",
        ),
        [
            (
                one.place,
                format_interval(one.pearson),
                format_interval(one.spearman),
                format_interval(one.pearson_within),
                f"{one.lowest_r2:.2f}",
                f"{one.highest_r2:.2f}",
                str(one.pearson.n),
            )
            for one in correlations
        ],
    )


def _print_rows(heading: str, rows: tuple[SummaryRow, ...]) -> None:
    print_table(
        (heading, "runs", "trained", "generalization", "adding up", "input", "hidden 1", "last"),
        [
            (
                row.name,
                str(row.n_runs),
                f"{row.train_fraction:.2f}",
                *(
                    format_interval(value)
                    for value in (
                        row.held_out,
                        row.additive_floor,
                        row.probe_input,
                        row.probe_first,
                        row.probe_last,
                    )
                ),
            )
            for row in rows
        ],
    )
