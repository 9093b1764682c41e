"""A text encoder is probed by itself as it is probed within a pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from prompts.suite import load_suite
from t2i_audit.activations.random_weights import random_text_encoders
from t2i_audit.activations.readable import feature_blocks
from t2i_audit.activations.text.encode import EncodedSuite, encode_suite
from t2i_audit.cli.main import main
from t2i_audit.models import builtin_folder, load_model
from t2i_audit.models.text_encoder import load_text_encoder
from t2i_audit.probes.decoded import PlaceReading
from t2i_audit.probes.station import probe_station
from t2i_audit.run.tables import read_rows, table_path
from tests.families import text
from tests.tiny import tiny_open_clip, tiny_prompts

PROMPTS = tiny_prompts(6)
WORLD = load_suite("world-smoke").prompts
ENCODERS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "clip": text.clip,
    "clip-projected": lambda: text.clip(projected=True),
    "t5": text.t5,
    "umt5": lambda: text.t5("UMT5EncoderModel"),
    "bert": text.bert,
    "gemma": text.gemma,
    "llama": lambda: text.language_model("LlamaForCausalLM"),
    "qwen-3": lambda: text.language_model("Qwen3Model"),
    "qwen-vl": text.qwen_vision,
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of an encoder with its tokenizer in it, made once."""
    root = tmp_path_factory.mktemp("encoders")

    def save(name: str) -> Path:
        if not (root / name).exists():
            torch.manual_seed(0)
            model, tokenizer = ENCODERS[name]()
            model.save_pretrained(root / name)
            tokenizer.save_pretrained(root / name)
        return root / name

    return save


@pytest.fixture(scope="module")
def open_clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_open_clip(tmp_path_factory.mktemp("open-clip") / "tiny", layers=2)


@pytest.mark.parametrize("name", ENCODERS)
def test_what_is_read_is_what_the_encoder_computes_of_each_prompt_alone(
    name: str, saved: Callable[[str], Path]
) -> None:
    model, _ = ENCODERS[name]()
    loaded = load_text_encoder(str(saved(name)), device="cpu")
    encoded = encode_suite(loaded, PROMPTS)
    inner = loaded.pipeline.text_encoder
    (located,) = encoded.tokens.values()
    last = next(each for each in reversed(encoded.features) if each.position == "eos")

    assert type(inner).__name__.removesuffix("Model") in type(model).__name__
    assert not encoded.truncated.any()
    for row, prompt in enumerate(PROMPTS):
        ids = loaded.pipeline.tokenizer(prompt.text, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            own = inner(input_ids=ids).last_hidden_state[0]
        np.testing.assert_allclose(last.values[row], own[located[row].eos].numpy(), atol=2e-5)


@pytest.mark.parametrize("name", ENCODERS)
def test_random_weights_are_read_at_the_same_positions(
    name: str, saved: Callable[[str], Path]
) -> None:
    loaded = load_text_encoder(str(saved(name)), device="cpu")
    own = by_key(encode_suite(loaded, PROMPTS))
    with random_text_encoders(loaded, seed=1) as other:
        random_model = by_key(encode_suite(other, PROMPTS))

    assert own.keys() == random_model.keys()
    assert not any(np.array_equal(own[key], random_model[key]) for key in own if key[1] == "eos")


def test_an_open_clip_tower_is_read_as_open_clip_runs_it(open_clip_folder: Path) -> None:
    """Its own `encode_text` is the projection of the last state at the end token."""
    import open_clip

    name = f"local-dir:{open_clip_folder}"
    loaded = load_text_encoder(name, device="cpu")
    encoded = by_key(encode_suite(loaded, PROMPTS))
    reference = open_clip.create_model(name).eval()
    with torch.no_grad():
        tokens = open_clip.get_tokenizer(name)([prompt.text for prompt in PROMPTS])
        expected = reference.encode_text(tokens).numpy()
    projection = reference.text_projection.detach().numpy()

    assert {layer for layer, _ in encoded} == {"embeddings", "block_1", "block_2", "final_norm"}
    np.testing.assert_allclose(encoded["final_norm", "eos"] @ projection, expected, atol=1e-5)
    with random_text_encoders(loaded, seed=1) as other:
        random_model = by_key(encode_suite(other, PROMPTS))
    assert not np.array_equal(encoded["final_norm", "eos"], random_model["final_norm", "eos"])


def test_the_encoder_of_a_pipeline_has_the_pipelines_figures() -> None:
    whole = load_model("builtin:sound", device="cpu")
    assert whole.path is not None
    alone = load_text_encoder(str(whole.path / "text_encoder"), device="cpu")
    with (
        random_text_encoders(whole, seed=1) as random_model,
        random_text_encoders(alone, seed=1) as random_alone,
    ):
        pairs = [
            [by_key(encode_suite(each, WORLD)) for each in pair]
            for pair in ((whole, alone), (random_model, random_alone))
        ]
    for expected, read in pairs:
        assert read.keys() == expected.keys()
        for key, values in expected.items():
            np.testing.assert_allclose(read[key], values, atol=1e-5, err_msg=str(key))
    # The same features give the same probes; one place of them through the whole station.
    first, second = (end_probes(encode_suite(each, WORLD)) for each in (whole, alone))
    assert len(first) == len(second) > 0
    for one_place, other_place in zip(first, second, strict=True):
        assert other_place.r2 == pytest.approx(one_place.r2, abs=1e-3)
        estimates = (each.balanced_accuracy.estimate for each in (one_place, other_place))
        assert next(estimates) == pytest.approx(next(estimates))


def end_probes(encoded: EncodedSuite) -> tuple[PlaceReading, ...]:
    at_end = [f for f in encoded.features if (f.layer, f.position) == ("final_norm", "eos")]
    return tuple(probe_station(WORLD, feature_blocks(at_end, WORLD), seed=0).places)


def test_a_run_records_which_encoder_and_tokenizer_it_rests_on(
    open_clip_folder: Path, tmp_path: Path
) -> None:
    name, out = f"local-dir:{open_clip_folder}", tmp_path / "run"
    arguments = ["--text-encoder", name, "--suite", "world-smoke", "--limit", "16"]

    assert main(["probe", *arguments, "--device", "cpu", "--out", str(out)]) == 0
    settings = json.loads((out / "manifest.json").read_text())["settings"]
    assert settings["model"] == name
    assert settings["text_encoder"] == "OpenClipText"
    assert len(settings["weights_sha256"]) == len(settings["tokenizer_sha256"]) == 64
    assert read_rows(table_path(out, "probes"), "probes")


def by_key(encoded: EncodedSuite) -> dict[tuple[str, str], np.ndarray]:
    return {(each.layer, each.position): each.values for each in encoded.features}


def without_tokenizer(folder: Path) -> None:
    for file in folder.glob("*token*"):
        file.unlink()


def without_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def with_a_layer_missing(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))


