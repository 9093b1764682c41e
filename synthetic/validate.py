"""`validate`: the default suite from start to end."""

from __future__ import annotations

from pathlib import Path

from synthetic.analysis import Validation, analyse
from synthetic.construction import report as construction_report
from synthetic.families.hyperteacher import Hyperteacher
from synthetic.figures import draw_validation
from synthetic.runner import carry_out, group_runs, read_run, run_path
from synthetic.suite import Suite, default_suite
from synthetic.tables import write_tables
from t2i_audit.io import to_json, write_json
from t2i_audit.reporter import TerminalReporter
from t2i_audit.run.directory import SUMMARY, open_run


def validate(
    out: Path, *, jobs: int = 2, threads: int = 1, seed: int = 0, suite: Suite | None = None
) -> Validation:
    """Train the default suite, and write its tables, figures and ``summary.json`` in `out`.

    An interrupted validation goes on run by run.

    Args:
        out: the run directory.
        jobs: processes.
        threads: threads a process; results depend on it in their last digits.
        seed: where the suite's seeds start.
        suite: other runs than the default ones.

    Raises:
        RunDirectoryError: `out` holds something else or a validation of other settings.
    """
    asked = default_suite(seed) if suite is None else suite
    settings = {"command": "synthetic validate", "threads": threads, "suite": to_json(asked)}
    with open_run(out, settings, stages=("runs",), reporter=TerminalReporter()) as directory:
        carry_out(directory, group_runs(asked.runs), jobs=jobs, threads=threads)
        results = {run: read_run(out, run) for run in asked.runs}
        write_tables(out, list(results.values()), _parts(out, asked))
        validation = analyse(asked, results, construction_report(_teacher(asked)))
        draw_validation(out, asked, results, validation)
        write_json(out / SUMMARY, validation)
    return validation


def _teacher(suite: Suite) -> Hyperteacher:
    """The teacher of the suite's first run of the encodings part."""
    run = suite.encodings[0]
    return Hyperteacher.of(
        [run.seed],
        modules=run.modules,
        active=run.active,
        input_size=run.size,
        hidden_size=run.size,
        output_size=run.size,
    )


def _parts(out: Path, suite: Suite) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    for name in ("scale", "encodings", "supports", "floors"):
        for run in getattr(suite, name):
            parts.setdefault(run_path(out, run).stem, []).append(name)
    return parts
