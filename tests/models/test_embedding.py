"""A textual inversion gives its token the vectors of its file, or is refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from t2i_audit.cli.main import main
from t2i_audit.errors import ModelError
from t2i_audit.models import load_model
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.settings import ModelOptions
from tests.families.checkpoints import build

TOKEN = "<zorblax>"
SHORT = ["--device", "cpu", "--limit", "8", "--random-weights", "1"]


def vectors(*shape: int) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(*shape)


def save(path: Path, **tensors: torch.Tensor) -> Path:
    save_file(tensors, path)
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A textual inversion of one vector, as diffusers saves it."""
    return save(tmp_path / "own.safetensors", **{TOKEN: vectors(1, 32)})


@pytest.fixture(scope="module")
def xl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("xl") / "xl"
    build("stable-diffusion-xl").save_pretrained(folder)
    return folder


def load(checkpoint: Path, *embeddings: object) -> LoadedModel:
    options = ModelOptions(embedding=tuple(map(str, embeddings)))
    return load_model(str(checkpoint), device="cpu", options=options)


def row(pipeline: Any, token: str, number: str = "") -> torch.Tensor:
    """The vector of `token` in one encoder, found as a prompt finds it."""
    tokenizer = getattr(pipeline, f"tokenizer{number}")
    encoder = getattr(pipeline, f"text_encoder{number}")
    plain, said = (tokenizer(f"a {word}")["input_ids"] for word in ("", token))
    (index,) = set(said) - set(plain)
    weight: torch.Tensor = encoder.get_input_embeddings().weight
    return weight[index].detach()


def test_a_token_has_the_vector_of_its_file(checkpoint: Path, own: Path) -> None:
    loaded = load(checkpoint, own)

    assert torch.equal(row(loaded.pipeline, TOKEN), vectors(1, 32)[0])
    assert loaded.notes == ()


@pytest.mark.parametrize("shape", [(32,), (1, 32)])
def test_a_token_may_be_given_another_name(
    shape: tuple[int, ...], checkpoint: Path, tmp_path: Path
) -> None:
    file = save(tmp_path / "own.safetensors", **{TOKEN: vectors(*shape)})
    pipeline = load(checkpoint, f"{file}:<other>").pipeline

    assert torch.equal(row(pipeline, "<other>"), vectors(*shape).flatten())
    assert TOKEN not in pipeline.tokenizer.get_vocab()


def test_a_file_without_a_token_goes_by_its_own_name(checkpoint: Path, tmp_path: Path) -> None:
    file = save(tmp_path / "zorblax.safetensors", emb_params=vectors(1, 32))

    assert torch.equal(row(load(checkpoint, file).pipeline, "zorblax"), vectors(1, 32)[0])


def test_several_vectors_are_read_one_after_the_other(checkpoint: Path, tmp_path: Path) -> None:
    file = save(tmp_path / "own.safetensors", **{TOKEN: vectors(3, 32)})
    pipeline = load(checkpoint, file).pipeline
    prompt = pipeline.maybe_convert_prompt(f"a {TOKEN}", pipeline.tokenizer)
    ids = pipeline.tokenizer(prompt)["input_ids"][-4:-1]

    assert torch.equal(pipeline.text_encoder.get_input_embeddings().weight[ids], vectors(3, 32))


def test_both_encoders_of_sdxl_take_their_own(xl: Path, tmp_path: Path) -> None:
    first, second = vectors(2, 1, 32)
    file = save(tmp_path / "zorblax.safetensors", clip_l=first, clip_g=second)
    loaded = load(xl, file)

    assert torch.equal(row(loaded.pipeline, "zorblax"), first[0])
    assert torch.equal(row(loaded.pipeline, "zorblax", "_2"), second[0])
    assert loaded.notes == ()


def test_an_encoder_that_gets_none_is_noted(xl: Path, checkpoint: Path, own: Path) -> None:
    (note,) = load(xl, own).notes
    assert f"--embedding {own} has nothing for text_encoder_2" in note

    both = save(own.with_name("zorblax.safetensors"), clip_l=vectors(1, 32), clip_g=vectors(1, 32))
    (note,) = load(checkpoint, both).notes
    assert f"clip_g of --embedding {both} fits nothing in StableDiffusionPipeline" in note


