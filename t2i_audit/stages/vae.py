"""The VAE: what it was given to decode is compared with what it reads in the decoded images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prompts.structure import Prompt
from t2i_audit.activations.decoder import AGAIN, LATENTS, SIDE, image_decoder
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.probes.told_apart import told_apart
from t2i_audit.results.vae import VaeSummary
from t2i_audit.run.directory import RunDirectory
from t2i_audit.run.features import Features, open_features
from t2i_audit.stages.files import DENOISER


def probe_vae(
    run: RunDirectory, loaded: LoadedModel, prompts: Sequence[Prompt], *, seed: int
) -> tuple[VaeSummary | None, list[str]]:
    """Compare what was recorded of the VAE at `prompts`, those that the denoiser was recorded at.

    Returns:
        None where nothing was recorded, and a note on why.
    """
    with run.stage("probe vae", 1) as advance:
        found = image_decoder(loaded.pipeline)
        if not any(prompt.constituents for prompt in prompts):
            return None, []
        if found is None:
            return None, [
                f"{loaded.adapter.class_name} has no VAE that decodes latents and encodes images, "
                "so it was not looked at what is lost there."
            ]
        name, _ = found
        layers = {
            each.layer: each for each in open_features(run.path / DENOISER) if each.encoder == name
        }
        if LATENTS not in layers or AGAIN not in layers:
            return None, [
                f"What {name} of {loaded.adapter.class_name} decodes are not latents as it encodes "
                "them, so it was not looked at what is lost there."
            ]
        held = np.flatnonzero(layers[LATENTS].valid & layers[AGAIN].valid)
        pairs = told_apart(
            [prompts[row] for row in held.tolist()],
            _patches(layers[LATENTS], held),
            _patches(layers[AGAIN], held),
            seed=seed,
        )
        advance()
    return VaeSummary(name, len(held), pairs), []


def _patches(features: Features, rows: np.ndarray) -> np.ndarray:
    """``(r, p, c)``."""
    return features.values[rows].reshape(len(rows), SIDE**2, -1)
