"""Students of every encoding, trained alike, beside what the paper reports of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synthetic.evaluation.run_files import read_run, run_path
from synthetic.experiments.runner import Work, carry_out, group_runs, require_possible
from synthetic.records import record_of
from synthetic.report.encodings import EncodingTable, tabulate
from synthetic.report.tables import write_tables
from synthetic.settings import RunSettings
from synthetic.suite import encoding_runs
from t2i_audit.io import to_json, write_json
from t2i_audit.reporter import TerminalReporter
from t2i_audit.run.directory import SUMMARY, open_run


def compare_encodings(
    base: RunSettings, seeds: Sequence[int], out: Path, work: Work
) -> EncodingTable:
    """Train `base` with every encoding under each of `seeds`, and write the table in `out`.

    An interrupted comparison is resumed within its runs. The tables and ``summary.json`` are
    written anew whenever a run is finished, so that they hold what there is so far.

    Args:
        base: the run whose encoding and seed are replaced.
        seeds: one run of each encoding for each.
        out: the run directory.
        work: how the runs are trained.

    Raises:
        AuditError: an encoding does not fit the tasks of `base`.
        RunDirectoryError: `out` holds something else or a comparison of other settings.
    """
    runs = encoding_runs(base, tuple(dict.fromkeys(seeds)))
    require_possible(runs)
    settings = {
        "command": "synthetic encodings",
        "threads": work.threads,
        "device": work.device,
        "runs": {str(index): to_json(record_of(run)) for index, run in enumerate(runs)},
    }
    # All encodings under the first seed come before those under the next.
    groups = sorted(group_runs(runs, work.device), key=lambda group: runs.index(group[0]))

    def report() -> EncodingTable:
        results = [read_run(out, run) for run in runs if run_path(out, run).exists()]
        table = tabulate(results, planned=len(runs))
        write_tables(out, results)
        write_json(out / SUMMARY, table)
        return table

    with open_run(out, settings, stages=("runs",), reporter=TerminalReporter()) as directory:
        carry_out(directory, groups, work, written=report)
        return report()
