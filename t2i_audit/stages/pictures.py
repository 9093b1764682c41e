"""The pictures of a run: sampled batch by batch, kept as PNG, the denoiser recorded on the way."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from prompts.structure import Prompt
from t2i_audit.activations.denoiser import DenoiserRecorder
from t2i_audit.activations.store import FeaturePart, Features, gather_parts, read_part, write_part
from t2i_audit.activations.twin import random_denoiser
from t2i_audit.generation import Batch, Sampled, cut_batches
from t2i_audit.generation.memory import Parts, largest_batch
from t2i_audit.generation.safety import BLOCKED, FLAT, NOT_FINITE
from t2i_audit.generation.sampling import Sampling, recorder_of, sampler_of
from t2i_audit.io import sha256_of, write_bytes
from t2i_audit.models.load import LoadedModel
from t2i_audit.run.directory import RunDirectory
from t2i_audit.run.shards import Shards
from t2i_audit.stages.files import (
    DENOISER,
    IMAGES,
    Picture,
    Record,
    denoiser_part,
    drop_damaged,
    judgement_shards,
    picture_shards,
    read_record,
    write_record,
)

PAUSE = 0.5  # seconds between looks at what the other processes have made

JudgeBatch = Callable[[Batch, Sequence[Picture], np.ndarray], None]
"""Judges the pictures of a batch, ``(b, h, w, 3)``, and keeps the verdicts."""


def fitting_batch(loaded: LoadedModel, prompts: Sequence[Prompt], sampling: Sampling) -> int:
    """The largest batch that fits into memory, from ``sampling.batch_size`` down by halves.

    Tried with a single sampling step: the later ones need no more memory than the first.

    Raises:
        ModelError: not even one picture fits.
    """
    start = min(sampling.batch_size, len(prompts) * sampling.seeds)

    def attempt(size: int) -> None:
        batch = cut_batches(prompts, seeds=sampling.seeds, batch_size=size)[0]
        sampler_of(loaded, sampling, recorder_of(loaded, sampling, steps=1), steps=1)(batch)

    return largest_batch(loaded, attempt, start=start)


def make_pictures(
    run: RunDirectory,
    loaded: LoadedModel,
    prompts: tuple[Prompt, ...],
    sampling: Sampling,
    *,
    judge: JudgeBatch | None = None,
) -> tuple[Batch, ...]:
    """Make the pictures that are missing; returns all batches of the run.

    Of a divided run only this process's share is made; the process that finishes the run then
    waits for the others, and makes itself what a dead one has left.

    Files are numbered by the prompt's row, because ids from outside must not become paths.
    """
    batches = cut_batches(prompts, seeds=sampling.seeds, batch_size=sampling.batch_size)
    shards = picture_shards(run.path, batches)
    recorder = recorder_of(loaded, sampling, steps=sampling.steps)
    sample = sampler_of(loaded, sampling, recorder, steps=sampling.steps)
    parts = Parts(loaded, run.path, sampling.batch_size, sampling.shrinks)
    row_of = {prompt.id: row for row, prompt in enumerate(prompts)}
    (run.path / IMAGES).mkdir(exist_ok=True)
    (run.path / DENOISER).mkdir(parents=True, exist_ok=True)
    mine = [batch for batch in batches if run.share.owns(batch.index)]
    others = [batch for batch in batches if not run.share.owns(batch.index)]
    there = [batch for batch in others if shards.path(batch.index).exists()]
    _drop_damaged(run, mine, batches)
    counted = batches if run.share.finishes else mine
    missing = [batch for batch in counted if not shards.path(batch.index).exists()]
    total, left = (sum(len(batch.items) for batch in these) for these in (counted, missing))
    # One writer beside the sampler: the device never waits for PNG files or for the judge.
    with run.stage("images", total, done=total - left) as advance, ThreadPoolExecutor(1) as pool:
        writing: Future[None] | None = None

        def make(batch: Batch) -> None:
            nonlocal writing
            sampled, part = parts.sample(batch, sample)
            if writing is not None:
                writing.result()
            writing = pool.submit(_write, run.path, shards, batch, sampled, part, row_of, judge)
            advance(len(batch.items))

        def settle() -> None:
            if writing is not None:
                writing.result()

        for batch in missing:
            # Looked at again: the finishing process may have taken over what began late.
            if run.share.owns(batch.index) and not shards.path(batch.index).exists():
                make(batch)
        settle()
        if run.share.finishes and others:
            waiting = [batch for batch in missing if not run.share.owns(batch.index)]
            for batch in _left_by_others(run, waiting, shards, advance):
                make(batch)
                settle()
            # Files that an earlier launch left; what this one made is whole.
            _drop_damaged(run, there, batches)
            for batch in there:
                if not shards.path(batch.index).exists():
                    make(batch)
            settle()
    return batches


def _drop_damaged(run: RunDirectory, these: Sequence[Batch], batches: Sequence[Batch]) -> None:
    shards = picture_shards(run.path, batches), judgement_shards(run.path, batches)
    drop_damaged(run.path, these, *shards)


def _left_by_others(
    run: RunDirectory, waiting: list[Batch], shards: Shards, advance: Callable[[int], None]
) -> Iterator[Batch]:
    """Wait until `waiting` are made; yields those whose process is not alive, one by one.

    One that starts late finds them made, and goes on with the next.
    """
    while waiting:
        orphans = [b for b in waiting if not run.is_at_work(b.index % run.share.count)]
        made = {b.index for b in waiting if shards.path(b.index).exists()}
        advance(sum(len(batch.items) for batch in waiting if batch.index in made))
        waiting = [batch for batch in waiting if batch.index not in made]
        # Looked at in this order: a process that has just ended has made all its batches.
        orphan = next((batch for batch in orphans if batch in waiting), None)
        if orphan is not None:
            waiting.remove(orphan)
            yield orphan
        elif waiting:
            time.sleep(PAUSE)


def _write(
    run: Path,
    shards: Shards,
    batch: Batch,
    sampled: Sampled,
    part: FeaturePart | None,
    row_of: dict[str, int],
    judge: JudgeBatch | None,
) -> None:
    from PIL import Image

    pictures = []
    for index, item in enumerate(batch.items):
        pixels = sampled.images[index]
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="PNG")
        name = IMAGES / f"{row_of[item.prompt.id]:06d}_{item.seed_index:03d}.png"
        write_bytes(run / name, buffer.getvalue())
        flaw = _flaw(pixels, bool(sampled.finite[index]), bool(sampled.blocked[index]))
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        pictures.append(
            Picture(item.prompt.id, item.seed_index, name.as_posix(), flaw=flaw, sha256=digest)
        )
    kept = None
    if part is not None and part.prompt_ids:
        path = denoiser_part(run, batch.index)
        write_part(path, part)
        kept = sha256_of(path)
    # The record comes last: with it the batch is whole.
    write_record(shards.path(batch.index), Record(tuple(pictures), kept))
    if judge is not None:
        judge(batch, pictures, sampled.images)


def _flaw(pixels: np.ndarray, finite: bool, blocked: bool) -> str:
    if blocked:
        return BLOCKED
    if not finite:
        return NOT_FINITE
    if (pixels == pixels[:1, :1]).all():
        return FLAT
    return ""


def denoiser_features(
    run: Path, batches: Sequence[Batch], prompts: Sequence[Prompt]
) -> tuple[Features, ...]:
    """The denoiser station's features of the whole suite, rows in the suite's order."""
    shards = picture_shards(run, batches)
    parts = (
        read_part(denoiser_part(run, batch.index))
        for batch in batches
        if read_record(shards.path(batch.index)).denoiser_sha256 is not None
    )
    return gather_parts(parts, [prompt.id for prompt in prompts], folder=run / DENOISER)


def random_denoiser_features(
    run: RunDirectory,
    loaded: LoadedModel,
    prompts: tuple[Prompt, ...],
    sampling: Sampling,
    *,
    seed: int,
) -> tuple[Features, ...]:
    """What the same denoiser with random weights holds at the first step, as a control.

    Later steps are left out: what it draws until then has nothing to do with the prompt.
    """
    recorded = []
    with (
        run.stage("random denoiser", len(prompts)) as advance,
        random_denoiser(loaded, seed=seed) as twin,
    ):
        recorder = DenoiserRecorder(
            twin.pipeline, steps=(0,), located=sampling.located, layout=sampling.layout
        )
        sample = sampler_of(twin, sampling, recorder, steps=1)
        fitting = Parts(twin, run.path, sampling.batch_size, sampling.shrinks)
        for batch in cut_batches(prompts, seeds=1, batch_size=sampling.batch_size):
            _, part = fitting.sample(batch, sample)
            assert part is not None
            recorded.append(part)
            advance(len(batch.items))
    folder = run.path / DENOISER.with_name("random_denoiser")
    return gather_parts(recorded, [prompt.id for prompt in prompts], folder=folder)
