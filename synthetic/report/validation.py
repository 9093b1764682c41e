"""What the validation suite shows: correlations, tables of rows, checks and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from synthetic.evaluation.construction import ConstructionReport
from synthetic.evaluation.results import RunResult
from synthetic.evaluation.statistics import (
    ControlVerdict,
    Correlation,
    control_verdict,
    correlate,
    places_of,
)
from synthetic.report.checks import (
    HALVES,
    RANDOM_AS_FEW,
    Check,
    construction_check,
    correlation_checks,
    encoding_check,
    floor_check,
    hidden_layers,
    support_checks,
)
from synthetic.report.rows import SummaryRow, format_interval, grouped_results, summary_row
from synthetic.settings import HierarchySettings, RunSettings
from synthetic.suite import BASE, BASE_TASK, ValidationSuite


@dataclass(frozen=True)
class Validation:
    """What the validation suite shows."""

    n_runs: int
    n_diverged: int
    n_composing: int
    """Number of runs of the scale part that score above their additive floor."""
    correlations: tuple[Correlation, ...]
    control: ControlVerdict
    encodings: tuple[SummaryRow, ...]
    supports: tuple[SummaryRow, ...]
    floors: tuple[SummaryRow, ...]
    construction: ConstructionReport
    """The positive control."""
    checks: tuple[Check, ...]
    verdict: str


def analyse(
    suite: ValidationSuite,
    results: Mapping[RunSettings, RunResult],
    construction: ConstructionReport,
) -> Validation:
    """Summarise the results of every run of `suite`, and of the constructed networks."""
    scale = [results[run] for run in suite.scale]
    correlations = tuple(correlate(scale, place) for place in places_of(scale))
    control = control_verdict(correlations[0])

    def rows(
        runs: Sequence[RunSettings], name_of: Callable[[RunSettings], str]
    ) -> tuple[SummaryRow, ...]:
        groups = grouped_results(runs, results, name_of)
        return tuple(summary_row(name, group) for name, group in groups.items())

    encodings = rows(suite.encodings, _encoding_name)
    floors = rows(suite.floors, lambda run: "shuffled targets" if run.steps else "untrained")
    checks = (
        *correlation_checks(correlations, control),
        *support_checks(grouped_results(suite.supports, results, _support_name)),
        encoding_check(encodings),
        floor_check(floors),
        construction_check(construction),
    )
    return Validation(
        n_runs=len(results),
        n_diverged=sum(result.status == "diverged" for result in results.values()),
        n_composing=sum(result.composes is True for result in scale),
        correlations=correlations,
        control=control,
        encodings=encodings,
        supports=rows(suite.supports, _support_name),
        floors=floors,
        construction=construction,
        checks=checks,
        verdict=_verdict(correlations, control, checks, len(scale)),
    )


def _encoding_name(run: RunSettings) -> str:
    task = run.task
    if isinstance(task, HierarchySettings) or task.encoding != "invertible":
        return task.encoding
    if task.invertible_scale == BASE_TASK.invertible_scale:
        return task.encoding
    return f"invertible, deviation {task.invertible_scale:g}"


def _support_name(run: RunSettings) -> str:
    if run.train_fraction == BASE.train_fraction:
        return run.support
    return {"random": RANDOM_AS_FEW, "disconnected": HALVES}.get(run.support, run.support)


def _verdict(
    correlations: Sequence[Correlation],
    control: ControlVerdict,
    checks: Sequence[Check],
    n_scale: int,
) -> str:
    hidden = hidden_layers(correlations)
    failed = [check.name for check in checks if not check.passed]
    within = min((one.pearson_within for one in hidden), key=lambda one: one.estimate)
    over_all = min((one.pearson for one in hidden), key=lambda one: one.estimate)
    start = (
        f"Over {n_scale} students, decodability from hidden layers goes with generalization to "
        "held-out compositions among students that were trained on equally many (weakest layer: "
        f"Pearson {format_interval(within)}; over all students {format_interval(over_all)})"
    )
    if failed:
        return f"Not shown in this suite: {', '.join(failed)}. {start}."
    word = "is saturated" if control == "saturated" else "shows no relation"
    return f"{start}, while decodability at the input {word}: the probe measures what it claims."
