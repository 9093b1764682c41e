"""Networks that torchao quantises: audited as others are, and told apart from them.

These tests need torchao and bitsandbytes, which `make test` keeps beside the environment. Diffusers
imports them at every start where they are installed, for which all other tests would wait.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import Linear

from prompts.suite import load_suite
from t2i_audit.activations.random_weights import random_denoiser, random_text_encoders
from t2i_audit.activations.text.encode import encode_suite
from t2i_audit.cli.main import main
from t2i_audit.errors import ModelError
from t2i_audit.generation import cut_batches, sample_batch
from t2i_audit.generation.nonfinite import damaged_component
from t2i_audit.generation.sampling import Sampling
from t2i_audit.interventions import Intervention, TextInterventions
from t2i_audit.interventions.blocks import BlockInterventions
from t2i_audit.models import load_model
from t2i_audit.models.hardware import parameters_of
from t2i_audit.models.quantize import loading_config
from t2i_audit.settings import ModelOptions, Quantization
from tests.generation.test_offload import made, put_away
from tests.tiny import tiny_pipeline

pytestmark = pytest.mark.skipif(
    find_spec("torchao") is None, reason="torchao is not on the path; see `make test`"
)

PROMPTS = load_suite("world-smoke").limited(8).prompts
SLOT = "object_1.colour"
OPTIONS = (
    "--suite world-smoke --limit 12 --seeds 1 --steps 4 --device cpu --random-weights 1 "
    "--no-denoiser-station --no-report"
)
INT8 = {"text_encoder": "torchao Int8WeightOnlyConfig", "unet": "torchao Int8WeightOnlyConfig"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit of a checkpoint that is quantised while it is loaded."""
    out = tmp_path_factory.mktemp("runs") / "int8"
    assert (
        main(["audit", "builtin:sound", *OPTIONS.split(), "--quantize", "int8", "--out", str(out)])
        == 0
    )
    return out


def test_manifest_and_summary_say_what_is_quantised(run: Path) -> None:
    assert json.loads((run / "manifest.json").read_text())["settings"]["quantization"] == INT8
    notes = json.loads((run / "summary.json").read_text())["notes"]
    (note,) = (each for each in notes if "quantised" in each)
    assert "unet (torchao Int8WeightOnlyConfig)" in note
    assert "random weights" in note and "are not" in note


def test_a_run_goes_on_with_its_own_quantisation_only(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file.name: file.read_bytes() for file in run.glob("*.parquet")}
    command = ["audit", "builtin:sound", *OPTIONS.split(), "--out", str(run)]

    assert main([*command, "--quantize", "int8"]) == 0
    capsys.readouterr()
    assert main(command) == 2
    assert "in which quantization.text_encoder is" in capsys.readouterr().err
    assert main([*command, "--quantize", "fp8"]) == 2
    assert "Float8WeightOnlyConfig" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in run.glob("*.parquet")} == before


def test_a_slot_can_be_erased_in_what_a_quantised_denoiser_is_given_and_in_what_it_holds() -> None:
    loaded = load_model("builtin:sound", device="cpu", options=ModelOptions(quantize="int8"))
    prompts = load_suite("world-relations").prompts[:120]
    sampling = Sampling(2, 1.5, seeds=1, batch_size=40, record_denoiser=True)
    (batch,) = cut_batches(prompts[:6], seeds=1, batch_size=6)

    def draw() -> np.ndarray:
        return sample_batch(loaded, batch, steps=2, guidance_scale=1.5).images

    given = TextInterventions.fit(loaded, prompts, sampling, seed=0)
    held = BlockInterventions.fit(loaded, prompts, sampling, seed=0)
    with given.applied(Intervention("erase", SLOT), batch, {}):
        without_words = draw()
    with held.applied(Intervention("erase", SLOT, "up_blocks.1"), batch, {}):
        without_cells = draw()
    assert not np.array_equal(draw(), without_words)
    assert not np.array_equal(draw(), without_cells)


