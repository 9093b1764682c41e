"""A run rests on the files that were loaded, each of them, and on no other."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from t2i_audit.io import sha256_of
from t2i_audit.models import load_model
from tests.families import text
from tests.models.original import write_original
from tests.tiny import tiny_open_clip

SHORT = ["--suite", "world-smoke", "--limit", "8", "--device", "cpu", "--random-weights", "1"]
DRAWN = [
    *(
        "--judge",
        "clip:builtin:clip-judge",
        "--seeds",
        "1",
        "--steps",
        "1",
        "--guidance-scale",
        "3",
    ),
    "--no-denoiser-station",
]
UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


@pytest.fixture(scope="module")
def finished(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A checkpoint and a finished run of it; a test leaves what is loaded as it was."""
    folder = tmp_path_factory.mktemp("finished")
    copy = Path(shutil.copytree(checkpoint, folder / "copy"))
    assert probe(copy, out=folder / "run") == 0
    return copy, folder / "run"


def probe(*arguments: object, out: Path) -> int:
    return main(["probe", *map(str, arguments), *SHORT, "--out", str(out)])


def one_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = (x for x in capsys.readouterr().err.splitlines() if x.startswith("t2i-audit:"))
    return line


def edit(path: Path, **changes: object) -> None:
    path.write_text(
        json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8"
    )


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def flip_last_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


EDITS: dict[str, Callable[[Path], None]] = {
    "scheduler/scheduler_config.json": lambda path: edit(path, beta_end=0.02),
    "vae/config.json": lambda path: edit(path, scaling_factor=0.3),
    "unet/config.json": lambda path: edit(path, sample_size=4),
    "text_encoder/config.json": lambda path: edit(path, hidden_act="gelu"),
    "tokenizer/tokenizer_config.json": lambda path: edit(path, model_max_length=60),
    "tokenizer/tokenizer.json": lambda path: append(path, "\n"),
    "model_index.json": lambda path: edit(path, force_zeros_for_empty_prompt=True),
    UNET: flip_last_byte,
}


