"""A run's folder while a process holds it: its manifest is kept up to date stage by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from t2i_audit.errors import AuditError, RunDirectoryError
from t2i_audit.io import sha256_of_all, write_json
from t2i_audit.reporter import Advance, Reporter
from t2i_audit.run.locks import RunLock
from t2i_audit.run.manifest import Manifest, StageState
from t2i_audit.run.pulse import Pulse, clear_signs
from t2i_audit.storage.lease import Lease
from t2i_audit.workers import Worker

MANIFEST = "manifest.json"
# The counts in the manifest are for readers only; the files of the batches decide what is done. So
# they are written this often (seconds) and not for every batch.
SAVE_INTERVAL = 5.0


class RunDirectory:
    """A run's folder, held by this process; made by `open_run`."""

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        lock: RunLock | Lease,
        worker: Worker,
        reporter: Reporter,
        *,
        resumed: bool,
        other_versions: str = "",
    ) -> None:
        self.path = path
        self.worker = worker
        """This process's part of the batches."""
        self.reporter = reporter
        self.resumed = resumed
        """Whether an earlier process began this run."""
        self._manifest = manifest
        self._other_versions = other_versions  # first difference from those of this process
        self._lock = lock
        self._saved = time.monotonic()
        self._pulse = Pulse(path, worker)

    @property
    def manifest(self) -> Manifest:
        """The manifest as it now stands."""
        return self._manifest

    def is_done(self, stage: str) -> bool:
        """Whether `stage` was finished, by this or an earlier process."""
        return self._manifest.stages.get(stage, StageState()).state == "done"

    @contextmanager
    def stage(
        self, name: str, total: int, *, done: int = 0, own: tuple[int, int] | None = None
    ) -> Iterator[Advance]:
        """Run one stage: report its progress and keep its state in the manifest.

        The stage is ``done`` only when the block ends without an exception; otherwise it stays
        ``running`` with its count.

        Args:
            name: the stage, e.g. ``images``.
            total: items in all.
            done: items that an earlier process finished.
            own: `total` and `done` of this process's part, where it is less than all; it advances
                through these first.
        """
        count = done
        self._pulse.begin(name, *(own or (total, done)))
        self._set(name, StageState("running", count, total))

        try:
            with self.reporter.stage(name, total, done=done) as show:

                def advance(n: int = 1) -> None:
                    nonlocal count
                    count += n
                    show(n)
                    self._pulse.advance(n)
                    if time.monotonic() - self._saved >= SAVE_INTERVAL:
                        self._set(name, StageState("running", count, total))

                yield advance
        except BaseException:
            # A full disk or a store that fails must not hide the reason.
            with suppress(OSError, AuditError):
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

    def keep_use(self, record: Sequence[Mapping[str, Any]], files: Sequence[Path]) -> None:
        """Keep in the manifest of a finished run what was drawn anew, and the checksums of `files`,
        which say what that shows."""
        sums = {
            file.relative_to(self.path).as_posix(): str(digest)
            for file, digest in zip(files, sha256_of_all(files), strict=True)
        }
        self._manifest = replace(
            self._manifest, files={**self._manifest.files, **sums}, use=tuple(record)
        )
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

    def advance_actor(self, name: str, n: int) -> None:
        """Note that `n` items of this stage have come back from an engine's actor."""
        self._pulse.advance_actor(name, n)

    def close(self) -> None:
        """Let other processes use the folder."""
        self._pulse.stop()
        if self._manifest.complete and self.worker.finishes and not self.worker.is_whole:
            clear_signs(self.path)  # of processes that were killed
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
