"""The control of the denoiser station: the same denoiser with random weights, drawn several times.

Each draw is sampled as the checkpoint is, with the same noise and the same schedule, as far as the
last step that is read, and is read at the same steps. So what its image holds at a later step is
what untrained weights made of it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from prompts.structure import Prompt
from t2i_audit import storage
from t2i_audit.activations.denoiser import DenoiserRecorder, default_steps
from t2i_audit.activations.random_weights import draw_seeds, random_denoiser
from t2i_audit.generation import Batch, cut_batches
from t2i_audit.generation.memory import Parts
from t2i_audit.generation.sampling import Sampling, sampler_of
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.run.directory import RunDirectory
from t2i_audit.run.features import (
    FeaturePart,
    Features,
    gather_parts,
    open_features,
    read_part,
    write_part,
)
from t2i_audit.stages.files import random_denoiser_folder


def random_denoiser_features(
    run: RunDirectory,
    loaded: LoadedModel,
    prompts: tuple[Prompt, ...],
    sampling: Sampling,
    *,
    seed: int,
    draws: int,
) -> tuple[tuple[Features, ...], ...]:
    """The states of the denoiser with random weights, for each of `draws` draws from `seed`.

    A draw that an earlier process finished is taken as it is, and of an unfinished one the batches
    that are there.
    """
    batches = cut_batches(prompts, seeds=1, batch_size=sampling.batch_size)
    every = []
    with run.stage("random denoiser", draws * len(prompts)) as advance:
        for number, own in enumerate(draw_seeds(seed, draws)):
            folder = random_denoiser_folder(run.path, number)
            there = _finished(folder, len(prompts))
            if there is None:
                _make_missing(run.path, folder, loaded, batches, sampling, seed=own, on=advance)
                parts = (read_part(_path(folder, batch)) for batch in batches)
                ids = [prompt.id for prompt in prompts]
                there = gather_parts(parts, ids, folder=folder)
            else:
                advance(len(prompts))
            for batch in batches:
                if _path(folder, batch).exists():
                    storage.remove(_path(folder, batch))
            every.append(there)
    return tuple(every)


def _make_missing(
    run: Path,
    folder: Path,
    loaded: LoadedModel,
    batches: Sequence[Batch],
    sampling: Sampling,
    *,
    seed: int,
    on: Callable[[int], None],
) -> None:
    """Write the part of each of the `batches` that `folder` lacks; `on` counts prompts."""
    missing = [batch for batch in batches if not _is_whole(_path(folder, batch), batch)]
    on(sum(len(batch.items) for batch in batches if batch not in missing))
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with random_denoiser(loaded, seed=seed) as random_model:
        recorder = DenoiserRecorder(
            random_model.pipeline,
            steps=default_steps(sampling.steps),
            located=sampling.located,
            layout=sampling.layout,
            stops=True,
        )
        sample = sampler_of(random_model, sampling, recorder, steps=sampling.steps)
        fitting = Parts(random_model, run, sampling.batch_size, sampling.shrinks)
        for batch in missing:
            _, part = fitting.sample(batch, sample)
            assert part is not None
            write_part(_path(folder, batch), part)
            on(len(batch.items))


def _finished(folder: Path, prompts: int) -> tuple[Features, ...] | None:
    """The states of a draw that is complete; None of any other."""
    try:
        features = open_features(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return features if all(len(each.values) == prompts for each in features) else None


def _is_whole(path: Path, batch: Batch) -> bool:
    try:
        part: FeaturePart = read_part(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return False
    return part.prompt_ids == tuple(item.prompt.id for item in batch.items)


def _path(folder: Path, batch: Batch) -> Path:
    return folder / f"batch_{batch.index:05d}.npz"
