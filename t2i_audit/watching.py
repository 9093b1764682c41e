"""What is known of a run from outside: how far it is, and which processes are at work in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit import storage
from t2i_audit.addresses import as_given
from t2i_audit.run.directory import read_manifest
from t2i_audit.run.pulse import Sign, read_signs

if TYPE_CHECKING:
    from t2i_audit.results.status import RunStatus, WorkerStatus
    from t2i_audit.run.manifest import Manifest


def run_status(run: Path) -> RunStatus:
    """How far the run in the directory `run` is; nothing is written.

    Raises:
        RunDirectoryError: there is no run.
        StoreError: the run's store cannot be read.
    """
    from t2i_audit.results.status import RunStatus

    manifest, signs, now = read_manifest(run), read_signs(run), time.time()
    if manifest.complete:  # what a killed process has left matters to nobody any more
        signs = tuple(sign for sign in signs if not sign.is_silent(now))
    batches = _batches_of(run, manifest)
    made = None if batches is None else sum(own for own, is_made in batches if is_made)
    return RunStatus(
        run=as_given(str(run)),
        finished=manifest.complete,
        images=made,
        of_images=None if batches is None else sum(own for own, _ in batches),
        stages={name: stage.state for name, stage in manifest.stages.items()},
        workers=tuple(_workers(signs, batches, now)),
    )


def _batches_of(run: Path, manifest: Manifest) -> list[tuple[int, bool]] | None:
    """Of each batch of images how many it has, and whether they are made; None for no images."""
    from t2i_audit.stages.files import IMAGES, RECORD

    asked = manifest.settings
    if asked.get("command") != "audit":
        return None
    images, size = asked["prompts"] * asked["seeds"], asked["batch_size"]
    folder = run / IMAGES
    in_store = storage.store_of(run) is not None
    paths = storage.open_tree(folder) if in_store else folder.glob("batch_*.json")
    there = {int(found[1]) for path in paths if (found := RECORD.fullmatch(path.name))}
    starts = range(0, images, size)
    return [(min(size, images - start), start // size in there) for start in starts]


def _workers(
    signs: tuple[Sign, ...], batches: list[tuple[int, bool]] | None, now: float
) -> Iterator[WorkerStatus]:
    """Each process that has left a sign, and the parts of the run in which none is at work."""
    from t2i_audit.results.status import WorkerStatus

    if not signs:
        return
    # A run may go on with another number of processes than those that were killed.
    count = max(signs, key=lambda sign: sign.written).count
    by_index = {sign.index: sign for sign in signs if sign.count == count}
    for index in range(count):
        own = None if batches is None else batches[index::count]
        images = None if own is None else sum(images for images, is_made in own if is_made)
        of_images = None if own is None else sum(images for images, _ in own)
        if index in by_index:
            yield _status(by_index[index], images, of_images, now)
        else:
            yield WorkerStatus(index + 1, "absent", images, of_images)


def _status(sign: Sign, images: int | None, of_images: int | None, now: float) -> WorkerStatus:
    from t2i_audit.results.status import ActorStatus, WorkerStatus

    rate, is_silent = sign.rate, sign.is_silent(now)
    left = None if rate is None or is_silent else (sign.total - sign.done) / rate
    return WorkerStatus(
        number=sign.index + 1,
        state="silent" if is_silent else "at work",
        images=images,
        of_images=of_images,
        host=sign.host,
        process=sign.process,
        stage=sign.stage,
        done=sign.done,
        total=sign.total,
        rate=rate,
        left=left,
        heard=max(now - sign.written, 0.0),
        last=max(now - sign.moved, 0.0),
        actors=tuple(
            ActorStatus(name[:8], each.is_silent(now), each.made, max(now - each.moved, 0.0))
            for name, each in sign.actors.items()
        ),
    )
