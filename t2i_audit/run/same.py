"""Whether a command goes on with the run that a directory holds, or asks for another one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t2i_audit.errors import RunDirectoryError
from t2i_audit.run.changes import CHECKPOINT, changed_files
from t2i_audit.run.manifest import Manifest, differences


def require_same(out: Path, there: Manifest, asked: Manifest) -> None:
    """Refuse a command whose run would be another one than that in `out`.

    Raises:
        RunDirectoryError: one sentence that names the first difference.
    """
    require_same_files(out, there.settings, asked.settings)
    found = differences(there.settings, asked.settings)
    advice = "give another --out"
    if not found and not there.complete:
        # Half the tables from one version and half from another would be nobody's result; a
        # complete run computes nothing any more and may be shown by any version.
        found = differences(there.versions, asked.versions)
        advice = "finish it with the versions it was begun with, or give another --out"
    if found:
        raise RunDirectoryError(f"{out} holds a run in which {found[0]}{_more(found)}; {advice}")


def other_versions(there: Manifest, asked: Manifest) -> str:
    """The first difference between the versions that made a run and those here; empty if none."""
    found = differences(there.versions, asked.versions)
    return f"{found[0]}{_more(found)}" if found else ""


def require_same_files(out: Path, there: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Refuse files of a checkpoint that are not those with which the run in `out` was begun.

    Args:
        out: the run directory.
        there: the settings in its manifest.
        asked: those of the command, as far as they are known.

    Raises:
        RunDirectoryError: one sentence that names the first file that has changed.
    """
    if there.get("model") != asked.get("model"):
        return  # which is the difference to name
    if CHECKPOINT in asked and CHECKPOINT not in there:
        raise RunDirectoryError(
            f"{out} holds a run that began before the checkpoint's files were recorded, so that "
            "it cannot be told whether they are the same; give another --out"
        )
    changed = changed_files(there, asked)
    if changed:
        raise RunDirectoryError(
            f"{changed[0]} has changed since the run in {out} was begun{_more(changed)}; give "
            "another --out, or the file as it was"
        )


def _more(found: tuple[str, ...]) -> str:
    return f" (and {len(found) - 1} more)" if len(found) > 1 else ""
