"""The pictures of a run: sampled batch by batch, kept as PNG, the denoiser recorded on the way."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from prompts.structure import Prompt
from t2i_audit.activations.denoiser import DenoiserRecorder, default_steps
from t2i_audit.activations.store import FeaturePart, Features, gather_parts, read_part, write_part
from t2i_audit.activations.twin import random_denoiser
from t2i_audit.generation import Batch, Sampled, cut_batches, sample_batch
from t2i_audit.io import read_json, write_bytes, write_json
from t2i_audit.models.load import LoadedModel
from t2i_audit.run.directory import RunDirectory
from t2i_audit.run.shards import Shards
from t2i_audit.settings import PictureOptions

IMAGES = Path("images")
DENOISER = Path("activations/denoiser")


@dataclass(frozen=True)
class Sampling:
    """How pictures are made."""

    steps: int
    guidance_scale: float | None
    seeds: int
    batch_size: int
    record_denoiser: bool
    options: PictureOptions = field(default_factory=PictureOptions)


@dataclass(frozen=True)
class Picture:
    """One picture on disk."""

    prompt_id: str
    seed: int
    image: str
    """File, relative to the run directory."""
    flaw: str
    """Why nothing can be judged in it, e.g. ``not finite``; empty for a sound picture."""
    sha256: str


def picture_shards(run: Path, batches: Sequence[Batch]) -> Shards:
    """The record of each batch of pictures; a batch is made when its record exists."""
    return Shards(run / IMAGES, len(batches), suffix=".json")


def make_pictures(
    run: RunDirectory, loaded: LoadedModel, prompts: tuple[Prompt, ...], sampling: Sampling
) -> tuple[Batch, ...]:
    """Make the pictures that are missing; returns all batches of the run.

    Files are numbered by the prompt's row, because ids from outside must not become paths.
    """
    batches = cut_batches(prompts, seeds=sampling.seeds, batch_size=sampling.batch_size)
    shards = picture_shards(run.path, batches)
    missing = shards.missing()
    recorder = None
    if sampling.record_denoiser:
        recorder = DenoiserRecorder(loaded.pipeline, steps=default_steps(sampling.steps))
    row_of = {prompt.id: row for row, prompt in enumerate(prompts)}
    (run.path / IMAGES).mkdir(exist_ok=True)
    (run.path / DENOISER).mkdir(parents=True, exist_ok=True)
    total = sum(len(batch.items) for batch in batches)
    left = sum(len(batches[index].items) for index in missing)
    # One writer beside the sampler: the device never waits for PNG files.
    with run.stage("images", total, done=total - left) as advance, ThreadPoolExecutor(1) as pool:
        writing: Future[None] | None = None
        for index in missing:
            batch = batches[index]
            sampled = sample_batch(
                loaded,
                batch,
                steps=sampling.steps,
                guidance_scale=sampling.guidance_scale,
                recorder=recorder,
                options=sampling.options,
            )
            part = recorder.take() if recorder is not None else None
            if writing is not None:
                writing.result()
            writing = pool.submit(_write, run.path, shards, batch, sampled, part, row_of)
            advance(len(batch.items))
        if writing is not None:
            writing.result()
    return batches


def _write(
    run: Path,
    shards: Shards,
    batch: Batch,
    sampled: Sampled,
    part: FeaturePart | None,
    row_of: dict[str, int],
) -> None:
    from PIL import Image

    records: list[dict[str, Any]] = []
    for index, item in enumerate(batch.items):
        pixels = sampled.images[index]
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="PNG")
        name = IMAGES / f"{row_of[item.prompt.id]:06d}_{item.seed_index:03d}.png"
        write_bytes(run / name, buffer.getvalue())
        flaw = _flaw(pixels, bool(sampled.finite[index]), bool(sampled.blocked[index]))
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        records.append(
            {
                "prompt_id": item.prompt.id,
                "seed": item.seed_index,
                "image": name.as_posix(),
                "flaw": flaw,
                "sha256": digest,
            }
        )
    if part is not None and part.prompt_ids:
        write_part(denoiser_part(run, batch.index), part)
    # The record comes last: with it the batch is whole.
    write_json(shards.path(batch.index), records)


def _flaw(pixels: np.ndarray, finite: bool, blocked: bool) -> str:
    if blocked:
        return "blacked out by the safety checker"
    if not finite:
        return "not finite"
    if (pixels == pixels[:1, :1]).all():
        return "one flat colour"
    return ""


def denoiser_part(run: Path, batch: int) -> Path:
    """Where the denoiser's features of one batch lie."""
    return run / DENOISER / f"batch_{batch:05d}.npz"


def read_records(path: Path) -> list[Picture]:
    """The pictures of one batch."""
    return [Picture(**record) for record in read_json(path)]


def denoiser_features(
    run: Path, batches: Sequence[Batch], prompts: Sequence[Prompt]
) -> tuple[Features, ...]:
    """The denoiser station's features of the whole suite, rows in the suite's order."""
    parts = (
        read_part(path)
        for path in (denoiser_part(run, batch.index) for batch in batches)
        if path.exists()
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
    twin = random_denoiser(loaded, seed=seed)
    recorder = DenoiserRecorder(twin.pipeline, steps=(0,))
    parts = []
    with run.stage("random denoiser", len(prompts)) as advance:
        for batch in cut_batches(prompts, seeds=1, batch_size=sampling.batch_size):
            sample_batch(
                twin,
                batch,
                steps=1,
                guidance_scale=sampling.guidance_scale,
                recorder=recorder,
                options=sampling.options,
            )
            parts.append(recorder.take())
            advance(len(batch.items))
    folder = run.path / DENOISER.with_name("random_denoiser")
    return gather_parts(parts, [prompt.id for prompt in prompts], folder=folder)
