"""A denoiser in a GGUF file, audited with the rest of its pipeline from a folder."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from t2i_audit.activations.random_weights import random_denoiser
from t2i_audit.cli.main import main
from t2i_audit.errors import ModelError
from t2i_audit.models import load_model
from t2i_audit.models.hardware import parameters_of
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.settings import ModelOptions
from tests.families.checkpoints import build
from tests.families.loading import save_family
from tests.tiny import tiny_open_clip

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A FLUX.1 denoiser in GGUF, and the folder of the rest."""
    folder = save_family("flux-1", tmp_path_factory.mktemp("gguf"))
    weights = folder / "transformer" / WEIGHTS
    file = write_gguf(folder.with_name("flux.gguf"), load_file(weights))
    weights.unlink()
    return file, folder


def write_gguf(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    """Write `tensors`, of which matrices are kept in 8 bits."""
    from gguf import GGMLQuantizationType, GGUFWriter, quants

    out = GGUFWriter(str(path), "flux")
    for name, tensor in tensors.items():
        if tensor.ndim == 2 and tensor.shape[1] % 32 == 0:
            kind = GGMLQuantizationType.Q8_0
            out.add_tensor(name, quants.quantize(tensor.numpy(), kind), raw_dtype=kind)
        else:
            out.add_tensor(name, tensor.numpy())
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


def load(file: Path, config: Path, **options: object) -> LoadedModel:
    return load_model(
        str(file),
        device="cpu",
        options=ModelOptions(config=config, **options),  # type: ignore[arg-type]
    )


def test_an_audit_of_the_file_says_what_is_quantised(
    flux: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, folder = flux
    judge = tiny_open_clip(tmp_path / "tiny-clip")
    run = tmp_path / "run"
    options = (
        f"--suite world-smoke --judge clip:local-dir:{judge} --device cpu --limit 4 --seeds 1 "
        "--batch-size 2 --steps 2 --height 16 --width 16 --random-weights 1 --no-report"
    )
    command = ["audit", str(file), "--config", str(folder), *options.split(), "--out", str(run)]
    assert main(command) == 0

    settings = json.loads((run / "manifest.json").read_text())["settings"]
    assert settings["quantization"] == {"transformer": "gguf Q8_0"}
    assert settings["checkpoint"]["."].keys() == {"flux.gguf", "model_index.json"}
    assert settings["weights_sha256"] == load(file, folder).weights_sha256
    screen = capsys.readouterr()
    for shown in (screen.out, screen.err):
        assert "Weights are quantised: transformer (gguf Q8_0)" in " ".join(shown.split())


def test_weights_are_those_of_the_checkpoint_up_to_their_rounding(
    flux: tuple[Path, Path],
) -> None:
    from diffusers.quantizers.gguf.utils import dequantize_gguf_tensor

    loaded, whole = load(*flux), build("flux-1")
    for key, tensor in whole.transformer.state_dict().items():
        weights = loaded.pipeline.transformer.get_parameter(key)
        kept = dequantize_gguf_tensor(weights).detach()
        # A block's 8 bits reach from -127 to 127 times its scale.
        np.testing.assert_allclose(kept, tensor, atol=float(tensor.abs().max()) / 127, rtol=0)
    assert parameters_of(loaded.pipeline) == parameters_of(whole)


def test_the_control_with_random_weights_is_the_architecture_unquantised(
    flux: tuple[Path, Path],
) -> None:
    loaded = load(*flux)
    with random_denoiser(loaded, seed=0) as control:
        assert control.quantization == {}
        assert type(control.pipeline.transformer) is type(loaded.pipeline.transformer)
    assert loaded.quantization == {"transformer": "gguf Q8_0"}


def test_an_idle_denoiser_can_leave_the_device(flux: tuple[Path, Path]) -> None:
    def image(loaded: LoadedModel) -> np.ndarray:
        drawn: np.ndarray = loaded.pipeline(
            ["a red cube"], height=16, width=16, num_inference_steps=1, output_type="np",
            generator=torch.manual_seed(0),
        )[0]  # fmt: skip
        return drawn

    away = load(*flux)
    away.pipeline.enable_model_cpu_offload(device="cpu")
    np.testing.assert_array_equal(image(away), image(load(*flux)))


@pytest.mark.parametrize("family", ["stable-diffusion-1", "stable-diffusion-3", "chroma"])
def test_a_file_of_another_architecture_is_refused(
    family: str, flux: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = save_family(family, tmp_path)
    capsys.readouterr()
    command = ["audit", str(flux[0]), "--config", str(other), "--out", str(tmp_path / "run")]
    assert main(command) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert f"(flux) does not fit the {'unet' if family[-1] == '1' else 'transformer'}" in sentence
    assert "give the file and a folder of one architecture" in sentence
    assert not (tmp_path / "run").exists()


def test_a_file_without_all_of_the_weights_is_refused(
    flux: tuple[Path, Path], tmp_path: Path
) -> None:
    tensors = build("flux-1").transformer.state_dict()
    tensors.pop("proj_out.bias")
    part = write_gguf(tmp_path / "part.gguf", tensors)
    with pytest.raises(ModelError, match=r"part\.gguf \(flux\) does not fit"):
        load(part, flux[1])


@pytest.mark.parametrize("size", [0, 10, 2_000, -5_000])
def test_a_file_that_was_cut_off_is_refused(
    size: int, flux: tuple[Path, Path], tmp_path: Path
) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(flux[0].read_bytes()[:size])
    with pytest.raises(ModelError, match=r"cut\.gguf is no GGUF file, or is damaged or cut off"):
        load(cut, flux[1])


def test_options_that_would_be_ignored_are_refused(flux: tuple[Path, Path]) -> None:
    with pytest.raises(ModelError, match="--quantize is for a folder or a hub id"):
        load(*flux, quantize="int8")
    with pytest.raises(ModelError, match="--lora cannot be fused into"):
        load(*flux, lora=("style.safetensors",))
    with pytest.raises(ModelError, match="give --config DIR"):
        load_model(str(flux[0]), device="cpu")


def test_without_the_library_the_sentence_says_what_to_install(
    flux: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ModelError, match=r"needs gguf, which is missing; .*\[quantize\]"):
        load(*flux)


def test_weights_that_the_folder_lacks_are_named(flux: tuple[Path, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(flux[1], tmp_path / "folder"))
    (folder / "vae" / WEIGHTS).unlink()
    with pytest.raises(ModelError, match="vae"):
        load(flux[0], folder)
