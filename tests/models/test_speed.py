"""What makes a denoiser faster changes numbers by rounding, and what is recorded is recorded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from prompts.suite import load_suite
from t2i_audit.activations.denoiser.observable import is_compiled
from t2i_audit.activations.random_weights import random_denoiser
from t2i_audit.cli.main import main
from t2i_audit.errors import AuditError, ModelError
from t2i_audit.generation import cut_batches
from t2i_audit.generation.sampling import Sampling, recorder_of, sampler_of
from t2i_audit.models import load_model
from t2i_audit.run.features import Key
from t2i_audit.settings import Placement
from tests.families.loading import save_family

PROMPTS = load_suite("world-smoke").limited(6).prompts
SAMPLING = Sampling(steps=6, guidance_scale=1.5, seeds=1, batch_size=6, record_denoiser=True)
(BATCH,) = cut_batches(PROMPTS, seeds=1, batch_size=6)


def made(model: str, placement: Placement) -> tuple[np.ndarray, dict[Key, np.ndarray]]:
    """The images of `BATCH`, and what was recorded of them."""
    loaded = load_model(model, device="cpu", placement=placement)
    recorder = recorder_of(loaded, SAMPLING, steps=SAMPLING.steps)
    sampled, part = sampler_of(loaded, SAMPLING, recorder, steps=SAMPLING.steps)(BATCH)
    assert part is not None
    return sampled.images, dict(part.arrays)


def assert_equal_but_for_rounding(model: str, placement: Placement) -> None:
    images, states = made(model, placement)
    expected, others = made(model, Placement())
    assert np.abs(images.astype(int) - expected.astype(int)).max() <= 1
    assert states.keys() == others.keys()
    for key, values in states.items():
        np.testing.assert_allclose(values, others[key], rtol=1e-2, atol=1e-3, err_msg=str(key))


@pytest.mark.slow
def test_compiled_blocks_are_recorded_as_uncompiled_ones() -> None:
    assert_equal_but_for_rounding("builtin:sound", Placement(compile=True))


def test_weights_laid_out_anew_are_recorded_alike() -> None:
    assert_equal_but_for_rounding("builtin:sound", Placement(channels_last=True))


def test_blocks_are_compiled_in_the_denoiser_and_not_in_its_control() -> None:
    loaded = load_model("builtin:sound", device="cpu", placement=Placement(compile=True))
    assert is_compiled(loaded.pipeline.unet)
    assert not is_compiled(loaded.pipeline.vae)
    with random_denoiser(loaded, seed=0) as control:
        assert not is_compiled(control.pipeline.unet)


def test_attention_is_computed_as_the_user_says_and_only_there(tmp_path: Path) -> None:
    from diffusers.models.attention_dispatch import _AttentionBackendRegistry as registry

    folder = str(save_family("flux-1", tmp_path))
    before = registry.get_active_backend()[0]
    loaded = load_model(folder, device="cpu", placement=Placement(attention="_native_math"))
    with random_denoiser(loaded, seed=0) as control:
        for pipeline in (loaded.pipeline, control.pipeline):
            block = pipeline.transformer.transformer_blocks[0]
            assert block.attn.processor._attention_backend.value == "_native_math"
    # Another checkpoint in this process is left alone.
    assert registry.get_active_backend()[0] == before


def test_the_manifest_tells_what_made_it_faster(tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = [
        "--suite",
        "world-smoke",
        "--limit",
        "6",
        "--seeds",
        "1",
        "--steps",
        "1",
        "--device",
        "cpu",
        "--no-report",
    ]
    command = ["audit", "builtin:sound", *options, "--no-denoiser-station", "--out", str(run)]

    assert main([*command, "--channels-last"]) == 0
    assert json.loads((run / "manifest.json").read_text())["settings"]["channels_last"] is True
    assert main(command) == 2


@pytest.mark.parametrize(
    ("placement", "said"),
    [
        (Placement(attention="fast"), "--attention fast is not known to diffusers; give one of"),
        (Placement(attention="sage_hub"), "--attention sage_hub fetches code from the hub"),
        (Placement(attention="native"), "attention of UNet2DConditionModel is not computed by"),
        (Placement(attention="sage"), r"--attention sage cannot be used \(.*sageattention"),
    ],
)
def test_attention_that_cannot_be_had_is_refused(placement: Placement, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        load_model("builtin:sound", device="cpu", placement=placement)


def test_options_without_an_effect_are_refused(tmp_path: Path) -> None:
    folder = str(save_family("flux-1", tmp_path))
    with pytest.raises(ModelError, match=r"has no feature maps to lay out anew"):
        load_model(folder, device="cpu", placement=Placement(channels_last=True))
    with pytest.raises(AuditError, match="--compile and --offload sequential exclude each other"):
        Placement(compile=True, offload="sequential")
