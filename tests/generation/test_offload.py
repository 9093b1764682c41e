"""Networks whose layers leave the device while idle: the hooks that read them see the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from accelerate import cpu_offload

from prompts.structure import Prompt
from prompts.suites import load_suite
from t2i_audit.activations.encoder import encode_suite
from t2i_audit.models import load_model
from t2i_audit.models.load import LoadedModel
from t2i_audit.run.directory import open_run
from t2i_audit.stages.pictures import (
    Sampling,
    denoiser_features,
    make_pictures,
    random_denoiser_features,
)

SAMPLING = Sampling(steps=3, guidance_scale=1.5, seeds=1, batch_size=8, record_denoiser=True)


def made(
    loaded: LoadedModel, prompts: tuple[Prompt, ...], out: Path
) -> tuple[list[np.ndarray], list[bytes]]:
    """Features of the encoder, the denoiser and its random twin; and the pictures' files."""
    features = list(encode_suite(loaded, prompts).features)
    with open_run(out, {}) as run:
        batches = make_pictures(run, loaded, prompts, SAMPLING)
        features += denoiser_features(run.path, batches, prompts)
        features += random_denoiser_features(run, loaded, prompts, SAMPLING, seed=0)
    pictures = [path.read_bytes() for path in sorted((out / "images").iterdir())]
    return [np.asarray(each.values) for each in features], pictures


def test_offloading_layer_by_layer_changes_no_number(tmp_path: Path) -> None:
    prompts = load_suite("world-smoke").limited(8).prompts
    plain = load_model("builtin:sound", device="cpu")
    expected, pictures = made(plain, prompts, tmp_path / "plain")

    # What `--offload sequential` sets up on an accelerator, whose place the CPU takes here.
    offloaded = load_model("builtin:sound", device="cpu")
    for part in offloaded.pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            cpu_offload(part, torch.device("cpu"))
    assert {each.device.type for each in offloaded.pipeline.unet.parameters()} == {"meta"}
    features, same_pictures = made(offloaded, prompts, tmp_path / "offloaded")

    assert same_pictures == pictures
    assert len(features) == len(expected)
    for one, other in zip(features, expected, strict=True):
        np.testing.assert_array_equal(one, other)
