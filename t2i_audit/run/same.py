"""Whether a command goes on with the run that a directory holds, or asks for another one.

The judges and the number of seeds may change: a run can be judged by other judges as well, and it
can grow. All else must be as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t2i_audit.errors import RunDirectoryError
from t2i_audit.run.changes import CHECKPOINT, changed_files
from t2i_audit.run.manifest import Manifest, differences

SEEDS = "seeds"
JUDGES = ("judge", "more_judges")
"""The primary judge in a manifest's settings, and the list of the others."""


def require_same(out: Path, there: Manifest, asked: Manifest) -> None:
    """Refuse a command whose run would be another one than that in `out`.

    Raises:
        RunDirectoryError: one sentence that names the first difference.
    """
    require_same_files(out, there.settings, asked.settings)
    _require_no_fewer_seeds(out, there.settings, asked.settings)
    found = differences(*(_fixed(each.settings) for each in (there, asked)))
    advice = "give another --out"
    if not found and (not there.complete or stages_again(there.settings, asked.settings)):
        # Half the tables from one version and half from another would be nobody's result; a
        # complete run computes nothing any more and may be shown by any version.
        found = differences(there.versions, asked.versions)
        advice = "finish it with the versions it was begun with, or give another --out"
    if found:
        raise RunDirectoryError(f"{out} holds a run in which {found[0]}{_more(found)}; {advice}")


def stages_again(there: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[str, ...]:
    """The stages that are not done any more where a run gets more seeds or other judges.

    Args:
        there: the settings in the manifest of the run.
        asked: those of the command that goes on with it.
    """
    if there.get(SEEDS) != asked.get(SEEDS):
        return ("images", "judge", "results")
    if any(there.get(name) != asked.get(name) for name in JUDGES):
        return ("judge", "results")
    return ()


def with_changes(there: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The settings `there` with the seeds and the judges of `asked`."""
    changed = {name: asked[name] for name in (SEEDS, *JUDGES) if name in asked}
    return {**_fixed(there), **changed}


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


def _require_no_fewer_seeds(out: Path, there: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    old, new = there.get(SEEDS), asked.get(SEEDS)
    if isinstance(old, int) and isinstance(new, int) and new < old:
        raise RunDirectoryError(
            f"{out} holds a run in which seeds is {old} there and {new} here; a run can get more "
            f"seeds but not fewer, so give --seeds {old} or more, or another --out"
        )


def _fixed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What of a run's settings cannot change."""
    return {name: value for name, value in settings.items() if name not in (SEEDS, *JUDGES)}


def _more(found: tuple[str, ...]) -> str:
    return f" (and {len(found) - 1} more)" if len(found) > 1 else ""
