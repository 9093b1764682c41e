"""A run directory checked, made or resumed, and read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from t2i_audit import storage
from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import TEMPORARY_SUFFIX, read_json, remove_leftovers, write_json
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.run.handle import MANIFEST, RunDirectory
from t2i_audit.run.locks import LOCK, RunLock, hold, is_lock
from t2i_audit.run.manifest import Manifest, StageState, manifest_from_json, new_manifest
from t2i_audit.run.pulse import clear_signs
from t2i_audit.run.same import other_versions, require_same, stages_again, with_changes
from t2i_audit.storage.lease import Lease, take
from t2i_audit.workers import ALONE, Worker

__all__ = [
    "MANIFEST",
    "SUMMARY",
    "RunDirectory",
    "check_output",
    "open_run",
    "read_manifest",
    "read_manifest_if_any",
]

SUMMARY = "summary.json"
LATER = re.compile(
    r"(images|use/images/[^/]+)/[^/]+\.(?!json$|parquet$)[^./]+"
    r"|activations/denoiser/batch_[0-9]+\.npz"
)
"""Files of a run that are fetched from a store when they are read."""


def check_output(out: Path) -> None:
    """Refuse an `out` that no run could use, without writing anything.

    It may be absent, empty, or hold a run. Call it before the costly part of a run starts.

    Raises:
        RunDirectoryError: it holds something else, is no folder, or cannot be written.
    """
    read_manifest_if_any(out)
    copy = storage.store_of(out)
    if copy is not None:
        copy.require_writable()
        return
    parent = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not parent.is_dir():
        raise RunDirectoryError(f"{parent} is a file, so {out} cannot be made; give another --out")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise RunDirectoryError(f"{parent} cannot be written; give another --out")


def open_run(
    out: Path,
    settings: Mapping[str, object],
    *,
    stages: Sequence[str] = (),
    versions: Mapping[str, str] | None = None,
    worker: Worker = ALONE,
    reporter: Reporter = SILENT,
) -> RunDirectory:
    """Make the run directory `out`, or resume the run of the same `settings` that it holds.

    A run there may get more seeds or other judges; the stages that depend on them are pending then.

    Args:
        out: the folder; made if it is absent.
        settings: all that the results depend on, in values that JSON can hold.
        stages: names of the stages in order; those the manifest lacks are added as pending.
        versions: versions to record; this machine's if None.
        worker: this process's part of the run's batches. The processes of a divided run may use
            the directory at the same time, each part once.
        reporter: receives the notes and the progress of the run.

    Returns:
        The run, locked against other processes until it is closed; use it in a ``with``.

    Raises:
        RunDirectoryError: `out` holds something else or a run of other settings (the first
            difference is named), another process is at work in it, or it cannot be written.
    """
    check_output(out)
    asked = new_manifest(
        settings,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        stages=stages,
        versions=versions,
    )
    there = read_manifest_if_any(out)
    if there is not None:
        require_same(out, there, asked)
    lock, there, manifest = _begin(out, asked, worker, reporter)
    others = other_versions(there, asked) if there is not None and there.complete else ""
    if others and worker.speaks:
        reporter.note(f"{out} was finished with other versions ({others}); it is shown as it is")
    return RunDirectory(
        out,
        manifest,
        lock,
        worker,
        reporter,
        resumed=there is not None,
        other_versions=others,
    )


def read_manifest(out: Path) -> Manifest:
    """The manifest of the run in `out`.

    Raises:
        RunDirectoryError: `out` holds no run, or its manifest cannot be read.
    """
    try:
        is_folder = out.is_dir()
    except OSError as err:
        raise RunDirectoryError(f"{out} cannot be read: {err.strerror}") from err
    if not is_folder:
        raise RunDirectoryError(f"{out} is no folder; name the folder of a run")
    manifest = read_manifest_if_any(out)
    if manifest is None:
        raise RunDirectoryError(f"{out} holds no run of t2i-audit: it has no {MANIFEST}")
    return manifest


def read_manifest_if_any(out: Path) -> Manifest | None:
    """The manifest in `out`, or None if `out` is absent or holds nothing.

    Raises:
        RunDirectoryError: `out` is no folder, holds something else, or cannot be read.
    """
    try:
        if not out.exists():
            return None
        if not out.is_dir():
            raise RunDirectoryError(f"{out} is a file; --out should name a folder")
        if not (out / MANIFEST).exists():
            others = [path.name for path in out.iterdir() if not _is_ours(path)]
            if others:
                raise RunDirectoryError(
                    f"{out} holds something else ({min(others)}); give an empty or new --out"
                )
            return None
        return manifest_from_json(read_json(out / MANIFEST))
    except ValueError as err:
        raise RunDirectoryError(
            f"{out / MANIFEST} cannot be used: {err}; restore it, or name another folder"
        ) from err
    except OSError as err:
        raise RunDirectoryError(f"{out} cannot be read: {err.strerror}") from err


def _begin(
    out: Path, asked: Manifest, worker: Worker, reporter: Reporter
) -> tuple[RunLock | Lease, Manifest | None, Manifest]:
    """The lock on `out`, the manifest that was there, and the manifest of the run that begins."""
    made = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = _locked(out, worker, reporter)
    except OSError as err:
        raise RunDirectoryError(f"{out} cannot be written: {err.strerror}") from err
    try:
        open_run_files(out)
        # Read again: another process may have begun or ended a run before the lock was ours.
        there = read_manifest_if_any(out)
        if there is not None:
            require_same(out, there, asked)
        if lock.alone:
            remove_leftovers(out)
            clear_signs(out)
        manifest = asked if there is None else _resumed(there, asked)
        changes = there is not None and bool(stages_again(there.settings, asked.settings))
        if changes and not lock.alone:
            raise RunDirectoryError(
                f"other processes are at work in {out} with other seeds or judges; wait for them "
                "or give another --out"
            )
        if worker.finishes or there is None or changes:
            write_json(out / MANIFEST, manifest)
        lock.let_others_in()  # so that the first to come writes the manifest
    except BaseException:
        lock.release()
        if made:
            with suppress(OSError):
                (out / LOCK).unlink(missing_ok=True)
                out.rmdir()
        raise
    return lock, there, manifest


def _locked(out: Path, worker: Worker, reporter: Reporter) -> RunLock | Lease:
    copy = storage.store_of(out)
    return hold(out, worker) if copy is None else take(copy, worker, reporter.note)


def open_run_files(out: Path, folder: str = "") -> None:
    """Have the files of a run in a store at hand.

    Its images and the states of its denoiser, most of its bytes, are fetched when they are read.

    Args:
        out: the run directory.
        folder: in it, of which alone the files are wanted.

    Raises:
        StoreError: the store cannot be read.
    """
    found = storage.open_tree(out / folder)
    storage.fetch(path for path in found if not LATER.fullmatch(path.relative_to(out).as_posix()))


def _resumed(there: Manifest, asked: Manifest) -> Manifest:
    for name, stage in asked.stages.items():
        if name not in there.stages:
            there = there.with_stage(name, stage)
    again = stages_again(there.settings, asked.settings)
    for name in again:
        there = there.with_stage(name, StageState())
    return replace(there, settings=with_changes(there.settings, asked.settings)) if again else there


def _is_ours(path: Path) -> bool:
    return is_lock(path) or path.name.endswith(TEMPORARY_SUFFIX)
