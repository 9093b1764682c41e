"""Weights in several files: with an index and without, whole and not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from t2i_audit.cli.main import main
from t2i_audit.errors import ModelError
from t2i_audit.models import load_model
from t2i_audit.models.text_encoder import load_text_encoder

Sharded = Callable[..., Path]
COMPONENTS = ("unet", "text_encoder")


@pytest.fixture
def sharded(checkpoint: Path, tmp_path: Path) -> Sharded:
    """Saves the tiny checkpoint with its denoiser and text encoder in several files each."""

    def save(*, index: bool = True, variant: str | None = None) -> Path:
        folder = tmp_path / "sharded"
        pipeline = load_model(str(checkpoint), device="cpu").pipeline
        shutil.copytree(checkpoint, folder)
        for name, size in (("unet", "60KB"), ("text_encoder", "30KB")):
            shutil.rmtree(folder / name)
            pipeline.components[name].save_pretrained(
                folder / name, max_shard_size=size, variant=variant
            )
            assert len(shards(folder / name)) > 2
            for file in (folder / name).glob("*.index.*json"):
                if not index:
                    file.unlink()
        return folder

    return save


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("*-of-*.safetensors"))


@pytest.mark.parametrize("index", [True, False], ids=["with an index", "without an index"])
def test_a_checkpoint_in_shards_is_the_checkpoint(
    index: bool, checkpoint: Path, sharded: Sharded
) -> None:
    whole = load_model(str(checkpoint), device="cpu").pipeline
    folder = sharded(index=index)
    before = sorted(path.name for path in folder.rglob("*"))
    loaded = load_model(str(folder), device="cpu")

    for name in COMPONENTS:
        weights = loaded.pipeline.components[name].state_dict()
        for key, tensor in whole.components[name].state_dict().items():
            assert torch.equal(weights[key], tensor), key
        assert set(loaded.checkpoint[name]) >= {file.name for file in shards(folder / name)}
    # Nothing is written into somebody else's folder.
    assert sorted(path.name for path in folder.rglob("*")) == before


@pytest.mark.parametrize("hard", [True, False], ids=["hard links", "copies"])
def test_shards_without_an_index_need_no_right_to_make_links(
    hard: bool, checkpoint: Path, sharded: Sharded, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    def refused(*_: object, **__: object) -> None:
        raise OSError(1314, "A required privilege is not held by the client")

    folder = sharded(index=False)
    monkeypatch.setattr(os, "symlink", refused)
    if not hard:
        monkeypatch.setattr(os, "link", refused)

    loaded = load_model(str(folder), device="cpu").pipeline.unet.state_dict()

    expected = load_model(str(checkpoint), device="cpu").pipeline.unet.state_dict()
    assert all(torch.equal(expected[key], tensor) for key, tensor in loaded.items())


def test_shards_of_a_variant_need_no_index_either(checkpoint: Path, sharded: Sharded) -> None:
    from t2i_audit.settings import ModelOptions

    folder = sharded(index=False, variant="fp16")
    with pytest.raises(ModelError, match="give --variant fp16"):
        load_model(str(folder), device="cpu")
    loaded = load_model(str(folder), device="cpu", options=ModelOptions(variant="fp16"))

    expected = load_model(str(checkpoint), device="cpu").pipeline.unet.state_dict()
    for key, tensor in loaded.pipeline.unet.state_dict().items():
        assert torch.equal(expected[key], tensor), key


def test_a_text_encoder_by_itself_needs_no_index_either(checkpoint: Path, sharded: Sharded) -> None:
    folder = sharded(index=False)
    expected = load_text_encoder(str(checkpoint / "text_encoder"), device="cpu").pipeline
    actual = load_text_encoder(str(folder / "text_encoder"), device="cpu").pipeline

    weights = actual.text_encoder.state_dict()
    for key, tensor in expected.text_encoder.state_dict().items():
        assert torch.equal(weights[key], tensor), key


@pytest.mark.parametrize("index", [True, False], ids=["with an index", "without an index"])
@pytest.mark.parametrize("component", COMPONENTS)
def test_a_missing_shard_is_named(
    component: str, index: bool, sharded: Sharded, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sharded(index=index)
    gone = shards(folder / component)[1]
    gone.unlink()

    refused(folder, capsys, f"{component!r} of", f"lacks the file {gone.name}")


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_shard_that_was_cut_off_is_named(
    component: str, sharded: Sharded, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sharded()
    cut = shards(folder / component)[1]
    cut.write_bytes(cut.read_bytes()[:-100])

    refused(folder, capsys, f"{cut} is damaged or was cut off", "fetch or save it again")


def test_an_index_that_cannot_be_read_is_refused(
    sharded: Sharded, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sharded()
    (index,) = (folder / "unet").glob("*.index.json")
    index.write_text(json.dumps({"weight_map": 1})[:-1])

    refused(folder, capsys, "the index of its weights cannot be read")


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *said: str) -> None:
    capsys.readouterr()
    out = folder.with_name("out")
    assert main(["audit", str(folder), "--device", "cpu", "--out", str(out)]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    for each in said:
        assert each in sentence
    assert not out.exists()
