"""Options of how a checkpoint is read: variants, and what means nothing for the one given."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from t2i_audit.models import load_model
from tests.models.original import write_original

NETWORKS = ("text_encoder", "unet", "vae")
FP16 = "diffusion_pytorch_model.fp16.safetensors"
PLAIN = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


@pytest.fixture(scope="module")
def single(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pipeline = load_model(str(checkpoint), device="cpu").pipeline
    return write_original(pipeline, tmp_path_factory.mktemp("single") / "tiny.safetensors")


def only(folder: Path, variant: str, *names: str) -> None:
    """Leave of the weights of the components `names` those of a variant alone."""
    for name in names:
        (plain,) = (folder / name).glob("*.safetensors")
        plain.rename(plain.with_suffix(f".{variant}.safetensors"))


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str], out: Path) -> str:
    capsys.readouterr()
    code = main(["probe", *arguments, "--device", "cpu", "--limit", "4", "--out", str(out)])
    said = capsys.readouterr().err
    assert code == 2 and said.count("t2i-audit:") == 1 and "Traceback" not in said
    assert not out.exists()
    return said


def all_networks(folder: Path) -> None:
    only(folder, "fp16", *NETWORKS)


def one_network(folder: Path) -> None:
    only(folder, "fp16", "unet")


def in_shards(folder: Path) -> None:
    unet = load_model(str(folder), device="cpu").pipeline.unet
    shutil.rmtree(folder / "unet")
    unet.save_pretrained(folder / "unet", max_shard_size="100KB", variant="fp16")


@pytest.mark.parametrize(
    ("leave", "named"),
    [(all_networks, "text_encoder, unet and vae"), (one_network, "unet"), (in_shards, "unet")],
)
def test_weights_of_a_variant_alone_are_asked_for_by_its_name(
    leave: Callable[[Path], None],
    named: str,
    copied: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    leave(copied)
    said = refused([str(copied)], capsys, tmp_path / "run")

    assert f"has the weights of {named} only as the variant fp16; give --variant fp16" in said
    command = ["probe", str(copied), "--variant", "fp16", "--device", "cpu", "--limit", "4"]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0


def test_variants_that_cannot_be_loaded_together_are_refused(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only(copied, "fp16", "unet")
    only(copied, "ema", "vae")
    said = refused([str(copied)], capsys, tmp_path / "run")
    assert "unet only as fp16 and vae only as ema, which cannot be loaded together" in said

    said = refused([str(copied), "--variant", "fp16"], capsys, tmp_path / "run")
    assert "unet only as fp16 and vae only as ema, which cannot be loaded together" in said


def test_a_missing_variant_is_refused_with_the_ones_that_exist(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused([str(copied), "--variant", "fp16"], capsys, tmp_path / "run")
    assert "has no weights of the variant fp16; leave --variant out" in said

    shutil.copy(copied / "unet" / PLAIN, copied / "unet" / FP16)
    said = refused([str(copied), "--variant", "int8"], capsys, tmp_path / "run")
    assert "has no weights of the variant int8; it has fp16" in said


@pytest.fixture
def cached(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The snapshot of a hub id in the local cache, fp16 alone."""
    from huggingface_hub import constants

    all_networks(copied)
    repository = tmp_path / "hub" / "models--owner--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("1" * 40)
    snapshot = Path(shutil.copytree(copied, repository / "snapshots" / ("1" * 40)))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return snapshot


def test_a_cached_hub_id_without_the_variant_is_refused_too(
    cached: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(["owner/tiny"], capsys, tmp_path / "run")
    assert "'owner/tiny' has the weights of text_encoder, unet and vae only as the variant" in said


def test_a_hub_id_without_the_variant_in_the_hubs_list_is_refused(
    cached: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Diffusers fetches nothing then; the hub's answers are those of a repository of fp16 files."""
    from diffusers import DiffusionPipeline
    from huggingface_hub import HfApi

    names = [str(file.relative_to(cached)) for file in cached.rglob("*.*")]

    def no_weights(*args: object, **kwargs: object) -> str:
        raise OSError("Could not find the necessary `safetensors` weights in {} (variant=None)")

    monkeypatch.setattr(DiffusionPipeline, "download", no_weights)
    monkeypatch.setattr(HfApi, "list_repo_files", lambda *args, **kwargs: names)
    said = refused(["owner/tiny"], capsys, tmp_path / "run")
    assert "'owner/tiny' has the weights of text_encoder, unet and vae only as the variant" in said


UNUSED: list[tuple[str, list[str], str]] = [
    ("builtin:sound", ["--revision", "main"], "--revision is for a hub id"),
    ("builtin:sound", ["--variant", "fp16"], "--variant means nothing for a built-in checkpoint"),
    ("builtin:sound", ["--local-files-only"], "--local-files-only is for a hub id"),
    ("builtin:sound", ["--config", "FOLDER"], "--config is for a checkpoint in a single file"),
    (
        "builtin:sound",
        ["--trust-remote-code", "builtin:sound"],
        "--trust-remote-code means nothing for 'builtin:sound', which brings no code",
    ),
    ("FOLDER", ["--revision", "main"], "--revision is for a hub id"),
    ("FOLDER", ["--local-files-only"], "--local-files-only is for a hub id"),
    ("FOLDER", ["--config", "FOLDER"], "--config is for a checkpoint in a single file"),
    ("FOLDER", ["--trust-remote-code", "FOLDER"], "which brings no code"),
    ("FOLDER", ["--trust-remote-code", "other"], "--trust-remote-code names 'other'"),
    ("FILE", ["--config", "FOLDER", "--revision", "main"], "--revision is for a hub id"),
    ("FILE", ["--config", "FOLDER", "--local-files-only"], "--local-files-only is for a hub id"),
    ("FILE", ["--config", "FOLDER", "--trust-remote-code", "FILE"], "which brings no code"),
    (
        "FILE",
        ["--config", "FOLDER", "--variant", "fp16"],
        "--variant means nothing for",
    ),
    ("owner/tiny", ["--config", "FOLDER"], "--config is for a checkpoint in a single file"),
    ("owner/tiny", ["--trust-remote-code", "owner/else"], "--trust-remote-code names 'owner/else'"),
]


@pytest.mark.parametrize(("model", "options", "said"), UNUSED)
def test_an_option_that_means_nothing_is_refused(
    model: str,
    options: list[str],
    said: str,
    checkpoint: Path,
    single: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stands_for = {"FOLDER": str(checkpoint), "FILE": str(single)}
    arguments = [stands_for.get(each, each) for each in (model, *options)]

    assert said in refused(arguments, capsys, tmp_path / "run")


def test_weights_beside_a_single_file_may_be_of_a_variant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.families.checkpoints import build

    folder = tmp_path / "folder"
    build("flux-1").save_pretrained(folder)
    file = tmp_path / "denoiser.safetensors"
    (folder / "transformer" / PLAIN).rename(file)
    only(folder, "fp16", "vae")
    arguments = [str(file), "--config", str(folder)]

    said = refused(arguments, capsys, tmp_path / "run")
    assert "vae only as the variant fp16; give --variant fp16" in said
    command = ["probe", *arguments, "--variant", "fp16", "--device", "cpu", "--limit", "4"]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0
