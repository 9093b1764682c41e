"""Networks that lie elsewhere while idle: the hooks that read them see the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import cpu_offload, dispatch_model

from prompts.structure import Prompt
from prompts.suite import load_suite
from t2i_audit.activations.random_weights import random_text_encoders
from t2i_audit.activations.text.encode import encode_suite
from t2i_audit.generation.sampling import Sampling
from t2i_audit.models import load_model
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.run.directory import open_run
from t2i_audit.stages.images import make_images
from t2i_audit.stages.random_denoiser import random_denoiser_features
from t2i_audit.stages.reading import denoiser_features

SAMPLING = Sampling(steps=3, guidance_scale=1.5, seeds=1, batch_size=8, record_denoiser=True)


def made(
    loaded: LoadedModel, prompts: tuple[Prompt, ...], out: Path
) -> tuple[list[np.ndarray], list[bytes]]:
    """Features of encoder and denoiser, and with random weights; and the images' files."""
    features = list(encode_suite(loaded, prompts).features)
    with random_text_encoders(loaded, seed=0) as random_model:
        features += encode_suite(random_model, prompts).features
    with open_run(out, {}) as run:
        batches = make_images(run, loaded, prompts, SAMPLING)
        features += denoiser_features(run.path, batches, prompts)
        for draw in random_denoiser_features(run, loaded, prompts, SAMPLING, seed=0, draws=2):
            features += draw
    images = [path.read_bytes() for path in sorted((out / "images").iterdir())]
    return [np.asarray(each.values) for each in features], images


def put_away(loaded: LoadedModel, way: str) -> None:
    """What the option of the name `way` sets up, with the CPU in the accelerator's place."""
    if way == "--offload model":
        loaded.pipeline.enable_model_cpu_offload(device="cpu")
        return
    for part in loaded.pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            if way == "--offload sequential":
                cpu_offload(part, torch.device("cpu"))
            else:
                dispatch_model(part, {"": "cpu"}, force_hooks=True)


@pytest.mark.parametrize("way", ["--offload model", "--offload sequential", "--device-map"])
def test_where_networks_lie_changes_no_number(way: str, tmp_path: Path) -> None:
    prompts = load_suite("world-smoke").limited(8).prompts
    plain = load_model("builtin:sound", device="cpu")
    expected, images = made(plain, prompts, tmp_path / "plain")

    elsewhere = load_model("builtin:sound", device="cpu")
    put_away(elsewhere, way)
    encoder, denoiser = elsewhere.pipeline.text_encoder, elsewhere.pipeline.unet
    assert all(hasattr(each, "_hf_hook") for each in (encoder, denoiser))
    features, same_images = made(elsewhere, prompts, tmp_path / "elsewhere")

    # Random weights stood in for both, and have given their places back.
    assert all(hasattr(each, "_hf_hook") for each in (encoder, denoiser))
    assert same_images == images
    assert len(features) == len(expected)
    for one, other in zip(features, expected, strict=True):
        np.testing.assert_array_equal(one, other)
