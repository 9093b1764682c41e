"""Every file that a CLIP judge is read from counts, and a damaged one is told in a sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from prompts.world import Content, write
from t2i_audit.cli.main import main
from t2i_audit.errors import JudgeError
from t2i_audit.judges.clip import ClipJudge
from t2i_audit.models.builtin import builtin_folder
from t2i_audit.run.directory import read_manifest
from tests.tiny import tiny_open_clip

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
Change = Callable[[Path], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the built-in judge, whose tokenizer is one of transformers."""
    return Path(shutil.copytree(builtin_folder("clip-judge"), tmp_path / "judge"))


def edit(name: str, change: Callable[[Any], Any]) -> Change:
    def apply(folder: Path) -> None:
        value = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(change(value)))

    return apply


def put(*path: str | int, value: Any) -> Callable[[Any], Any]:
    def change(config: Any) -> Any:
        inner = config
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        return config

    return change


def shift(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    save_file(weights | {"ln_final.bias": weights["ln_final.bias"] + 1}, folder / WEIGHTS)


def spoil(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    save_file({name: tensor * torch.nan for name, tensor in weights.items()}, folder / WEIGHTS)


def cut_short(name: str) -> Change:
    def apply(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:-100])

    return apply


def load(folder: Path) -> ClipJudge:
    return ClipJudge.from_spec(f"clip:local-dir:{folder}", device="cpu")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (edit(CONFIG, put("preprocess_cfg", "mean", value=[0.4, 0.5, 0.5])), "config_sha256"),
        (edit("tokenizer.json", put("added_tokens", 1, "lstrip", value=True)), "tokenizer_sha256"),
        (edit("tokenizer_config.json", put("model_max_length", value=9)), "tokenizer_sha256"),
        (
            lambda folder: (folder / "special_tokens_map.json").write_text("{}"),
            "tokenizer_sha256",
        ),
        (shift, "weights_sha256"),
    ],
)
def test_each_file_that_is_read_is_in_the_judges_identity(
    change: Change, named: str, folder: Path
) -> None:
    before = load(folder).fingerprint
    change(folder)
    after = load(folder).fingerprint

    assert {name for name in before if before[name] != after[name]} == {named}


def test_another_tokenizer_makes_another_judge_that_judges_anew(
    folder: Path, tmp_path: Path
) -> None:
    command = [
        *("audit", "builtin:sound", "--suite", "world-smoke", "--limit", "6", "--seeds", "1"),
        *("--steps", "1", "--no-denoiser-station", "--device", "cpu"),
        *("--judge", f"clip:local-dir:{folder}", "--out", str(tmp_path / "run")),
    ]
    assert main(command) == 0
    before = read_manifest(tmp_path / "run").settings["judge"]
    edit("tokenizer_config.json", put("model_max_length", value=9))(folder)

    assert main(command) == 0
    after = read_manifest(tmp_path / "run").settings["judge"]
    assert {key for key in after if after[key] != before[key]} == {"tokenizer_sha256"}
    assert len([*(tmp_path / "run" / "judgements").iterdir()]) == 2


def test_what_cleans_texts_and_prepares_images_is_in_the_identity(folder: Path) -> None:
    assert {"open_clip", "ftfy", "tokenizers", "pillow", "torchvision"} <= set(
        load(folder).fingerprint
    )


