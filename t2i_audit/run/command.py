"""The settings of the command that began a run, kept so that `t2i-audit merge` can finish it."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from t2i_audit.errors import AuditError, RunDirectoryError
from t2i_audit.io import read_json, to_json, write_json
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.run.manifest import first_fault
from t2i_audit.settings import AuditSettings, JudgeSettings, ProbeSettings
from t2i_audit.settings.typed import typed

SETTINGS = "settings.json"
KINDS: dict[str, tuple[type[AuditSettings | JudgeSettings | ProbeSettings], str]] = {
    "audit": (AuditSettings, "audit"),
    "probe": (ProbeSettings, "probe"),
    "images": (JudgeSettings, "judge"),
}
"""By the command in a run's manifest, the type of its settings and the name of its command."""

S = TypeVar("S")


def keep_command(run: Path, settings: ProbeSettings) -> None:
    """Keep the settings of a probe, for `command_of`."""
    kept = to_json(settings)
    del kept["out"], kept["report"]
    write_json(run / SETTINGS, kept)


def write_settings(run: Path, settings: AuditSettings, reporter: Reporter = SILENT) -> None:
    """Write `settings` to the run directory `run`, once; all shards of a run share them.

    Of a file that is there, only the seeds and the judges are brought up to date. One that cannot
    be read as settings is replaced.
    """
    path = run / SETTINGS
    if path.exists():
        try:
            there = read_settings(run)
        except RunDirectoryError:
            reporter.note(f"{path} is damaged; it is written again")
        else:
            current = replace(there, seeds=settings.seeds, judge=settings.judge)
            if current == there:
                return
            settings = current
    kept = to_json(replace(settings, shard=None, engine=None))
    del kept["out"], kept["report"]
    write_json(path, kept)


def read_settings(run: Path) -> AuditSettings:
    """The settings of the audit in `run`; a file of an earlier version lacks some, with defaults.

    Raises:
        RunDirectoryError: the file is missing or cannot be used.
    """
    return _read(run, AuditSettings)


def _read(run: Path, kind: type[S]) -> S:
    from pydantic import TypeAdapter, ValidationError

    path = run / SETTINGS
    try:
        return TypeAdapter(kind).validate_python({**read_json(path), "out": run})
    except (OSError, ValueError, TypeError, AuditError) as err:
        fault = first_fault(err) if isinstance(err, ValidationError) else err
        raise RunDirectoryError(
            f"{path} cannot be used ({fault}); give the audit's own command with this --out instead"
        ) from err


def command_of(run: Path, command: str) -> str:
    """The command that makes the run in `run` again, as a shell takes it.

    Args:
        run: its directory.
        command: of its manifest's settings: ``audit``, ``probe`` or ``images``.

    Raises:
        RunDirectoryError: the run kept no settings, or they cannot be used.
    """
    kind, name = KINDS.get(command, (AuditSettings, "audit"))
    return shlex.join(["t2i-audit", name, *typed(_read(run, kind))])


def judges_of(run: Path) -> str:
    """The judges of the audit in `run`, as on the command line; empty if that is not known."""
    try:
        return read_settings(run).judge
    except RunDirectoryError:
        return ""
