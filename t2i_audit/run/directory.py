"""The run directory: made or resumed, held against a second process, and kept up to date."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from t2i_audit import progress
from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import TEMPORARY_SUFFIX, read_json, remove_leftovers, sha256_of_all, write_json
from t2i_audit.run.locks import LOCK, RunLock, hold, is_lock
from t2i_audit.run.manifest import (
    Manifest,
    StageState,
    manifest_from_json,
    new_manifest,
)
from t2i_audit.run.same import other_versions, require_same
from t2i_audit.workers import ALONE, Worker

MANIFEST = "manifest.json"
SUMMARY = "summary.json"
# Counts in the manifest are for the reader only, the shards decide what is done; so they are
# written this often (seconds) and not for every batch.
SAVE_INTERVAL = 5.0


def check_output(out: Path) -> None:
    """Refuse an `out` that no run could use, without touching anything.

    It may be absent, empty, or hold a run; call it before the costly part of a run starts.

    Raises:
        RunDirectoryError: it holds something else, is no folder, or cannot be written.
    """
    read_manifest_if_any(out)
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
) -> RunDirectory:
    """Make the run directory `out`, or go on with the run of the same `settings` that it holds.

    Args:
        out: the folder; made if it is absent.
        settings: all that the results depend on, in values that JSON can hold.
        stages: names of the stages in order; those the manifest lacks are added as pending.
        versions: versions to record; this machine's if None.
        worker: this process's part of the run's batches. Processes of a divided run may be in the
            directory together, each part once.

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
    made = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = hold(out, worker)
    except OSError as err:
        raise RunDirectoryError(f"{out} cannot be written: {err.strerror}") from err
    try:
        # Read again: another process may have begun or ended a run before the lock was ours.
        there = read_manifest_if_any(out)
        if there is not None:
            require_same(out, there, asked)
        if lock.alone:
            remove_leftovers(out)
        manifest = asked if there is None else _resumed(there, asked)
        if worker.finishes or there is None:
            write_json(out / MANIFEST, manifest)
        lock.let_others_in()  # so that the first to come writes the manifest
    except BaseException:
        lock.release()
        if made:
            with suppress(OSError):
                (out / LOCK).unlink(missing_ok=True)
                out.rmdir()
        raise
    others = other_versions(there, asked) if there is not None and there.complete else ""
    if others and worker.speaks:
        progress.say(f"{out} was finished with other versions ({others}); it is shown as it is")
    return RunDirectory(
        out, manifest, lock, worker, resumed=there is not None, other_versions=others
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


class RunDirectory:
    """A run's folder, held by this process; made by `open_run`."""

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        lock: RunLock,
        worker: Worker,
        *,
        resumed: bool,
        other_versions: str = "",
    ) -> None:
        self.path = path
        self.worker = worker
        """This process's part of the batches."""
        self.resumed = resumed
        """Whether an earlier process began this run."""
        self._manifest = manifest
        self._other_versions = other_versions  # first difference from those of this process
        self._lock = lock
        self._saved = time.monotonic()

    @property
    def manifest(self) -> Manifest:
        """The manifest as it now stands."""
        return self._manifest

    def is_done(self, stage: str) -> bool:
        """Whether `stage` was finished, by this or an earlier process."""
        return self._manifest.stages.get(stage, StageState()).state == "done"

    @contextmanager
    def stage(self, name: str, total: int, *, done: int = 0) -> Iterator[progress.Advance]:
        """Run one stage: shows its progress and keeps its state in the manifest.

        The stage is ``done`` only when the block ends without an exception; otherwise it stays
        ``running`` with its count.

        Args:
            name: the stage, e.g. ``images``.
            total: items in all.
            done: items that an earlier process left done.
        """
        count = done
        self._set(name, StageState("running", count, total))

        try:
            shown = progress.stage if self.worker.speaks else progress.silent
            with shown(name, total, done=done) as show:

                def advance(n: int = 1) -> None:
                    nonlocal count
                    count += n
                    show(n)
                    if time.monotonic() - self._saved >= SAVE_INTERVAL:
                        self._set(name, StageState("running", count, total))

                yield advance
        except BaseException:
            with suppress(OSError):  # a full disk must not hide the reason
                self._set(name, StageState("running", count, total))
            raise
        self._set(name, StageState("done", total, total))

    def seal(self, files: Sequence[Path], *, flaws: Mapping[str, int]) -> None:
        """Keep the checksums of what the run has made, so that a changed file is noticed.

        Args:
            files: all of them, in the run directory.
            flaws: how many images were left out for each flaw.
        """
        sums = {
            file.relative_to(self.path).as_posix(): digest
            for file, digest in zip(files, sha256_of_all(files), strict=True)
            if digest is not None
        }
        self._manifest = replace(self._manifest, files=sums, flaws=dict(sorted(flaws.items())))
        self._save()

    def count_flaws(self, flaws: Mapping[str, int]) -> None:
        """Keep in the manifest how many images have each flaw, should the run end before `seal`."""
        self._manifest = replace(self._manifest, flaws=dict(sorted(flaws.items())))
        self._save()

    def seal_again(self, file: Path) -> None:
        """Take the checksum of one file of a finished run as it now is."""
        name, (digest,) = file.relative_to(self.path).as_posix(), sha256_of_all([file])
        if digest is not None and self._manifest.files.get(name) != digest:
            self._manifest = replace(self._manifest, files={**self._manifest.files, name: digest})
            self._save()

    def unseal(self) -> None:
        """Forget the checksums, before some of the files are made again."""
        self._manifest = replace(self._manifest, files={})
        self._save()

    def require_same_versions(self) -> None:
        """Refuse to make part of a finished run again with other versions.

        Raises:
            RunDirectoryError: a version differs.
        """
        if self._other_versions:
            raise RunDirectoryError(
                f"files of the finished run in {self.path} are missing or damaged, and they cannot "
                f"be made again as they were: {self._other_versions}; give the command with the "
                "versions of the run, or another --out"
            )

    def is_at_work(self, index: int) -> bool:
        """Whether the worker with the number `index` of a divided run is alive."""
        return self._lock.is_held(index)

    def close(self) -> None:
        """Let other processes use the folder."""
        self._lock.release()

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _set(self, name: str, stage: StageState) -> None:
        self._manifest = self._manifest.with_stage(name, stage)
        self._save()

    def _save(self) -> None:
        if self.worker.finishes:  # of several processes one keeps the manifest
            write_json(self.path / MANIFEST, self._manifest)
        self._saved = time.monotonic()


def _resumed(there: Manifest, asked: Manifest) -> Manifest:
    for name, stage in asked.stages.items():
        if name not in there.stages:
            there = there.with_stage(name, stage)
    return there


def _is_ours(path: Path) -> bool:
    return is_lock(path) or path.name.endswith(TEMPORARY_SUFFIX)