def refusals(folder: Path) -> dict[str, tuple[Path | str, str]]:
    nan = vectors(1, 32)
    nan[0, 0] = float("nan")
    (folder / "damaged.safetensors").write_bytes(b"anything")
    (folder / "pickle.pt").write_bytes(b"anything")
    return {
        "width": (
            save(folder / "wide.safetensors", **{TOKEN: vectors(1, 48)}),
            "has vectors of 48 numbers, and text_encoder takes 32",
        ),
        "vocabulary": (
            f"{save(folder / 'a.safetensors', **{TOKEN: vectors(1, 32)})}:green",
            "the token 'green' is in the vocabulary of tokenizer already",
        ),
        "spaces": (f"{folder / 'a.safetensors'}:my token", "should be one word"),
        "no token": (f"{folder / 'a.safetensors'}:", "should be one word"),
        "numbers": (
            save(folder / "nan.safetensors", **{TOKEN: nan}),
            "its values are not finite",
        ),
        "shape": (
            save(folder / "shape.safetensors", **{TOKEN: vectors(2, 2, 32)}),
            "should be a vector or several",
        ),
        "a LoRA": (
            save(folder / "lora.safetensors", up=vectors(1, 32), down=vectors(1, 32)),
            "is no textual inversion: it holds the tensors down and up",
        ),
        "the second encoder's": (
            save(folder / "g.safetensors", clip_g=vectors(1, 32)),
            "fits nothing in StableDiffusionPipeline",
        ),
        "damaged": (folder / "damaged.safetensors", "cannot be read"),
        "missing": (folder / "none.safetensors", "should name a .safetensors file"),
        "pickle": (folder / "pickle.pt", "should name a .safetensors file"),
    }


REFUSED = (
    "width", "vocabulary", "spaces", "no token", "numbers", "shape", "a LoRA",
    "the second encoder's", "damaged", "missing", "pickle",
)  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_one_sentence(
    name: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, said = refusals(tmp_path)[name]
    out = tmp_path / "run"

    command = ["probe", str(checkpoint), *SHORT, "--embedding", str(given), "--out", str(out)]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert error.count("t2i-audit:") == 1 and "Traceback" not in error
    assert "--embedding" in error and said in error
    assert not out.exists()


def test_the_same_token_twice_is_refused(checkpoint: Path, own: Path) -> None:
    with pytest.raises(ModelError, match="is in the vocabulary of tokenizer already"):
        load(checkpoint, own, own)


def test_a_pipeline_that_takes_none_says_so(tmp_path: Path, own: Path) -> None:
    build("pixart-alpha").save_pretrained(tmp_path / "pixart")

    with pytest.raises(ModelError, match="PixArtAlphaPipeline takes no textual inversion"):
        load(tmp_path / "pixart", own)


def test_a_run_records_it_and_tells_where_no_prompt_says_it(
    checkpoint: Path, own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = f"no prompt contains {TOKEN}, so --embedding {own} changes nothing."
    command = [
        "audit",
        str(checkpoint),
        *SHORT,
        "--suite",
        "world-smoke",
        "--judge",
        "clip:builtin:clip-judge",
    ]
    command += ["--seeds", "1", "--steps", "1", "--no-denoiser-station", "--embedding", str(own)]
    for name, more, unsaid in (("a", [], True), ("b", ["--negative-prompt", f"a {TOKEN}"], False)):
        out = tmp_path / name
        capsys.readouterr()
        assert main([*command, *more, "--out", str(out)]) == 0

        assert (f"t2i-audit: {note}" in capsys.readouterr().err) == unsaid
        assert (note in json.loads((out / "summary.json").read_text())["notes"]) == unsaid
        (recorded,) = json.loads((out / "manifest.json").read_text())["settings"]["embedding"]
        assert (recorded["file"], recorded["token"]) == ("own.safetensors", TOKEN)
        assert len(recorded["sha256"]) == 64
        kept = json.loads((out / "settings.json").read_text())["model_options"]
        assert kept["embedding"] == [str(own)]


def test_another_embedding_is_another_run(
    checkpoint: Path, own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["probe", str(checkpoint), *SHORT, "--suite", "world-smoke"]
    command += ["--out", str(tmp_path / "run"), "--embedding"]
    assert main([*command, str(own)]) == 0
    assert main([*command, f"{own}:{TOKEN}"]) == 0  # the same, said in full

    capsys.readouterr()
    assert main([*command, f"{own}:<other>"]) == 2
    assert f"--embedding is own.safetensors:{TOKEN} there and" in capsys.readouterr().err
    save(own, **{TOKEN: 2 * vectors(1, 32)})
    assert main([*command, str(own)]) == 2
    assert "own.safetensors of --embedding has changed since" in capsys.readouterr().err
