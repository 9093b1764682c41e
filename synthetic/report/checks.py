"""The checks that a sound probe and sound students must pass."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synthetic.evaluation.construction import ConstructionReport
from synthetic.evaluation.results import RunResult
from synthetic.evaluation.statistics import ControlVerdict, Correlation, mean_over_runs
from synthetic.report.rows import SummaryRow, format_interval, summary_row
from synthetic.students.base import INPUT

LEAST_PEARSON = 0.9
LEAST_LOWER_END = 0.7
LEAST_RUNS = 10
EASY_ENCODINGS = ("identity", "orthogonal", "language")
HARD_ENCODINGS = ("invertible", "interval-shuffle")
HARDEST_ENCODING = "few-shot"
# Names of the rows of supports with fewer compositions than the others.
RANDOM_AS_FEW = "random, as few as in halves"
HALVES = "disconnected halves"
LEAST_CONSTRUCTED = 0.99
SLOPE_TOLERANCE = 0.25
LARGEST_FLOOR = 0.1


@dataclass(frozen=True)
class Check:
    """One thing that a sound probe and sound students must show."""

    name: str
    passed: bool
    sentence: str


def correlation_checks(
    correlations: Sequence[Correlation], control: ControlVerdict
) -> tuple[Check, ...]:
    """Decodability at hidden layers correlates with generalization, at the input it does not."""
    hidden = hidden_layers(correlations)
    # Over all runs Pearson is below 0.9: students of few compositions generalize less at the same
    # decodability. The check therefore concerns students trained on equally many compositions, so
    # that the suite need leave nothing out; the figures over all runs are printed with it.
    strong = all(
        one.pearson_within.estimate >= LEAST_PEARSON and one.pearson_within.lower > LEAST_LOWER_END
        for one in hidden
    )
    monotone = all(one.pearson.lower > LEAST_LOWER_END for one in hidden)
    within, over_all, ranks = (
        "; ".join(f"{one.place} {format_interval(getattr(one, name))}" for one in hidden)
        for name in ("pearson_within", "pearson", "spearman")
    )
    at_input = correlations[0]
    pearson = format_interval(at_input.pearson)
    outcome = {
        "saturated": f"saturated: R2 is {at_input.lowest_r2:.2f} to {at_input.highest_r2:.2f} "
        "whether a student composes or not",
        "no_relation": f"not distinguishable from no relation, Pearson {pearson}",
        "related": f"related to generalization, Pearson {pearson}",
        "undefined": "undefined",
    }[control]
    return (
        Check(
            "hidden layers",
            strong and monotone,
            "Pearson of decodability with generalization among students of equally many trained "
            f"compositions, {hidden[0].pearson.n} runs: {within}. Over all of them: {over_all}; "
            f"Spearman: {ranks}.",
        ),
        Check("input control", control in ("saturated", "no_relation"), f"The input is {outcome}."),
    )


def hidden_layers(correlations: Sequence[Correlation]) -> list[Correlation]:
    """Those of hidden layers that enough runs have; only the few deepest students have more."""
    hidden = [one for one in correlations if one.place != INPUT]
    return [one for one in hidden if one.pearson.n >= LEAST_RUNS] or hidden


def support_checks(groups: Mapping[str, Sequence[RunResult]]) -> tuple[Check, ...]:
    """Supports that should not compose: they generalize worse than random support and no better
    than adding up, while random support of as many compositions does better than adding up."""
    checks = []
    for name, reference in (
        ("non-compositional", "random"),
        # Support with one separate module is in the table only: the hyperteacher is linear in the
        # code before its ReLU, so such a student, though worse than with random support, is still
        # above adding up.
        (HALVES, RANDOM_AS_FEW),
    ):
        if name not in groups or reference not in groups:
            continue
        pairs = zip(groups[name], groups[reference], strict=True)
        difference = mean_over_runs(
            [one.score_held_out - other.score_held_out for one, other in pairs],
            [one.settings.seed for one in groups[name]],
        )
        row, other = summary_row(name, groups[name]), summary_row(reference, groups[reference])
        composes = row.above_floor.lower > 0
        passed = difference.upper < 0 and not composes and other.above_floor.lower > 0
        checks.append(
            Check(
                f"{name} support",
                passed,
                f"Under {name} support generalization is {format_interval(row.held_out)}, "
                f"{format_interval(difference)} against random support of "
                f"{other.train_fraction:.2f} of the compositions; less adding up "
                f"{format_interval(row.above_floor)}, random support "
                f"{format_interval(other.above_floor)}.",
            )
        )
    return tuple(checks)


def encoding_check(rows: Sequence[SummaryRow]) -> Check:
    """The harder an encoding, the worse the code is decoded from the input."""
    at_input = {row.name: row.probe_input.estimate for row in rows}
    easy = min(at_input[name] for name in EASY_ENCODINGS)
    hard = [at_input[name] for name in HARD_ENCODINGS]
    hardest = at_input[HARDEST_ENCODING]
    figures = ", ".join(f"{row.name} {format_interval(row.probe_input)}" for row in rows)
    return Check(
        "encodings",
        easy > max(hard) and min(hard) > hardest,
        f"Decodability of the code from the input, {rows[0].n_runs} seeds each: {figures}.",
    )


def floor_check(rows: Sequence[SummaryRow]) -> Check:
    """Untrained students, and students of shuffled targets, do not generalize."""
    figures = ", ".join(f"{row.name} {format_interval(row.held_out)}" for row in rows)
    return Check(
        "floors",
        all(row.held_out.upper < LARGEST_FLOOR for row in rows),
        f"Students that have nothing to compose generalize with R2 {figures}.",
    )


def construction_check(report: ConstructionReport) -> Check:
    """The probe finds the code in the constructed network, whose error keeps to its bound."""
    lowest = min(probe.r2_held_out for probe in report.probes)
    within = all(size.measured <= size.bound for size in report.sizes)
    largest = report.sizes[-1]
    return Check(
        "construction",
        lowest >= LEAST_CONSTRUCTED
        and within
        and abs(report.slope - report.bound_slope) <= SLOPE_TOLERANCE,
        "In the network constructed by hand the probe has R2 >= "
        f"{math.floor(1000 * lowest) / 1000} on {report.probes[0].n_held_out:,} held-out tasks; "
        f"its error falls with neurons to the power {report.slope:.2f} (bound "
        f"{report.bound_slope:.2f}), to {largest.measured:.2g} with {largest.neurons:,} neurons "
        f"(bound {largest.bound:.2g}; {largest.n:,} samples).",
    )