BROKEN = {
    "no JSON": lambda folder: (folder / CONFIG).write_text("{"),
    "a list": lambda folder: (folder / CONFIG).write_text("[]"),
    "no model": lambda folder: (folder / CONFIG).write_text('{"preprocess_cfg": {}}'),
    "no text tower": edit(CONFIG, lambda config: {"model_cfg": {"embed_dim": 128}}),
    "a text tower of another type": edit(CONFIG, put("model_cfg", "text_cfg", value=[1])),
    "no width": edit(CONFIG, put("model_cfg", "embed_dim", value=None)),
    "no window": edit(CONFIG, put("model_cfg", "text_cfg", "context_length", value=0)),
    "a window in words": edit(CONFIG, put("model_cfg", "text_cfg", "context_length", value="x")),
    "an endless window": edit(CONFIG, put("model_cfg", "text_cfg", "context_length", value=10**12)),
    "an unknown setting": edit(CONFIG, put("model_cfg", "nonsense", value=1)),
    "a mean of two values": edit(CONFIG, put("preprocess_cfg", "mean", value=[0.5, 0.5])),
    "an unknown cleaning": edit(
        CONFIG, put("model_cfg", "text_cfg", "tokenizer_kwargs", value={"clean": "x"})
    ),
    "weights cut short": cut_short(WEIGHTS),
    "other weights": edit(CONFIG, put("model_cfg", "text_cfg", "layers", value=4)),
    "weights that are not finite": spoil,
    "a tokenizer cut short": cut_short("tokenizer.json"),
    "no tokenizer": lambda folder: (folder / "tokenizer.json").unlink(),
    "a tokenizer's configuration cut short": cut_short("tokenizer_config.json"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_folder_is_one_sentence(how: str, folder: Path) -> None:
    BROKEN[how](folder)

    with pytest.raises(JudgeError, match="judge 'clip:local-dir:") as caught:
        load(folder)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_nothing_is_written_for_a_broken_judge(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cut_short("tokenizer.json")(folder)
    out = tmp_path / "run"
    judge = f"clip:local-dir:{folder}"

    assert main(["audit", "builtin:sound", "--judge", judge, "--out", str(out)]) == 2

    assert len(capfd.readouterr().err.splitlines()) == 1
    assert not out.exists()


def test_a_tokenizer_of_other_weights_is_refused_before_any_image(tmp_path: Path) -> None:
    """The weights know 49408 tokens and the tokenizer, open_clip's own, gives all of them."""
    folder = tiny_open_clip(tmp_path / "tiny")
    put_size = put("model_cfg", "text_cfg", "vocab_size", value=500)
    edit(CONFIG, put_size)(folder)
    weights = load_file(folder / WEIGHTS)
    weights["token_embedding.weight"] = weights["token_embedding.weight"][:500].clone()
    save_file(weights, folder / WEIGHTS)

    with pytest.raises(JudgeError, match="tokenizer"):
        load(folder).scope([write(Content((("red", "circle"),)))])


def test_code_beside_a_judges_tokenizer_does_not_run(folder: Path) -> None:
    marker = folder / "ran"
    (folder / "own.py").write_text(
        f"open({str(marker)!r}, 'w').close()\n"
        "from transformers import PreTrainedTokenizerFast\n"
        "class Own(PreTrainedTokenizerFast): pass\n"
    )
    edit("tokenizer_config.json", put("auto_map", value={"AutoTokenizer": [None, "own.Own"]}))(
        folder
    )
    edit("tokenizer_config.json", put("tokenizer_class", value="Own"))(folder)
    edit(
        CONFIG, put("model_cfg", "text_cfg", "tokenizer_kwargs", value={"trust_remote_code": True})
    )(folder)

    try:
        load(folder)
    except JudgeError as error:
        assert "\n" not in str(error)
    assert not marker.exists()


def test_tokens_that_a_model_leaves_out_at_random_in_training_are_judged(tmp_path: Path) -> None:
    folder = tiny_open_clip(tmp_path / "tiny")
    edit(
        CONFIG, put("model_cfg", "text_cfg", "tokenizer_kwargs", value={"reduction_mask": "random"})
    )(folder)
    judge = load(folder)
    numbers = " ".join(str(number) for number in range(200))

    first, _ = judge.text.read([numbers])[numbers]
    again, _ = load(folder).text.read([numbers])[numbers]

    assert first.equal(again)
    np.testing.assert_array_equal(first[:-1], judge.text.tokenizer([numbers], 500)[0, :76])
