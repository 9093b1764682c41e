"""The prompts of a finished run, from its table."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from prompts.structure import Prompt
from t2i_audit.errors import RunDirectoryError
from t2i_audit.run.tables import read_rows, table_path


def prompts_of(run: Path) -> tuple[Prompt, ...]:
    """The prompts of the run in `run`, in the order of the rows of its table.

    Raises:
        RunDirectoryError: the table cannot be read, or a prompt in it is not as documented.
    """
    from pydantic import TypeAdapter, ValidationError

    own = [each.name for each in fields(Prompt)]
    path = table_path(run, "prompts")
    named = [{**row, "id": row["prompt_id"]} for row in read_rows(path, "prompts")]
    try:
        return TypeAdapter(tuple[Prompt, ...]).validate_python(
            [{name: row[name] for name in own} for row in named]
        )
    except ValidationError as err:
        raise RunDirectoryError(
            f"{path} cannot be used (a prompt's structure is not as documented); give the command "
            "that made the run again, and it is made anew"
        ) from err
