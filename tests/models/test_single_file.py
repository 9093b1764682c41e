"""A checkpoint in one file is the checkpoint in a folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from t2i_audit.cli.main import main
from t2i_audit.errors import ModelError
from t2i_audit.models import load_model
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.settings import ModelOptions
from tests.families.checkpoints import build
from tests.models.original import write_original


@pytest.fixture(scope="module")
def original(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint in one file, under its authors' names."""
    loaded = load_model(str(checkpoint), device="cpu")
    path = tmp_path_factory.mktemp("original") / "tiny.safetensors"
    return write_original(loaded.pipeline, path)


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A FLUX.1 denoiser in one file, and the folder of the rest, its T5 cut into two files."""
    folder = tmp_path_factory.mktemp("flux") / "folder"
    pipeline = build("flux-1")
    pipeline.save_pretrained(folder)
    shutil.rmtree(folder / "text_encoder_2")
    pipeline.text_encoder_2.save_pretrained(folder / "text_encoder_2", max_shard_size="20KB")
    assert len(list((folder / "text_encoder_2").glob("*.safetensors"))) > 1
    file = folder.with_name("denoiser.safetensors")
    (folder / "transformer" / "diffusion_pytorch_model.safetensors").rename(file)
    return file, folder


def load(file: Path, config: Path) -> LoadedModel:
    return load_model(str(file), device="cpu", options=ModelOptions(config=config))


def test_an_audit_of_the_file_has_the_tables_of_the_folders(
    checkpoint: Path, original: Path, tmp_path: Path
) -> None:
    fixed = (
        "--suite world-smoke --judge clip:builtin:clip-judge --device cpu --limit 12 --seeds 1 "
        "--steps 1 --guidance-scale 3 --batch-size 12 --no-denoiser-station"
    )
    runs = {"folder": [str(checkpoint)], "file": [str(original), "--config", str(checkpoint)]}
    for name, model in runs.items():
        assert main(["audit", *model, *fixed.split(), "--out", str(tmp_path / name)]) == 0

    tables = {name: read(tmp_path / name, "*.parquet") for name in runs}
    assert tables["file"] == tables["folder"]
    assert {"probes.parquet", "judgements.parquet"} <= set(tables["file"])
    manifest = json.loads((tmp_path / "file" / "manifest.json").read_text())
    assert manifest["settings"]["weights_sha256"] == load(original, checkpoint).weights_sha256


def read(run: Path, pattern: str) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in run.glob(pattern)}


def test_what_the_file_lacks_comes_from_the_folder(flux: tuple[Path, Path]) -> None:
    loaded = load(*flux)

    whole = build("flux-1")
    for name in ("transformer", "vae", "text_encoder", "text_encoder_2"):
        expected, actual = (getattr(each, name).state_dict() for each in (whole, loaded.pipeline))
        assert all(torch.equal(actual[key], tensor) for key, tensor in expected.items()), name


def test_the_hash_covers_what_comes_from_the_folder(
    flux: tuple[Path, Path], tmp_path: Path
) -> None:
    file, folder = flux
    changed = Path(shutil.copytree(folder, tmp_path / "changed"))
    weights = changed / "text_encoder" / "model.safetensors"
    save_file(
        {name: tensor + 1 for name, tensor in load_file(weights).items()}, weights, {"format": "pt"}
    )

    assert load(file, folder).weights_sha256 != load(file, changed).weights_sha256


def test_a_pickle_in_the_folder_is_not_read(flux: tuple[Path, Path], tmp_path: Path) -> None:
    file, folder = flux
    changed = Path(shutil.copytree(folder, tmp_path / "changed"))
    (changed / "text_encoder" / "model.safetensors").unlink()
    (changed / "text_encoder" / "pytorch_model.bin").write_bytes(b"code that would run")

    with pytest.raises(ModelError, match=r"holds no text_encoder, and .* in safetensors format"):
        load(file, changed)


def test_a_folder_that_names_code_of_its_own_is_refused(
    checkpoint: Path, original: Path, tmp_path: Path
) -> None:
    changed = Path(shutil.copytree(checkpoint, tmp_path / "changed"))
    index = json.loads((changed / "model_index.json").read_text())
    (changed / "model_index.json").write_text(json.dumps(index | {"vae": ["antigravity", "Fly"]}))

    with pytest.raises(ModelError, match=r"brings code of its own \(vae\)"):
        load(original, changed)
