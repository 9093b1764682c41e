"""A hub id is read from the local cache, at the commit that is asked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from t2i_audit.cli.main import main
from t2i_audit.errors import ModelError
from t2i_audit.models import load_model
from t2i_audit.settings import ModelOptions

NAME = "owner/tiny"
COMMITS = {"main": "1" * 40, "v1": "2" * 40}
UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def cache(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hub's local cache with two commits of the tiny checkpoint, laid out as its client does.

    ``main`` is the checkpoint and has a variant ``fp16`` too; ``v1`` differs in its autoencoder.
    """
    root = tmp_path_factory.mktemp("hub")
    repository = root / f"models--{NAME.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    for reference, commit in COMMITS.items():
        (repository / "refs" / reference).write_text(commit)
        shutil.copytree(checkpoint, repository / "snapshots" / commit)
    main_folder, older = (repository / "snapshots" / commit for commit in COMMITS.values())
    for name in ("unet", "vae", "text_encoder"):
        network = getattr(load_model(str(checkpoint), device="cpu").pipeline, name)
        network.half().save_pretrained(main_folder / name, variant="fp16")
        if name == "vae":
            network.float().apply(zero_convolutions).save_pretrained(older / name)
    return root


def zero_convolutions(module: torch.nn.Module) -> None:
    if isinstance(module, torch.nn.Conv2d):
        torch.nn.init.zeros_(module.weight)


@pytest.fixture(autouse=True)
def offline(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.mark.parametrize(
    ("revision", "reference"), [(None, "main"), ("v1", "v1"), (COMMITS["v1"], "v1")]
)
def test_the_revision_asked_for_is_loaded(
    revision: str | None, reference: str, cache: Path
) -> None:
    options = ModelOptions(revision=revision, local_files_only=True)
    loaded = load_model(NAME, device="cpu", options=options)

    assert loaded.source == "hub"
    assert loaded.commit == COMMITS[reference]
    folder = cache / "models--owner--tiny" / "snapshots" / COMMITS[reference]
    assert loaded.weights_sha256 == load_model(str(folder), device="cpu").weights_sha256
    assert bool(loaded.pipeline.vae.decoder.conv_in.weight.any()) == (reference == "main")


def test_the_manifest_pins_the_commit(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = f"probe {NAME} --revision v1 --local-files-only --suite world-smoke --limit 8"

    assert main([*command.split(), "--device", "cpu", "--out", str(out)]) == 0

    settings = json.loads((out / "manifest.json").read_text())["settings"]
    assert (settings["model"], settings["commit"]) == (NAME, COMMITS["v1"])


def test_a_revision_that_is_not_cached_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"probe {NAME} --revision v9 --local-files-only --device cpu"

    assert main([*command.split(), "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "could not be fetched from the hub" in said


@pytest.mark.parametrize("where", ["hub", "folder"])
def test_a_variant_is_loaded_in_place_of_the_plain_weights(where: str, cache: Path) -> None:
    folder = cache / "models--owner--tiny" / "snapshots" / COMMITS["main"]
    model = NAME if where == "hub" else str(folder)
    plain, half = (
        load_model(model, device="cpu", options=ModelOptions(variant=variant)).pipeline
        for variant in (None, "fp16")
    )

    for name in ("unet", "vae", "text_encoder"):
        both = (getattr(pipeline, name).state_dict() for pipeline in (plain, half))
        own, variant = (torch.cat([each.flatten() for each in state.values()]) for state in both)
        assert torch.equal(own.half().float(), variant)
        assert not torch.equal(own, variant)


def test_a_variant_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(ModelError, match=r"variant.*int3") as caught:
        load_model(NAME, device="cpu", options=ModelOptions(variant="int3"))

    assert "\n" not in str(caught.value)
