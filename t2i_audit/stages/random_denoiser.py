"""The control of the denoiser station: the same denoiser with random weights, drawn several times.

Each draw is sampled as the checkpoint is, with the same noise and the same schedule, as far as the
last step that is read, and is read at the same steps. So what its image holds at a later step is
what untrained weights made of it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
from t2i_audit.stages.engine import Engine
from t2i_audit.stages.files import random_denoiser_folder


def random_denoiser_features(
    run: RunDirectory,
    loaded: LoadedModel,
    prompts: tuple[Prompt, ...],
    sampling: Sampling,
    *,
    seed: int,
    draws: int,
    engine: Engine | None = None,
) -> tuple[tuple[Features, ...], ...]:
    """The states of the denoiser with random weights, for each of `draws` draws from `seed`.

    A draw that an earlier process finished is taken as it is, and of an unfinished one the batches
    that are there. What is missing is made by `engine` if there is one, else here.
    """
    batches = cut_batches(prompts, seeds=1, batch_size=sampling.batch_size)
    every = []
    with run.stage("random denoiser", draws * len(prompts)) as advance:
        for number, own in enumerate(draw_seeds(seed, draws)):
            folder = random_denoiser_folder(run.path, number)
            there = _finished(folder, len(prompts))
            if there is None:
                missing = [each for each in batches if not _is_whole(_path(folder, each), each)]
                advance(len(prompts) - sum(len(batch.items) for batch in missing))
                made = (
                    _made_here(run.path, loaded, missing, sampling, seed=own)
                    if engine is None
                    else engine.sample_untrained(missing, sampling, seed=own)
                )
                for batch, part in made:
                    write_part(_path(folder, batch), part)
                    advance(len(batch.items))
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


def _made_here(
    run: Path, loaded: LoadedModel, missing: Sequence[Batch], sampling: Sampling, *, seed: int
) -> Iterator[tuple[Batch, FeaturePart]]:
    """The part of each of the batches that are `missing`."""
    if missing:
        with untrained_sampler(run, loaded, sampling, seed=seed) as sample:
            for batch in missing:
                yield batch, sample(batch)


@contextmanager
def untrained_sampler(
    folder: Path, loaded: LoadedModel, sampling: Sampling, *, seed: int
) -> Iterator[Callable[[Batch], FeaturePart]]:
    """The function that records a batch with the denoiser of random weights that `seed` draws.

    Args:
        folder: remembers how many images fit at once.
        loaded: the checkpoint, whose denoiser is on the host while the block runs.
        sampling: of the run.
        seed: of the draw.
    """
    with random_denoiser(loaded, seed=seed) as random_model:
        recorder = DenoiserRecorder(
            random_model.pipeline,
            steps=default_steps(sampling.steps),
            located=sampling.located,
            layout=sampling.layout,
            stops=True,
        )
        sample = sampler_of(random_model, sampling, recorder, steps=sampling.steps)
        fitting = Parts(random_model, folder, sampling.batch_size, sampling.shrinks)

        def record(batch: Batch) -> FeaturePart:
            _, part = fitting.sample(batch, sample)
            assert part is not None
            return part

        yield record


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
