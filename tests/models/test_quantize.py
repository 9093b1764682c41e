"""Quantisation that cannot be carried out or read is refused in a sentence, before any weights."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
import torch

from t2i_audit.cli.main import main
from t2i_audit.errors import ModelError
from t2i_audit.models.quantize import check_quantization, quantization_of
from t2i_audit.models.resolve import read_index
from t2i_audit.models.text_encoder import load_text_encoder
from t2i_audit.settings import Quantization


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the libraries that quantise were installed; they are not loaded here."""
    monkeypatch.setattr("t2i_audit.models.quantize.find_spec", lambda name: name)


@pytest.fixture
def saved(checkpoint: Path, tmp_path: Path) -> Path:
    """The tiny checkpoint, its denoiser quantised before it was saved."""
    return quantised_by("torchao", checkpoint, tmp_path)


def quantised_by(library: str, checkpoint: Path, tmp_path: Path, part: str = "unet") -> Path:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "saved"))
    config = folder / part / "config.json"
    settings = json.loads(config.read_text()) | {"quantization_config": {"quant_method": library}}
    config.write_text(json.dumps(settings))
    return folder


def refuse(
    folder: Path, choice: Quantization | None = None, *, lora: bool = False, device: str = "cpu"
) -> str:
    _, components = read_index(folder, "MODEL")
    with pytest.raises(ModelError) as refusal:
        check_quantization(
            folder, "MODEL", components, choice=choice, lora=lora, device=torch.device(device)
        )
    return str(refusal.value)


@pytest.mark.skipif(importlib.util.find_spec("torchao") is not None, reason="it is installed")
def test_a_quantiser_that_is_not_installed_is_named(
    checkpoint: Path, saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert main(["audit", str(checkpoint), "--quantize", "int8", "--out", out]) == 2
    assert "--quantize int8 needs torchao, which is missing" in capsys.readouterr().err
    assert main(["audit", str(saved), "--out", out]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "The unet of" in sentence and "pip install 't2i-audit[quantize]'" in sentence
    assert not Path(out).exists()


@pytest.mark.usefixtures("installed")
def test_a_device_that_cannot_do_it_is_named_with_what_can(checkpoint: Path) -> None:
    assert "give --quantize int8 or fp8, or --device cuda or mps" in refuse(checkpoint, "nf4")
    said = refuse(checkpoint, "fp8", device="mps")
    assert "fp8 does not run on the device 'mps'; give --quantize nf4 or int8" in said


@pytest.mark.usefixtures("installed")
def test_what_is_quantised_already_is_not_quantised_again(saved: Path) -> None:
    assert "the unet of 'MODEL' is already (torchao); leave it out" in refuse(saved, "int8")


@pytest.mark.usefixtures("installed")
def test_a_lora_is_not_fused_into_quantised_weights(saved: Path, checkpoint: Path) -> None:
    assert "--lora cannot be fused into the unet of 'MODEL'" in refuse(saved, lora=True)
    assert "--lora cannot be fused into" in refuse(checkpoint, "int8", lora=True)


@pytest.mark.parametrize("library", ["nunchaku_lite", "quanto", "gptq"])
def test_a_library_that_may_fetch_code_is_not_given_the_checkpoint(
    library: str, checkpoint: Path, tmp_path: Path
) -> None:
    folder = quantised_by(library, checkpoint, tmp_path, "text_encoder")

    assert f"is quantised by {library}, which is not read here" in refuse(folder)
    with pytest.raises(ModelError, match=f"is quantised by {library}, which is not read here"):
        load_text_encoder(str(folder / "text_encoder"), device="cpu")


def test_a_checkpoint_without_quantised_weights_has_no_quantisation() -> None:
    from tests.families.checkpoints import build

    assert quantization_of(build("stable-diffusion-1")) == {}
