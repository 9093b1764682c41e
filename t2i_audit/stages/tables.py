"""The tables, the figure and the summary with which a run ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.results.summary import write_summary
from t2i_audit.run.directory import SUMMARY
from t2i_audit.run.tables import table_from_rows, table_path, write_table
from t2i_audit.stages.rows import decodability_rows, probe_readings

if TYPE_CHECKING:
    from t2i_audit.probes.decoded import StationProbes
    from t2i_audit.results.summary import RunSummary
    from t2i_audit.run.columns import TableName
    from t2i_audit.stages.text import TextSide


def write_tables(
    run: Path,
    text: TextSide,
    probed: Mapping[str, StationProbes],
    summary: RunSummary,
    attributed: list[dict[str, Any]] | None = None,
) -> None:
    """Write all that a run ends with but the judgements, which are written when images are judged.

    Args:
        run: the run directory.
        text: the suite as the text encoders read it.
        probed: the probes of each station.
        summary: of the run.
        attributed: rows of the table ``attributions``; None in a run without images.
    """
    from t2i_audit.report.where_lost import write_where_lost

    _write(run, "prompts", text.rows)
    places = [
        reading.to_row() for name, each in probed.items() for reading in probe_readings(name, each)
    ]
    _write(run, "probes", places)
    write_where_lost(run, places, summary.success)
    decoded = [
        row for name, each in probed.items() for row in decodability_rows(name, each, text.prompts)
    ]
    _write(run, "decodability", decoded)
    if attributed is not None:
        _write(run, "attributions", attributed)
    write_summary(run / SUMMARY, summary)


def _write(run: Path, name: TableName, rows: list[dict[str, Any]]) -> None:
    write_table(table_path(run, name), name, table_from_rows(name, rows))
