"""The prompts of a finished run, from its table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prompts.structure import Constituent, Foil, Prompt
from t2i_audit.errors import RunDirectoryError
from t2i_audit.run.tables import read_rows, table_path


def run_prompts(run: Path) -> tuple[tuple[Prompt, ...], tuple[dict[str, Any], ...]]:
    """The prompts of the run in `run` with their structure, and the rows that they are from.

    Raises:
        RunDirectoryError: the table ``prompts`` cannot be read.
    """
    path = table_path(run, "prompts")
    rows: list[dict[str, Any]] = read_rows(path, "prompts")
    try:
        return tuple(map(_prompt, rows)), tuple(rows)
    except (KeyError, TypeError) as err:
        raise RunDirectoryError(
            f"{path} cannot be used (a prompt's structure is not as documented); give the command "
            "that made the run again, and it is made anew"
        ) from err


def _prompt(row: dict[str, Any]) -> Prompt:
    parts = tuple(
        Constituent(**{**part, "entities": tuple(part["entities"])}) for part in row["constituents"]
    )
    return Prompt(
        id=row["prompt_id"],
        text=row["text"],
        type=row["type"],
        template=row["template"],
        constituents=parts,
        foils=tuple(Foil(**foil) for foil in row["foils"]),
        split=row["split"],
        metadata=row["metadata"],
    )