@pytest.mark.parametrize("name", EDITS)
def test_a_finished_run_is_not_shown_for_a_checkpoint_that_was_edited(
    name: str, finished: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, run = finished
    before = (folder / name).read_bytes()
    EDITS[name](folder / name)
    capsys.readouterr()
    code = probe(folder, out=run)
    (folder / name).write_bytes(before)

    assert code == 2
    said = one_sentence(capsys)
    assert f"{name} of the checkpoint has changed since the run in {run} was begun" in said
    assert "give another --out" in said


def test_an_unfinished_run_is_not_finished_with_another_scheduler(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    command = ["audit", str(copied), *SHORT, *DRAWN, "--out", str(out)]
    assert main([*command, "--shard", "1/2"]) == 0
    edit(copied / "scheduler" / "scheduler_config.json", beta_end=0.02)
    capsys.readouterr()

    assert main([*command, "--shard", "2/2"]) == 2
    assert "scheduler/scheduler_config.json of the checkpoint has changed" in one_sentence(capsys)


def variant_weights(folder: Path) -> None:
    weights = folder / UNET
    shutil.copy(weights, weights.with_suffix(".fp16.safetensors"))
    (weights.parent / "diffusion_pytorch_model.safetensors.index.fp16.json").write_text("{}")


def other_formats(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"1")
    (folder / "text_encoder" / "pytorch_model.bin").write_bytes(b"1")
    (folder / "text_encoder" / "pytorch_model.bin.index.json").write_text("{}")
    (folder / "text_encoder" / "flax_model.msgpack").write_bytes(b"1")
    (folder / "v1-5-pruned.safetensors").write_bytes(b"1")


def beside_the_checkpoint(folder: Path) -> None:
    for name in ("README.md", ".gitattributes", "sample.png", "unet/README.md", "vae/LICENSE.txt"):
        (folder / name).write_bytes(b"1")
    (folder / "assets").mkdir()
    (folder / "assets" / "config.json").write_text("{}")
    (folder / "unet" / "notes.py").write_text("raise SystemExit")


def leftover_shards(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model-00001-of-00002.safetensors").write_bytes(b"1")


@pytest.mark.parametrize(
    "add", [variant_weights, other_formats, beside_the_checkpoint, leftover_shards]
)
def test_files_that_are_not_loaded_do_not_count(
    add: Callable[[Path], None], finished: tuple[Path, Path]
) -> None:
    folder, run = finished
    before = (run / "manifest.json").read_bytes()
    add(folder)

    assert probe(folder, out=run) == 0
    assert (run / "manifest.json").read_bytes() == before


def test_a_component_that_is_loaded_from_several_files_counts_each(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unet = load_model(str(copied), device="cpu").pipeline.unet
    shutil.rmtree(copied / "unet")
    unet.save_pretrained(copied / "unet", max_shard_size="100KB")
    names = sorted(path.name for path in (copied / "unet").iterdir())
    assert len(names) > 3
    assert probe(copied, out=tmp_path / "run") == 0
    settings = json.loads((tmp_path / "run" / "manifest.json").read_text())["settings"]
    assert sorted(settings["checkpoint"]["unet"]) == names

    flip_last_byte(copied / "unet" / names[-2])
    capsys.readouterr()
    assert probe(copied, out=tmp_path / "run") == 2
    assert f"unet/{names[-2]} of the checkpoint has changed" in one_sentence(capsys)


def test_the_variant_that_is_loaded_counts_and_the_plain_weights_do_not(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variant_weights(copied)
    (copied / "unet" / "diffusion_pytorch_model.safetensors.index.fp16.json").unlink()
    arguments = (copied, "--variant", "fp16")
    assert probe(*arguments, out=tmp_path / "run") == 0
    flip_last_byte(copied / UNET)
    assert probe(*arguments, out=tmp_path / "run") == 0

    flip_last_byte((copied / UNET).with_suffix(".fp16.safetensors"))
    capsys.readouterr()
    assert probe(*arguments, out=tmp_path / "run") == 2
    said = one_sentence(capsys)
    assert "unet/diffusion_pytorch_model.fp16.safetensors of the checkpoint has changed" in said


def test_the_configuration_beside_a_single_file_counts(
    checkpoint: Path, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = load_model(str(checkpoint), device="cpu").pipeline
    file = write_original(pipeline, tmp_path / "tiny.safetensors")
    arguments = (file, "--config", copied)
    assert probe(*arguments, out=tmp_path / "run") == 0
    # Of what lies in the file the folder's own weights are not read.
    flip_last_byte(copied / UNET)
    assert probe(*arguments, out=tmp_path / "run") == 0

    edit(copied / "scheduler" / "scheduler_config.json", beta_end=0.02)
    capsys.readouterr()
    assert probe(*arguments, out=tmp_path / "run") == 2
    assert "scheduler/scheduler_config.json of the checkpoint has changed" in one_sentence(capsys)


def test_links_of_the_hubs_cache_are_followed_and_their_names_not_trusted(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from huggingface_hub import constants

    repository = tmp_path / "hub" / "models--owner--tiny"
    commit = repository / "snapshots" / ("1" * 40)
    (repository / "blobs").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("1" * 40)
    for number, file in enumerate(sorted(checkpoint.rglob("*.*"))):
        link = commit / file.relative_to(checkpoint)
        link.parent.mkdir(parents=True, exist_ok=True)
        blob = Path(shutil.copy(file, repository / "blobs" / f"{number:064}"))
        link.symlink_to(os.path.relpath(blob, link.parent))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert probe("owner/tiny", out=tmp_path / "run") == 0

    # A new commit that changes its card only is the same checkpoint.
    commit.rename(commit.with_name("2" * 40))
    (repository / "refs" / "main").write_text("2" * 40)
    assert probe("owner/tiny", out=tmp_path / "run") == 0

    edit(commit.with_name("2" * 40) / "scheduler" / "scheduler_config.json", beta_end=0.02)
    capsys.readouterr()
    assert probe("owner/tiny", out=tmp_path / "run") == 2
    assert "scheduler/scheduler_config.json of the checkpoint has changed" in one_sentence(capsys)


def test_code_that_is_run_counts(
    copied: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from diffusers.utils import dynamic_modules_utils

    monkeypatch.setattr(dynamic_modules_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(tmp_path / "modules")
    code = copied / "text_encoder" / "counted_encoder.py"
    code.write_text(
        "from transformers import CLIPTextModel\nclass CountedEncoder(CLIPTextModel):\n    pass\n"
    )
    edit(copied / "model_index.json", text_encoder=["counted_encoder", "CountedEncoder"])
    arguments = (copied, "--trust-remote-code", copied)
    assert probe(*arguments, out=tmp_path / "run") == 0
    code.write_text(code.read_text() + "# changed\n")
    capsys.readouterr()

    assert probe(*arguments, out=tmp_path / "run") == 2
    said = one_sentence(capsys)
    assert "text_encoder/counted_encoder.py of the checkpoint has changed" in said


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("config.json", lambda path: edit(path, hidden_act="gelu"), "text_encoder/config.json"),
        (
            "tokenizer_config.json",
            lambda path: edit(path, model_max_length=9),
            "tokenizer/tokenizer_config.json",
        ),
        ("model.safetensors", flip_last_byte, "text_encoder/model.safetensors"),
    ],
)
def test_the_files_of_a_text_encoder_alone_count(
    name: str,
    change: Callable[[Path], None],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "clip"
    for part in text.clip():
        part.save_pretrained(folder)
    assert probe("--text-encoder", folder, out=tmp_path / "run") == 0
    (folder / "README.md").write_text("a card")
    (folder / "notes.txt").write_text("notes")
    (folder / "pytorch_model.bin").write_bytes(b"1")
    shutil.copy(folder / "model.safetensors", folder / "model.fp16.safetensors")
    assert probe("--text-encoder", folder, out=tmp_path / "run") == 0

    change(folder / name)
    capsys.readouterr()
    assert probe("--text-encoder", folder, out=tmp_path / "run") == 2
    assert f"{said} of the checkpoint has changed" in one_sentence(capsys)


def test_the_tokenizer_of_an_encoder_from_another_folder_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, tokenizer = text.clip()
    model.save_pretrained(tmp_path / "clip")
    tokenizer.save_pretrained(tmp_path / "words")
    arguments = ("--text-encoder", tmp_path / "clip", "--tokenizer", tmp_path / "words")
    assert probe(*arguments, out=tmp_path / "run") == 0

    edit(tmp_path / "words" / "tokenizer_config.json", model_max_length=9)
    capsys.readouterr()
    assert probe(*arguments, out=tmp_path / "run") == 2
    assert "tokenizer/tokenizer_config.json of the checkpoint has changed" in one_sentence(capsys)


def test_the_files_of_an_open_clip_model_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny_open_clip(tmp_path / "tiny")
    arguments = ("--text-encoder", f"local-dir:{folder}")
    assert probe(*arguments, out=tmp_path / "run") == 0
    shutil.copy(folder / "open_clip_model.safetensors", folder / "model.safetensors")
    assert probe(*arguments, out=tmp_path / "run") == 0

    edit(folder / "open_clip_config.json", note="changed")
    capsys.readouterr()
    assert probe(*arguments, out=tmp_path / "run") == 2
    assert "text_encoder/open_clip_config.json of the checkpoint has changed" in one_sentence(
        capsys
    )


def test_a_run_that_did_not_record_the_files_says_so(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert probe(checkpoint, out=out) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    del manifest["settings"]["checkpoint"]
    (out / "manifest.json").write_text(json.dumps(manifest))
    capsys.readouterr()

    assert probe(checkpoint, out=out) == 2
    assert "began before the checkpoint's files were recorded" in one_sentence(capsys)


def test_a_finished_run_is_not_mended_with_other_versions(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert probe(checkpoint, out=out) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["versions"]["diffusers"] = "0.1"
    (out / "manifest.json").write_text(json.dumps(manifest))
    capsys.readouterr()
    assert probe(checkpoint, out=out) == 0
    assert "was finished with other versions (diffusers is '0.1' there and" in one_sentence(capsys)

    (out / "probes.parquet").unlink()
    assert probe(checkpoint, out=out) == 2
    assert "diffusers is '0.1' there" in capsys.readouterr().err.splitlines()[-1]
    assert not (out / "probes.parquet").exists()


def test_another_model_is_named_before_its_files(
    checkpoint: Path, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe(checkpoint, out=tmp_path / "run") == 0
    EDITS[UNET](copied / UNET)
    capsys.readouterr()

    assert probe(copied, out=tmp_path / "run") == 2
    assert "in which model is" in one_sentence(capsys)


def test_shards_of_checkpoints_that_differ_are_not_merged(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        command = ["audit", str(copied), *SHORT, *DRAWN, "--shard", f"{number}/2"]
        assert main([*command, "--out", str(tmp_path / str(number))]) == 0
        edit(copied / "scheduler" / "scheduler_config.json", beta_end=0.02)
    capsys.readouterr()

    runs = [str(tmp_path / "1"), str(tmp_path / "2")]
    assert main(["merge", *runs, "--out", str(tmp_path / "whole")]) == 2
    said = one_sentence(capsys)
    assert "shards of different audits: scheduler/scheduler_config.json of the checkpoint" in said
    assert not (tmp_path / "whole").exists()


def test_weights_are_hashed_once(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def counted(path: Path) -> str:
        read.append(path)
        return sha256_of(path)

    monkeypatch.setattr("t2i_audit.models.files.sha256_of", counted)
    load_model(str(copied), device="cpu")

    assert len(read) == len(set(read)) > 5
