"""The images of a run: sampled batch by batch and kept as PNG, while the denoiser is recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from prompts.structure import Prompt
from t2i_audit import storage
from t2i_audit.generation import Batch, cut_batches
from t2i_audit.generation.memory import Made, Parts, largest_batch
from t2i_audit.generation.sampling import Sampling, recorder_of, sampler_of
from t2i_audit.io import sha256_of
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.reporter import Advance
from t2i_audit.results.cost import Cost
from t2i_audit.run.directory import RunDirectory, open_run_files
from t2i_audit.run.features import write_part
from t2i_audit.run.images import TAR, is_packed, write_index
from t2i_audit.run.shards import Shards
from t2i_audit.stages.cost import CostMeter, keep_cost
from t2i_audit.stages.damage import drop_damaged
from t2i_audit.stages.engine import Engine
from t2i_audit.stages.files import (
    DENOISER,
    IMAGES,
    ImageFile,
    Record,
    denoiser_part,
    image_shards,
    write_record,
)
from t2i_audit.stages.image_files import write_images, write_shard

PAUSE = 0.5  # seconds between checks of what the other processes have made
STORE_PAUSE = 5.0  # the same where that is in a store, which charges for requests

JudgeBatch = Callable[[Batch, Sequence[ImageFile], np.ndarray], None]
"""Judges the images of a batch, ``(b, h, w, 3)``, and keeps the verdicts."""


def fitting_batch(loaded: LoadedModel, prompts: Sequence[Prompt], sampling: Sampling) -> int:
    """The largest batch that fits into memory, from ``sampling.batch_size`` down by halves.

    It is tried with a single sampling step; later steps need no more memory than the first.

    Raises:
        ModelError: not even one image fits.
    """
    start = min(sampling.batch_size, len(prompts) * sampling.seeds)

    def attempt(size: int) -> None:
        batch = cut_batches(prompts, seeds=sampling.seeds, batch_size=size)[0]
        sampler_of(loaded, sampling, recorder_of(loaded, sampling, steps=1), steps=1)(batch)

    return largest_batch(loaded, attempt, start=start)


def make_images(
    run: RunDirectory,
    loaded: LoadedModel,
    prompts: tuple[Prompt, ...],
    sampling: Sampling,
    *,
    judge: JudgeBatch | None = None,
    engine: Engine | None = None,
) -> tuple[Batch, ...]:
    """Make the images that are missing; returns all batches of the run.

    They are sampled by `engine` if there is one, else here.

    In a divided run this process makes only its own batches. The process that finishes the run
    then waits for the others, and makes what a dead process has left.

    Files are numbered by the prompt's row, as ids from outside must not become paths.
    """
    batches = cut_batches(prompts, seeds=sampling.seeds, batch_size=sampling.batch_size)
    shards = image_shards(run.path, len(batches))
    row_of = {prompt.id: row for row, prompt in enumerate(prompts)}
    (run.path / IMAGES).mkdir(exist_ok=True)
    (run.path / DENOISER).mkdir(parents=True, exist_ok=True)
    mine = [batch for batch in batches if run.worker.owns(batch.index)]
    others = [batch for batch in batches if not run.worker.owns(batch.index)]
    there = [batch for batch in others if shards.path(batch.index).exists()]
    drop_damaged(run.path, mine, shards, run.reporter)
    counted = batches if run.worker.finishes else mine
    missing = [batch for batch in counted if not shards.path(batch.index).exists()]
    total, left = _images_in(counted), _images_in(missing)
    own = _images_in(mine)
    own_left = _images_in([batch for batch in missing if run.worker.owns(batch.index)])

    packed = is_packed(run.manifest.settings)
    write = partial(_write, run.path, shards, row_of=row_of, packed=packed, judge=judge)
    with run.stage("images", total, done=total - left, own=(own, own - own_left)) as advance:
        if engine is not None:
            _make_elsewhere(run, engine, missing, sampling, write, advance)
        else:
            _make_here(run, loaded, sampling, missing, there, shards, write, advance)
    if packed and run.worker.finishes:
        write_index(run.path / IMAGES, [path.with_suffix(TAR) for path in shards.paths()])
    return batches


def _images_in(batches: Sequence[Batch]) -> int:
    return sum(len(batch.items) for batch in batches)


def _make_elsewhere(
    run: RunDirectory,
    engine: Engine,
    missing: Sequence[Batch],
    sampling: Sampling,
    write: Callable[[Batch, Made], None],
    advance: Advance,
) -> None:
    for sent in engine.sample(missing, sampling):
        keep_cost(run.path, sent.maker, sent.cost)
        write(sent.batch, sent.made)
        run.advance_actor(sent.maker, len(sent.batch.items))
        advance(len(sent.batch.items))


def _make_here(
    run: RunDirectory,
    loaded: LoadedModel,
    sampling: Sampling,
    missing: Sequence[Batch],
    there: Sequence[Batch],
    shards: Shards,
    write: Callable[[Batch, Made], None],
    advance: Advance,
) -> None:
    """Make those of the batches `missing` that this process owns, and, if it finishes the run, what
    others have left of them and of those that were `there` before."""
    recorder = recorder_of(loaded, sampling, steps=sampling.steps)
    meter = CostMeter(run.path, loaded)
    sample = meter.measuring(sampler_of(loaded, sampling, recorder, steps=sampling.steps))
    parts = Parts(loaded, run.path, sampling.batch_size, sampling.shrinks)
    with ThreadPoolExecutor(1) as pool:
        writer = _Writer(lambda batch: parts.sample(batch, sample), write, meter, pool, advance)
        for batch in missing:
            # Checked again: the finishing process may have taken over what began late.
            if run.worker.owns(batch.index) and not shards.path(batch.index).exists():
                writer.make(batch)
        writer.settle()
        if not run.worker.finishes:
            return
        waiting = [batch for batch in missing if not run.worker.owns(batch.index)]
        for batch in left_by_others(run, waiting, shards, advance):
            writer.make(batch)
            writer.settle()
        # Files that an earlier launch left; what this one made is whole.
        drop_damaged(run.path, there, shards, run.reporter)
        for batch in there:
            if not shards.path(batch.index).exists():
                writer.make(batch)
        writer.settle()


class _Writer:
    """Makes batches; the files of one are written while the next is sampled.

    So the device never waits for PNG files or for the judge.
    """

    def __init__(
        self,
        sample: Callable[[Batch], Made],
        write: Callable[[Batch, Made], None],
        meter: CostMeter,
        pool: Executor,
        advance: Advance,
    ) -> None:
        """`pool` has one worker, which writes."""
        self._sample, self._write, self._meter = sample, write, meter
        self._pool, self._advance = pool, advance
        self._writing: Future[None] | None = None

    def make(self, batch: Batch) -> None:
        """Sample a batch, and begin to write it once the one before is written."""
        made = self._sample(batch)
        cost = self._meter.cost
        self.settle()
        self._writing = self._pool.submit(self._keep, batch, made, cost)
        self._advance(len(batch.items))

    def settle(self) -> None:
        """Wait until all is written; raises what the writing raised."""
        if self._writing is not None:
            self._writing.result()

    def _keep(self, batch: Batch, made: Made, cost: Cost) -> None:
        # Before the batch counts as made, as the finishing process then joins what all took.
        self._meter.keep(cost)
        self._write(batch, made)


def left_by_others(
    run: RunDirectory, waiting: list[Batch], shards: Shards, advance: Callable[[int], None]
) -> Iterator[Batch]:
    """Wait until the batches `waiting` are in `shards`; yields those whose process has died, one
    by one.

    A process that starts late finds them made and continues with the next.
    """
    while waiting:
        in_store = storage.store_of(shards.folder) is not None
        if in_store:
            time.sleep(STORE_PAUSE)
        owners = {batch.index % run.worker.count for batch in waiting}
        dead = {owner for owner in owners if not run.is_at_work(owner)}
        # In this order, as a process that has just ended has made all its batches.
        if in_store:
            open_run_files(run.path, shards.folder.relative_to(run.path).as_posix())
        made = {b.index for b in waiting if shards.path(b.index).exists()}
        advance(sum(len(batch.items) for batch in waiting if batch.index in made))
        waiting = [batch for batch in waiting if batch.index not in made]
        done = set()
        for batch in waiting:
            owner = batch.index % run.worker.count
            # Asked again, since all that was yielded before took its time.
            if owner not in dead or run.is_at_work(owner) or shards.path(batch.index).exists():
                continue
            done.add(batch.index)
            yield batch
        waiting = [batch for batch in waiting if batch.index not in done]
        if waiting and not done:
            time.sleep(PAUSE)


def _write(
    run: Path,
    shards: Shards,
    batch: Batch,
    made: Made,
    *,
    row_of: dict[str, int],
    packed: bool,
    judge: JudgeBatch | None,
) -> None:
    sampled, part = made
    if packed:
        shard = shards.path(batch.index).with_suffix(TAR)
        images = write_shard(shard, batch, sampled, row_of=row_of)
    else:
        images = write_images(run, IMAGES, batch, sampled, row_of=row_of)
    kept = None
    if part is not None and part.prompt_ids:
        path = denoiser_part(run, batch.index)
        write_part(path, part)
        kept = sha256_of(path)
    # The record comes last: with it the batch is complete.
    write_record(shards.path(batch.index), Record(images, kept))
    if judge is not None:
        judge(batch, images, sampled.images)