@pytest.mark.parametrize("choice", ["int8", "fp8"])
def test_the_control_with_random_weights_is_the_architecture_unquantised(
    choice: Quantization,
) -> None:
    quantised = load_model("builtin:sound", device="cpu", options=ModelOptions(quantize=choice))
    plain = load_model("builtin:sound", device="cpu")

    assert sorted(quantised.quantization) == ["text_encoder", "unet"]
    assert parameters_of(quantised.pipeline) == parameters_of(plain.pipeline)
    for control, name in ((random_text_encoders, "text_encoder"), (random_denoiser, "unet")):
        with control(quantised, seed=3) as own, control(plain, seed=3) as other:
            assert name not in own.quantization
            weights = own.pipeline.components[name].state_dict()
            for key, tensor in other.pipeline.components[name].state_dict().items():
                assert torch.equal(weights[key], tensor), key
    assert sorted(quantised.quantization) == ["text_encoder", "unet"]


def test_damage_is_found_in_quantised_weights_too() -> None:
    loaded = load_model("builtin:sound", device="cpu", options=ModelOptions(quantize="int8"))
    assert damaged_component(loaded.pipeline) is None

    layer = next(each for each in loaded.pipeline.unet.modules() if isinstance(each, Linear))
    weights: Any = layer.weight
    weights.scale.fill_(torch.nan)
    assert damaged_component(loaded.pipeline) == "unet"


def test_a_checkpoint_saved_quantised_is_the_one_that_is_quantised_while_it_is_loaded(
    tmp_path: Path,
) -> None:
    quantised = load_model("builtin:sound", device="cpu", options=ModelOptions(quantize="int8"))
    quantised.pipeline.save_pretrained(tmp_path / "saved")
    saved = load_model(str(tmp_path / "saved"), device="cpu")

    assert saved.quantization == quantised.quantization == INT8
    images = [
        each.pipeline(
            ["a red cube"], num_inference_steps=1, output_type="np", generator=torch.manual_seed(0)
        )[0]
        for each in (saved, quantised)
    ]
    assert np.array_equal(*images)
    with pytest.raises(ModelError, match="--quantize fp8 is for a checkpoint that is not quantis"):
        load_model(str(tmp_path / "saved"), device="cpu", options=ModelOptions(quantize="fp8"))


@pytest.fixture(scope="module")
def on_the_device(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[np.ndarray], list[bytes]]:
    """What quantised networks make that stay where they are."""
    loaded = load_model("builtin:sound", device="cpu", options=ModelOptions(quantize="int8"))
    return made(loaded, PROMPTS, tmp_path_factory.mktemp("plain") / "run")


@pytest.mark.parametrize("way", ["--offload model", "--offload sequential"])
def test_where_quantised_networks_lie_changes_no_number(
    way: str, on_the_device: tuple[list[np.ndarray], list[bytes]], tmp_path: Path
) -> None:
    loaded = load_model("builtin:sound", device="cpu", options=ModelOptions(quantize="int8"))
    put_away(loaded, way)
    features, images = made(loaded, PROMPTS, tmp_path / "run")

    expected, same_images = on_the_device
    assert same_images == images
    for one, other in zip(features, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_four_bits_are_asked_of_bitsandbytes_for_denoiser_and_text_encoders_alone() -> None:
    components = ["scheduler", "text_encoder", "text_encoder_2", "tokenizer", "transformer", "vae"]
    mapping = loading_config("nf4", components, torch.bfloat16).quant_mapping

    assert sorted(mapping) == ["text_encoder", "text_encoder_2", "transformer"]
    for name, config in mapping.items():
        assert type(config).__module__.startswith(
            "transformers" if "encoder" in name else "diffusers"
        )
        assert config.load_in_4bit and config.bnb_4bit_quant_type == "nf4"
        assert config.bnb_4bit_compute_dtype == torch.bfloat16


def test_a_text_encoder_that_bitsandbytes_saved_in_8_bits_is_read(tmp_path: Path) -> None:
    from transformers import AutoModelForTextEncoding, BitsAndBytesConfig

    folder = tiny_pipeline(tmp_path / "tiny")
    encoder = AutoModelForTextEncoding.from_pretrained(
        folder / "text_encoder", quantization_config=BitsAndBytesConfig(load_in_8bit=True)
    )
    encoder.save_pretrained(folder / "text_encoder")
    loaded = load_model(str(folder), device="cpu")

    assert loaded.quantization == {"text_encoder": "bitsandbytes int8"}
    encode_suite(loaded, PROMPTS)
    with random_text_encoders(loaded, seed=0) as control:
        assert control.quantization == {}
        encode_suite(control, PROMPTS)
