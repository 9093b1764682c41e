"""The tidy tables of many runs, as CSV and as Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from synthetic.evaluation.results import RunResult
from synthetic.evaluation.run_files import run_path
from t2i_audit.io import atomic_file, write_parquet


def write_tables(
    out: Path, results: Sequence[RunResult], parts: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Write ``runs``, ``probes`` and ``curves`` in `out`, each as ``.csv`` and ``.parquet``.

    Args:
        out: the run directory.
        results: each becomes one row of ``runs``, diverged ones included.
        parts: for a run's id, the parts of a suite to which it belongs.
    """
    runs, probes, curves = [], [], []
    for result in results:
        name = run_path(out, result.settings).stem
        row = {"run": name, **result.to_row()}
        if parts is not None:
            row["parts"] = " ".join(parts.get(name, ()))
        runs.append(row)
        probes += [{"run": name, **asdict(probe)} for probe in result.probes]
        curves += [{"run": name, "step": step, "loss": loss} for step, loss in result.curve]
    for table, rows in (("runs", runs), ("probes", probes), ("curves", curves)):
        _write(out / table, rows)


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    from pyarrow import csv

    table = pa.Table.from_pylist(rows)
    write_parquet(path.with_suffix(".parquet"), table)
    with atomic_file(path.with_suffix(".csv")) as temporary:
        csv.write_csv(table, temporary)
