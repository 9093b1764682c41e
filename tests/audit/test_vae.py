"""A VAE that loses a difference between values is named by an audit's ordinary path."""

from __future__ import annotations

from pathlib import Path

import torch

from prompts.suite import load_suite
from t2i_audit.generation.sampling import Sampling
from t2i_audit.models import load_model
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.results.vae import VaeSummary
from t2i_audit.run.directory import open_run
from t2i_audit.stages.images import make_images
from t2i_audit.stages.reading import denoiser_features
from t2i_audit.stages.vae import probe_vae

PROMPTS = load_suite("world-relations").prompts[:120]
SAMPLING = Sampling(steps=4, guidance_scale=1.5, seeds=1, batch_size=40, record_denoiser=True)


def probed(loaded: LoadedModel, out: Path) -> tuple[VaeSummary | None, list[str]]:
    with open_run(out, {}) as run:
        batches = make_images(run, loaded, PROMPTS, SAMPLING)
        denoiser_features(run.path, batches, PROMPTS)
        return probe_vae(run, loaded, PROMPTS, seed=0)


class Reddish(torch.nn.Module):
    """Draws all images without their green and blue, so that only brightness of red is left."""

    def __init__(self, decoder: torch.nn.Module) -> None:
        super().__init__()
        self.inner = decoder

    def forward(self, *args: torch.Tensor) -> torch.Tensor:
        decoded: torch.Tensor = self.inner(*args)
        return decoded[:, :1].expand_as(decoded)


def test_colours_that_a_vae_draws_alike_are_lost_in_it_and_sound_loses_none(tmp_path: Path) -> None:
    loaded = load_model("builtin:sound", device="cpu")
    vae, notes = probed(loaded, tmp_path / "sound")
    loaded.pipeline.vae.decoder = Reddish(loaded.pipeline.vae.decoder)
    worse, _ = probed(loaded, tmp_path / "reddish")

    assert vae is not None
    assert worse is not None
    assert not notes
    assert vae.component == "vae"
    assert vae.n_prompts == len(PROMPTS)
    assert vae.lost == ()
    # Red, orange and yellow are all but equally red (220, 245, 235 of 255).
    assert worse.lost
    assert {pair.kind for pair in worse.lost} == {"colour"}


def test_a_pipeline_whose_vae_was_not_read_says_so(tmp_path: Path) -> None:
    loaded = load_model("builtin:sound", device="cpu")
    loaded.pipeline.vae.register_to_config(scaling_factor=1.0)
    del loaded.pipeline.vae.encoder  # only decodes
    with open_run(tmp_path / "run", {}) as run:
        batches = make_images(run, loaded, PROMPTS[:4], SAMPLING)
        denoiser_features(run.path, batches, PROMPTS[:4])
        vae, notes = probe_vae(run, loaded, PROMPTS[:4], seed=0)

    assert vae is None
    assert notes == [
        "What vae of StableDiffusionPipeline decodes are not latents as it encodes them, so it was "
        "not looked at what is lost there."
    ]
