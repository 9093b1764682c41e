"""`validate`: the validation suite from start to end."""

from __future__ import annotations

from pathlib import Path

from synthetic.evaluation.construction import measure_construction
from synthetic.evaluation.run_files import read_run, run_path
from synthetic.experiments.runner import Work, carry_out, group_runs
from synthetic.records import record_of
from synthetic.report.figures import draw_validation
from synthetic.report.tables import write_tables
from synthetic.report.validation import Validation, analyse
from synthetic.suite import ValidationSuite, default_suite
from synthetic.tasks.hyperteacher import Hyperteacher
from synthetic.tasks.make import make_family
from t2i_audit.io import to_json, write_json
from t2i_audit.reporter import TerminalReporter
from t2i_audit.run.directory import SUMMARY, open_run

PARTS = ("scale", "encodings", "supports", "floors")


def validate(
    out: Path,
    *,
    jobs: int = 2,
    threads: int = 1,
    seed: int = 0,
    suite: ValidationSuite | None = None,
) -> Validation:
    """Train the validation suite, and write its tables, figures and ``summary.json`` in `out`.

    An interrupted validation is resumed run by run.

    Args:
        out: the run directory.
        jobs: number of processes.
        threads: threads per process; the last digits of the results depend on it.
        seed: where the seeds of the default suite start.
        suite: other runs than the default ones.

    Raises:
        RunDirectoryError: `out` holds something else or a validation of other settings.
    """
    suite = default_suite(seed) if suite is None else suite
    records = {part: [to_json(record_of(run)) for run in getattr(suite, part)] for part in PARTS}
    settings = {"command": "synthetic validate", "threads": threads, "suite": records}
    with open_run(out, settings, stages=("runs",), reporter=TerminalReporter()) as directory:
        carry_out(directory, group_runs(suite.runs), Work(jobs=jobs, threads=threads))
        results = {run: read_run(out, run) for run in suite.runs}
        write_tables(out, list(results.values()), _parts_of_runs(out, suite))
        validation = analyse(suite, results, measure_construction(_teacher(suite)))
        draw_validation(out, suite, results, validation)
        write_json(out / SUMMARY, validation)
    return validation


def _teacher(suite: ValidationSuite) -> Hyperteacher:
    """The teacher of the first run of the encodings part."""
    run = suite.encodings[0]
    family = make_family(run.task, [run.seed])
    assert isinstance(family, Hyperteacher)
    return family


def _parts_of_runs(out: Path, suite: ValidationSuite) -> dict[str, list[str]]:
    """For each run's id the parts of the suite to which it belongs."""
    parts: dict[str, list[str]] = {}
    for part in PARTS:
        for run in getattr(suite, part):
            parts.setdefault(run_path(out, run).stem, []).append(part)
    return parts
