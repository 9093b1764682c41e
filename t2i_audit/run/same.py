"""Whether a command goes on with the run that a directory holds, or asks for another one."""

from __future__ import annotations

from pathlib import Path

from t2i_audit.errors import RunDirectoryError
from t2i_audit.run.changes import CHECKPOINT, changed_files
from t2i_audit.run.manifest import Manifest, differences


def require_same(out: Path, there: Manifest, asked: Manifest) -> None:
    """Refuse a command whose run would be another one than that in `out`.

    Raises:
        RunDirectoryError: one sentence that names the first difference.
    """
    _require_same_files(out, there, asked)
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


def _require_same_files(out: Path, there: Manifest, asked: Manifest) -> None:
    if there.settings.get("model") != asked.settings.get("model"):
        return  # which is the difference to name
    if CHECKPOINT in asked.settings and CHECKPOINT not in there.settings:
        raise RunDirectoryError(
            f"{out} holds a run that began before the checkpoint's files were recorded, so that "
            "it cannot be told whether they are the same; give another --out"
        )
    changed = changed_files(there.settings, asked.settings)
    if changed:
        raise RunDirectoryError(
            f"{changed[0]} has changed since the run in {out} was begun{_more(changed)}; give "
            "another --out, or the file as it was"
        )


def _more(found: tuple[str, ...]) -> str:
    return f" (and {len(found) - 1} more)" if len(found) > 1 else ""
