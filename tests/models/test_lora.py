"""A LoRA is added as far as it fits, and what does not fit is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from t2i_audit.cli.main import main
from t2i_audit.errors import ModelError
from t2i_audit.models import load_model
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.settings import ModelOptions
from tests.families.checkpoints import build

Tensors = dict[str, torch.Tensor]
LAYER = "mid_block.attentions.0.transformer_blocks.0.attn2"
TEXT_LAYER = "encoder.layers.0.self_attn"
SIZE = {"unet": 64, "text_encoder": 32}  # what the layers above take and give
SHORT = ["--suite", "world-smoke", "--limit", "8", "--device", "cpu", "--random-weights", "1"]


def pair(name: str, *, down: str, up: str, width: int = 64, given: int | None = None) -> Tensors:
    torch.manual_seed(0)
    return {
        f"{name}{down}": torch.randn(2, width if given is None else given),
        f"{name}{up}": torch.randn(width, 2),
    }


def peft(name: str, **sizes: Any) -> Tensors:
    return pair(name, down=".lora_A.weight", up=".lora_B.weight", **sizes)


def kohya_text(name: str) -> Tensors:
    layer = f"lora_te_text_model_encoder_layers_0_self_attn_{name}"
    tensors = pair(layer, down=".lora_down.weight", up=".lora_up.weight", width=32)
    return tensors | {f"{layer}.alpha": torch.tensor(1.0)}


def save(tensors: Tensors, path: Path) -> Path:
    save_file(tensors, path)
    return path


def load(checkpoint: Path, *loras: object) -> LoadedModel:
    options = ModelOptions(lora=tuple(map(str, loras)))
    return load_model(str(checkpoint), device="cpu", options=options)


def weights(loaded: LoadedModel) -> Tensors:
    networks = ("unet", "text_encoder", "vae")
    return {
        f"{name}.{key}": tensor
        for name in networks
        for key, tensor in getattr(loaded.pipeline, name).state_dict().items()
    }


def changed(before: LoadedModel, after: LoadedModel) -> set[str]:
    old, new = weights(before), weights(after)
    assert old.keys() == new.keys()
    return {key for key, tensor in old.items() if not torch.equal(tensor, new[key])}


QUERY = f"unet.{LAYER}.to_q"
FLAT = LAYER.replace(".", "_")
FORMATS: dict[str, tuple[Tensors, set[str]]] = {
    "peft": (peft(QUERY, given=64), {f"{QUERY}.weight"}),
    "diffusers": (
        pair(QUERY, down=".lora.down.weight", up=".lora.up.weight"),
        {f"{QUERY}.weight"},
    ),
    "diffusers of old": (
        pair(f"unet.{LAYER}.processor", down=".to_q_lora.down.weight", up=".to_q_lora.up.weight"),
        {f"{QUERY}.weight"},
    ),
    "kohya": (
        pair(f"lora_unet_{FLAT}_to_q", down=".lora_down.weight", up=".lora_up.weight")
        | {f"lora_unet_{FLAT}_to_q.alpha": torch.tensor(1.0)},
        {f"{QUERY}.weight"},
    ),
    "kohya, text encoder": (
        kohya_text("q_proj") | kohya_text("out_proj"),
        {f"text_encoder.{TEXT_LAYER}.{name}.weight" for name in ("q_proj", "out_proj")},
    ),
    "diffusers, text encoder": (
        pair(
            f"text_encoder.text_model.{TEXT_LAYER}.q_proj",
            down=".lora_linear_layer.down.weight",
            up=".lora_linear_layer.up.weight",
            width=32,
        ),
        {f"text_encoder.{TEXT_LAYER}.q_proj.weight"},
    ),
    "peft, both": (
        peft(QUERY) | peft(f"text_encoder.{TEXT_LAYER}.v_proj", width=32),
        {f"{QUERY}.weight", f"text_encoder.{TEXT_LAYER}.v_proj.weight"},
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_lora_changes_the_weights_it_names_and_no_others(
    name: str, checkpoint: Path, tmp_path: Path
) -> None:
    tensors, expected = FORMATS[name]
    loaded = load(checkpoint, save(tensors, tmp_path / "lora.safetensors"))

    assert changed(load(checkpoint), loaded) == expected
    assert loaded.notes == ()


OTHERS: dict[str, Tensors] = {
    "of FLUX": peft("transformer.single_transformer_blocks.0.attn.to_q"),
    "of FLUX, kohya": pair(
        "lora_unet_double_blocks_0_img_attn_proj", down=".lora_down.weight", up=".lora_up.weight"
    ),
    "of a layer that is not there": peft("unet.mid_block.attentions.7.proj_in"),
    "without a component": peft(f"{LAYER}.to_q"),
    "of a text encoder that is not there": peft("text_encoder_2.encoder.layers.0.self_attn.q_proj"),
    "with an original's prefix": peft(f"base_model.model.{LAYER}.to_q"),
    "not a LoRA": {"weight": torch.ones(2, 2)},
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_lora_that_fits_nothing_is_refused(
    name: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = save(OTHERS[name], tmp_path / "other.safetensors")
    out = tmp_path / "run"

    assert main(["probe", str(checkpoint), *SHORT, "--lora", str(file), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert said.count("t2i-audit:") == 1 and "Traceback" not in said
    assert f"--lora {file} fits nothing in StableDiffusionPipeline: " in said
    assert not out.exists()


HALVES: dict[str, Tensors] = {
    "layers": peft(QUERY) | peft("unet.mid_block.attentions.7.proj_in"),
    "components": peft(QUERY) | peft("text_encoder_2.encoder.layers.0.self_attn.q_proj"),
    "prefix": peft(QUERY) | peft("transformer.blocks.0.to_q"),
    "text encoder": peft(QUERY) | peft("text_encoder.encoder.layers.9.mlp.fc1", width=32),
}


@pytest.mark.parametrize("name", HALVES)
def test_a_lora_that_fits_in_part_is_added_so_and_counted(
    name: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = save(HALVES[name], tmp_path / "half.safetensors")
    note = f"2 of 4 tensors of --lora {file} fit StableDiffusionPipeline"

    loaded = load(checkpoint, file)
    assert changed(load(checkpoint), loaded) == {f"{QUERY}.weight"}
    assert len(loaded.notes) == 1 and loaded.notes[0].startswith(note)


def test_the_note_is_shown_and_is_in_the_summary(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = save(HALVES["layers"], tmp_path / "half.safetensors")
    fixed = [
        "--judge",
        "clip:builtin:clip-judge",
        "--seeds",
        "1",
        "--steps",
        "1",
        "--no-denoiser-station",
    ]
    for command, more in (("probe", []), ("audit", fixed)):
        out = tmp_path / command
        arguments = [command, str(checkpoint), *SHORT, *more, "--lora", str(file)]
        assert main([*arguments, "--out", str(out)]) == 0

        assert f"t2i-audit: 2 of 4 tensors of --lora {file}" in capsys.readouterr().err
        notes = json.loads((out / "summary.json").read_text())["notes"]
        assert any(note.startswith(f"2 of 4 tensors of --lora {file}") for note in notes)
        (recorded,) = json.loads((out / "manifest.json").read_text())["settings"]["lora"]
        assert recorded["file"] == "half.safetensors" and recorded["weight"] == 1.0
        assert len(recorded["sha256"]) == 64


def test_scales_that_diffusers_leaves_out_are_counted(checkpoint: Path, tmp_path: Path) -> None:
    name = f"lora_unet_{FLAT}_to_q"
    tensors = FORMATS["kohya"][0] | {f"{name}.dora_scale": torch.ones(64, 1)}
    loaded = load(checkpoint, save(tensors, tmp_path / "dora.safetensors"))

    assert loaded.notes[0].startswith("2 of 3 tensors")


@pytest.mark.parametrize("of", ["zeros", "dust"])
def test_a_lora_that_changes_no_weight_is_refused(
    of: str, checkpoint: Path, tmp_path: Path
) -> None:
    tensors = peft(QUERY)
    tensors[f"{QUERY}.lora_B.weight"] *= {"zeros": 0.0, "dust": 1e-30}[of]

    with pytest.raises(ModelError, match="changes no weight of StableDiffusionPipeline"):
        load(checkpoint, save(tensors, tmp_path / "nothing.safetensors"))


def test_a_lora_of_weight_0_is_noted(checkpoint: Path, tmp_path: Path) -> None:
    file = save(peft(QUERY), tmp_path / "lora.safetensors")
    loaded = load(checkpoint, f"{file}:0")

    assert changed(load(checkpoint), loaded) == set()
    assert loaded.notes == (f"--lora {file} has weight 0 and changes nothing.",)


@pytest.mark.parametrize("weight", ["nan", "inf", "-inf"])
def test_a_weight_that_is_not_finite_is_refused(weight: str) -> None:
    from t2i_audit.errors import AuditError

    with pytest.raises(AuditError, match="with a finite number for WEIGHT"):
        ModelOptions(lora=(f"a.safetensors:{weight}",))


def test_a_lora_with_nan_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    tensors = peft(QUERY)
    tensors[f"{QUERY}.lora_B.weight"][0, 0] = float("nan")

    with pytest.raises(ModelError, match="weights that are not finite"):
        load(checkpoint, save(tensors, tmp_path / "nan.safetensors"))


def test_a_layer_of_another_width_is_named(checkpoint: Path, tmp_path: Path) -> None:
    file = save(peft(QUERY, given=48), tmp_path / "wide.safetensors")

    with pytest.raises(ModelError, match=rf"{QUERY}.* takes 48 .* 64") as caught:
        load(checkpoint, file)
    assert "\n" not in str(caught.value)


def test_a_damaged_file_is_one_sentence(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"anything")

    with pytest.raises(ModelError, match="cannot be read") as caught:
        load(checkpoint, tmp_path / "bad.safetensors")
    assert "\n" not in str(caught.value)


def test_a_pipeline_that_takes_none_says_so(tmp_path: Path) -> None:
    build("pixart-alpha").save_pretrained(tmp_path / "pixart")
    file = save(peft("transformer.transformer_blocks.0.attn1.to_q"), tmp_path / "x.safetensors")

    with pytest.raises(ModelError, match="PixArtAlphaPipeline takes no LoRA"):
        load(tmp_path / "pixart", file)


def test_text_encoder_layers_of_flux_are_added_too(tmp_path: Path) -> None:
    """Diffusers by default adds those of the denoiser alone for good."""
    folder = tmp_path / "flux"
    build("flux-1").save_pretrained(folder)
    plain = load_model(str(folder), device="cpu").pipeline.text_encoder
    names = {name for name, _ in plain.named_modules()}
    (layer,) = (name for name in names if name.endswith("layers.0.self_attn.q_proj"))
    width = plain.get_submodule(layer).weight.shape[0]
    file = save(peft(f"text_encoder.{layer}", width=width), tmp_path / "text.safetensors")

    added = load(folder, file).pipeline.text_encoder
    own, new = (each.get_submodule(layer).weight for each in (plain, added))
    assert not torch.equal(own, new)


def test_another_file_under_the_same_name_is_another_run(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = save(peft(QUERY), tmp_path / "lora.safetensors")
    command = ["probe", str(checkpoint), *SHORT, "--out", str(tmp_path / "run")]
    assert main([*command, "--lora", str(file)]) == 0
    moved = save(load_file(file), tmp_path / "elsewhere.safetensors")
    assert main([*command, "--lora", str(moved)]) == 0  # the same LoRA

    cases: list[tuple[Callable[[], list[str]], str]] = [
        (lambda: ["--lora", f"{file}:0.5"], "--lora is lora.safetensors:1.0 there and "),
        (lambda: [], "and not given here"),
        (
            lambda: ["--lora", str(save({k: 2 * v for k, v in peft(QUERY).items()}, file))],
            "lora.safetensors of --lora has changed since the run in",
        ),
    ]
    for arguments, said in cases:
        capsys.readouterr()
        assert main([*command, *arguments()]) == 2
        assert said in capsys.readouterr().err