def cut_short(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])


def with_code_of_its_own(folder: Path) -> None:
    (folder / "mine.py").write_text("raise SystemExit('the code ran')")
    config = json.loads((folder / "config.json").read_text())
    own = {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config"}}
    (folder / "config.json").write_text(json.dumps(config | own))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without_tokenizer, "give --tokenizer DIR"),
        (without_safetensors, "no weights in safetensors format"),
        (with_a_layer_missing, "lacks 16 of the weights of a CLIPTextModel"),
        (cut_short, "is damaged or was cut off"),
        (with_code_of_its_own, "does not load"),
    ],
)
def test_an_encoder_that_cannot_be_used_is_one_sentence(
    damage: Callable[[Path], None], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    for part in text.clip():
        part.save_pretrained(tmp_path / "clip")
    damage(tmp_path / "clip")
    assert_refused(["--text-encoder", str(tmp_path / "clip")], said, tmp_path, capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give a MODEL or --text-encoder PATH; neither is given"),
        (["builtin:sound", "--text-encoder", "x"], "not both"),
        (["builtin:sound", "--tokenizer", "x"], "--tokenizer needs --text-encoder"),
        (
            ["--text-encoder", "x", "--lora", "y.safetensors"],
            "takes no option that fetches, changes or places a pipeline",
        ),
        (["--text-encoder", "nowhere"], "there is no such folder"),
        (["--text-encoder", "local-dir:nowhere"], "no open_clip_config.json in it"),
        (["--text-encoder", str(builtin_folder("sound"))], "is a whole pipeline"),
    ],
)
def test_arguments_that_do_not_go_together_are_one_sentence(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(arguments, said, tmp_path, capsys)


def test_an_open_clip_folder_is_refused_with_the_right_form(
    open_clip_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = f"give it as local-dir:{open_clip_folder}"
    assert_refused(["--text-encoder", str(open_clip_folder)], said, tmp_path, capsys)


def assert_refused(
    arguments: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "run"
    code = main(["probe", *arguments, "--device", "cpu", "--limit", "4", "--out", str(out)])
    error = capsys.readouterr().err

    assert code == 2
    assert said in error
    assert error.count("t2i-audit:") == 1
    assert "Traceback" not in error
    assert not out.exists()
