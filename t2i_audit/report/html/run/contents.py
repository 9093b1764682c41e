"""What the page of a run shows, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prompts.structure import Prompt
from t2i_audit.results.readings import ProbeReading
from t2i_audit.results.run import Run
from t2i_audit.results.run_prompts import prompts_of
from t2i_audit.run.columns import TableName
from t2i_audit.run.tables import read_rows, table_path

Rows = Sequence[Mapping[str, Any]]
# Of the table of verdicts.
VERDICT = ("prompt_id", "judge", "correct", "chosen")


@dataclass(frozen=True, eq=False)
class Contents:
    """A run with its tables; those that it lacks are empty."""

    run: Run
    prompts: tuple[Prompt, ...]
    readings: tuple[ProbeReading, ...]
    decodability: Rows
    judgements: Rows
    """Of the primary judge, with the columns `VERDICT`."""
    attributions: Rows

    @property
    def has_images(self) -> bool:
        """Whether images were made and judged."""
        return self.run.summary.success is not None


def read_contents(run: Run) -> Contents:
    """Read the tables of `run`.

    Raises:
        RunDirectoryError: a table is missing or cannot be read.
    """
    judged = run.summary.success is not None

    def rows(name: TableName, columns: Sequence[str] | None = None) -> Rows:
        return read_rows(table_path(run.path, name), name, columns=columns)

    judgements = rows("judgements", VERDICT) if judged else ()
    return Contents(
        run=run,
        prompts=prompts_of(run.path),
        readings=run.probe_readings(),
        decodability=rows("decodability"),
        judgements=[row for row in judgements if row["judge"] == run.summary.judge],
        attributions=rows("attributions") if judged else (),
    )
