"""The denoiser station: what was recorded while images were made is probed, with its control."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prompts.structure import Prompt
from t2i_audit.activations.denoiser import GRID
from t2i_audit.generation import Batch
from t2i_audit.generation.sampling import Sampling
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.probes.decoded import NOTHING, StationProbes
from t2i_audit.run.directory import RunDirectory
from t2i_audit.run.features import Features
from t2i_audit.stages.engine import Engine
from t2i_audit.stages.random_denoiser import random_denoiser_features
from t2i_audit.stages.reading import denoiser_features
from t2i_audit.stages.text import probe


def probe_denoiser(
    run: RunDirectory,
    loaded: LoadedModel,
    prompts: tuple[Prompt, ...],
    sampling: Sampling,
    batches: Sequence[Batch],
    *,
    seed: int,
    draws: int,
    engine: Engine | None = None,
) -> tuple[StationProbes, list[str]]:
    """Probe the denoiser at `prompts`, those it was recorded at, beside `draws` untrained ones.

    Nothing is run where no prompt has constituents. The untrained ones are sampled by `engine` if
    there is one, else here.

    Returns:
        The probes, and notes on what was left out of them.
    """
    if not any(prompt.constituents for prompt in prompts):
        for name in ("random denoiser", "probe denoiser"):
            with run.stage(name, 0):
                pass
        return NOTHING, []
    component = loaded.adapter.denoiser
    # What is recorded of the VAE lies beside it.
    every = denoiser_features(run.path, batches, prompts)
    features = [each for each in every if each.encoder == component]
    control = random_denoiser_features(
        run, loaded, prompts, sampling, seed=seed, draws=draws, engine=engine
    )
    if engine is not None:
        engine.release()  # what follows needs none
    rows = range(len(prompts))
    probes = probe(run, "denoiser", prompts, features, rows, seed=seed, random_weights=control)
    broken = _not_finite(features)
    said = f"The denoiser's states of {broken} of {len(prompts)} prompts are NaN or infinite"
    return probes, [f"{said} and are left out of its probes."] if broken else []


def _not_finite(features: Sequence[Features]) -> int:
    """How many prompts lack a state that every prompt has."""
    grids = [each.valid for each in features if each.position == GRID]
    return int((~np.logical_and.reduce(grids)).sum()) if grids else 0
