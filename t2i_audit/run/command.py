"""The settings of the command that began a run, kept so that `t2i-audit merge` can end it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import read_json, to_json, write_json
from t2i_audit.settings import AuditSettings

SETTINGS = "settings.json"


def write_settings(run: Path, settings: AuditSettings) -> None:
    """Keep `settings` in the run directory `run`, once; all shards of a run share them."""
    path = run / SETTINGS
    if not path.exists():
        kept = to_json(replace(settings, shard=None))
        del kept["out"]
        write_json(path, kept)


def read_settings(run: Path) -> AuditSettings:
    """The settings of the audit in `run`, to be given again.

    Raises:
        RunDirectoryError: they are missing or cannot be used.
    """
    from pydantic import TypeAdapter

    path = run / SETTINGS
    try:
        return TypeAdapter(AuditSettings).validate_python({**read_json(path), "out": run})
    except (OSError, ValueError, TypeError) as err:
        raise RunDirectoryError(
            f"{path} cannot be used ({err}); give the audit's own command with this --out instead"
        ) from err
