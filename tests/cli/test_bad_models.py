"""Every MODEL that cannot be used gives one sentence that says why, and exit code 2."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from tests.families.checkpoints import build
from tests.families.text import sentence_pieces
from tests.tiny import tiny_pipeline


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipeline(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


def index(folder: Path, **changes: object) -> None:
    path = folder / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def pickled_component(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(folder / "unet" / "model.bin")


def wrong_class(folder: Path) -> None:
    index(folder, _class_name="NoSuchPipeline")


def image_to_image(folder: Path) -> None:
    index(folder, _class_name="StableDiffusionImg2ImgPipeline")


def missing_tokenizer(folder: Path) -> None:
    shutil.rmtree(folder / "tokenizer")


def corrupted(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])


def own_code(folder: Path) -> None:
    (folder / "unet" / "mine.py").write_text("raise SystemExit('the code ran')")
    index(folder, unet=["mine", "MyDenoiser"])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (pickled_component, "'unet' of"),
        (pickled_component, "save_pretrained(FOLDER, safe_serialization=True)"),
        (wrong_class, "NoSuchPipeline"),
        (image_to_image, "needs an image beside the prompt"),
        (missing_tokenizer, "'tokenizer' of"),
        (corrupted, "is damaged or was cut off"),
        (own_code, "code of its own (unet), which is not run"),
    ],
)
def test_a_damaged_folder_is_one_sentence(
    damage: Callable[[Path], None], said: str, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(copied)
    assert_refused([str(copied)], said, copied.parent, capsys)


def test_a_pickle_is_told_how_to_convert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.ckpt").write_bytes(b"anything")
    assert_refused([str(tmp_path / "model.ckpt")], "is a pickle", tmp_path, capsys)


def test_a_single_file_needs_a_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"anything")
    assert_refused([str(tmp_path / "model.safetensors")], "give --config DIR", tmp_path, capsys)


def test_a_single_file_that_is_damaged_does_not_load(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"anything")
    arguments = [str(tmp_path / "model.safetensors"), "--config", str(checkpoint)]
    assert_refused(arguments, "does not load", tmp_path, capsys)


def test_a_hub_id_that_is_not_cached_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["nobody/no-such-model", "--local-files-only"]
    assert_refused(arguments, "could not be fetched", tmp_path, capsys)


def test_a_scheduler_that_does_not_fit_is_offered_the_nearest(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(checkpoint), "--scheduler", "EulerDiscreteSchedule"]
    assert_refused(arguments, "nearest: EulerDiscreteScheduler", tmp_path, capsys)


def test_a_lora_that_is_missing_is_named(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(checkpoint), "--lora", "none.safetensors:0.5"]
    assert_refused(arguments, "--lora none.safetensors should name", tmp_path, capsys)


def test_a_vocabulary_in_which_words_cannot_be_found_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build("kolors").save_pretrained(tmp_path / "kolors")
    sentence_pieces(tmp_path / "kolors" / "tokenizer" / "tokenizer.model", ["no", "such", "words"])
    capsys.readouterr()
    assert_refused([str(tmp_path / "kolors")], "tokens does not give", tmp_path, capsys)


def assert_refused(
    arguments: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "run"
    code = main(["probe", *arguments, "--device", "cpu", "--limit", "4", "--out", str(out)])
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if line.startswith("t2i-audit:")]

    assert code == 2
    assert len(lines) == 1
    assert said in lines[0]
    assert "Traceback" not in captured.err
    assert not out.exists()
